package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wapid/store"
	"wapid/webhooks"
)

// servedNames are the names of a page's files.
func servedNames(t *testing.T, p *pageFiles) []string {
	t.Helper()
	files, err := p.load()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(files))
}

// dashboardURL is where a file of the dashboard is served.
func dashboardURL(name string) string { return "/dashboard/" + name }

// Everything that the page refers to is served, and none of it lies elsewhere.
func TestDashboardPageIsWhole(t *testing.T) {
	d := start(t)
	page := d.do(call{method: http.MethodGet, path: "/"})
	d.wants(page, http.StatusOK, "")
	if got := page.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("the page is %q", got)
	}
	if strings.Contains(page.body, "<style") || regexp.MustCompile(`<script(?: [^>]*)?>[^<]`).MatchString(page.body) || regexp.MustCompile(` (?:on\w+|style)=`).MatchString(page.body) {
		t.Error("the page holds what its policy forbids")
	}
	refs := regexp.MustCompile(`(?:src|href)="(/[^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(refs) < 5 {
		t.Errorf("only %d references", len(refs))
	}
	for _, m := range refs {
		d.wants(d.do(call{method: http.MethodGet, path: m[1], header: map[string]string{"Accept-Encoding": "identity"}}), http.StatusOK, "")
	}
}

func TestDashboardFiles(t *testing.T) {
	d := start(t)
	for _, name := range servedNames(t, d.server.dashboard) {
		plain := d.do(call{method: http.MethodGet, path: dashboardURL(name), header: map[string]string{"Accept-Encoding": "identity"}})
		small := d.do(call{method: http.MethodGet, path: dashboardURL(name), header: map[string]string{"Accept-Encoding": "gzip"}})
		d.wants(plain, http.StatusOK, "")
		d.wants(small, http.StatusOK, "")
		if plain.header.Get("Content-Type") != pageMedia(name) || small.header.Get("Content-Encoding") != "gzip" || small.body == plain.body {
			t.Errorf("%s: %v, zipped %v", name, plain.header, small.header)
		}
		again := d.do(call{method: http.MethodGet, path: dashboardURL(name), header: map[string]string{"Accept-Encoding": "gzip", "If-None-Match": small.header.Get("ETag")}})
		if again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s, which the browser has, is answered %d", name, again.status)
		}
		for header, want := range map[string]string{
			"Content-Security-Policy": dashboardPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-cache",
		} {
			if got := plain.header.Get(header); got != want {
				t.Errorf("%s of %s is %q", header, name, got)
			}
		}
	}
}

// What is not a file of the page can't be had, however it is written.
func TestDashboardServesNothingElse(t *testing.T) {
	d := start(t)
	for _, p := range []string{
		"/dashboard", "/dashboard/", "/dashboard/nothing.js", "/dashboard/pages", "/dashboard/pages/", "/dashboard/vendor/",
		"/dashboard/pages%2fsessions.js", "/dashboard/..%2fopenapi.yaml", "/dashboard/%2e%2e/openapi.yaml", "/dashboard/pages/..%2fapp.js",
		"/dashboard/pages/%2e%2e%2fapp.js", "/dashboard/vendor/package.json", "/dashboard/vendor/build.mjs", "/dashboard/vendor/VENDOR.md",
		"/dashboard/pages/README.md", "/dashboard//app.js", "/dashboard/pages//sessions.js", `/dashboard/pages/..\app.js`, "/dashboard/app.js%00",
	} {
		if r := d.do(call{method: http.MethodGet, path: p, undocumented: true}); r.status != http.StatusNotFound && r.status != http.StatusBadRequest {
			t.Errorf("%s answers %d", p, r.status)
		}
	}
}

// comment is a comment of JavaScript that begins a line, or stands between /* and */.
var comment = regexp.MustCompile(`(?m)^\s*//.*$|/\*(?s:.*?)\*/`)

// modules calls each with our own modules, by their name below the dashboard and
// without their comments.
func modules(t *testing.T, each func(name, text string)) {
	t.Helper()
	seen := 0
	err := fs.WalkDir(dashboardFiles, "dashboard", func(name string, _ fs.DirEntry, err error) error {
		short := strings.TrimPrefix(name, "dashboard/")
		if err != nil || path.Ext(name) != ".js" || strings.HasPrefix(short, "vendor/") {
			return err
		}
		text, err := fs.ReadFile(dashboardFiles, name)
		seen++
		each(short, comment.ReplaceAllString(string(text), ""))
		return err
	})
	if err != nil || seen < 10 {
		t.Errorf("%d modules: %v", seen, err)
	}
}

// No module makes markup or code out of data, or names another host: the policy
// would stop it in the browser, and here it is seen before.
func TestDashboardModulesAreTame(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\(|new Function|https?://[^\s"'` + "`" + `<]*|["'` + "`" + `]//[a-z]|\sstyle="`)
	modules(t, func(name, text string) {
		for _, found := range forbidden.FindAllString(text, -1) {
			if !isPlaceholder(found) {
				t.Errorf("%s holds %s", name, found)
			}
		}
	})
}

// isPlaceholder tells whether a URL only shows in a form what one looks like.
func isPlaceholder(url string) bool {
	return regexp.MustCompile(`^https?://([a-z.]*example\.(com|org|net)|localhost|127\.0\.0\.1)([:/].*)?$`).MatchString(url)
}

// Whatever a module imports is there.
func TestDashboardImportsAreServed(t *testing.T) {
	files, err := newDashboardPage().load()
	if err != nil {
		t.Fatal(err)
	}
	imports := regexp.MustCompile(`(?:\bfrom\s*|\bimport(?:\s+|\s*\(\s*))"([^"]+)"`)
	modules(t, func(name, text string) {
		for _, m := range imports.FindAllStringSubmatch(text, -1) {
			target := m[1]
			switch {
			case strings.HasPrefix(target, "."):
				target = path.Join(path.Dir(name), target)
			case strings.HasPrefix(target, "/dashboard/"):
				target = strings.TrimPrefix(target, "/dashboard/")
			default:
				t.Errorf("%s imports %q, which no browser finds", name, m[1])
				continue
			}
			if _, ok := files[target]; !ok {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
		}
	})
}

// The page hears every event that the daemon tells: an EventSource hears only the
// names that it asks for.
func TestDashboardHearsEveryEvent(t *testing.T) {
	text, err := dashboardFiles.ReadFile("dashboard/live.js")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)const types = \[(.*?)\];`).FindSubmatch(text)
	if list == nil {
		t.Fatal("live.js has no list of types")
	}
	var heard []string
	for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(string(list[1]), -1) {
		heard = append(heard, m[1])
	}
	var told []string
	for _, kind := range webhooks.Types() {
		told = append(told, string(kind))
	}
	slices.Sort(heard)
	slices.Sort(told)
	if !slices.Equal(heard, told) {
		t.Errorf("the page hears %v, the daemon tells %v", heard, told)
	}
}

// The templates drop a line's end with the space that it would be: words and what follows
// them on the next line would stand together.
func TestDashboardKeepsSpaces(t *testing.T) {
	glued := regexp.MustCompile(`[a-z,:;]\n\s*<(?:a|button|code|strong|em)\b[^>]*>[^\s>]`)
	modules(t, func(name, text string) {
		for _, m := range glued.FindAllString(text, -1) {
			t.Errorf("%s has no space in %q", name, m)
		}
	})
}

// The audit log has words for everything that is written into it.
func TestDashboardNamesEveryAction(t *testing.T) {
	text, err := dashboardFiles.ReadFile("dashboard/pages/admin-audit.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range store.Actions() {
		if !strings.Contains(string(text), `"`+string(action)+`": "`) {
			t.Errorf("the page has no words for %s", action)
		}
	}
}

// readModules reads the modules of a folder without running them, and prints what is
// wrong with each. One process does it: starting node takes longer than reading.
const readModules = `const fs = require("fs"), vm = require("vm");
for (const name of fs.readdirSync(process.argv[1])) {
	try { new vm.SourceTextModule(fs.readFileSync(process.argv[1] + "/" + name, "utf8"), { identifier: name }); }
	catch (e) { console.log(name, e.stack); }
}
console.log("done");`

// Every module can be read, as a module.
func TestDashboardModulesParse(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not on this machine")
	}
	dir := t.TempDir()
	modules(t, func(name, _ string) {
		text, err := fs.ReadFile(dashboardFiles, "dashboard/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path.Join(dir, strings.ReplaceAll(name, "/", "_")), text, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	out, err := exec.CommandContext(t.Context(), node, "--experimental-vm-modules", "--no-warnings", "-e", readModules, dir).CombinedOutput()
	if err != nil || string(out) != "done\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// The libraries are the ones that VENDOR.md names, and their licences are kept.
func TestDashboardLibrariesAreAsVendored(t *testing.T) {
	about, err := os.ReadFile("dashboard/vendor/VENDOR.md")
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^([0-9a-f]{64})  (\S+)$`).FindAllStringSubmatch(string(about), -1) {
		sums[m[2]] = m[1]
	}
	files, err := newDashboardPage().load()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		name, ok := strings.CutPrefix(name, "vendor/")
		if !ok {
			continue
		}
		if strings.HasPrefix(name, "LICENSE-") {
			if !strings.Contains(string(about), name) {
				t.Errorf("%s belongs to no library", name)
			}
			continue
		}
		sum := sha256.Sum256(f.plain)
		if hex.EncodeToString(sum[:]) != sums[name] {
			t.Errorf("%s is not what VENDOR.md says", name)
		}
		delete(sums, name)
	}
	for name := range sums {
		t.Errorf("%s is missing", name)
	}
	for _, m := range regexp.MustCompile("`(LICENSE-[^`]*)`").FindAllStringSubmatch(string(about), -1) {
		if _, ok := files["vendor/"+m[1]]; !ok {
			t.Errorf("%s is missing", m[1])
		}
	}
}
