package httpapi

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Everything that the page refers to is served, and none of it lies elsewhere.
func TestDocsPageIsWhole(t *testing.T) {
	d := start(t)
	page := d.do(call{method: http.MethodGet, path: "/docs"})
	d.wants(page, http.StatusOK, "")
	if slash := d.do(call{method: http.MethodGet, path: "/docs/", undocumented: true}); slash.body != page.body {
		t.Errorf("/docs/ answers %d", slash.status)
	}
	policy := page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(page.body, "<style") || regexp.MustCompile(`<script(?: [^>]*)?>[^<]`).MatchString(page.body) || regexp.MustCompile(` (?:on\w+|style)=`).MatchString(page.body) {
		t.Error("the page holds what its policy forbids")
	}
	seen := 0
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		path := m[1]
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			t.Errorf("%s lies elsewhere", path)
			continue
		}
		seen++
		r := d.do(call{method: http.MethodGet, path: path, header: map[string]string{"Accept-Encoding": "identity"}})
		d.wants(r, http.StatusOK, "")
		if strings.HasSuffix(path, ".css") && regexp.MustCompile(`url\(\s*["']?(?:https?:)?//|@import`).MatchString(r.body) {
			t.Errorf("%s refers to another host", path)
		}
	}
	if seen < 5 {
		t.Errorf("only %d references", seen)
	}
	if own := d.do(call{method: http.MethodGet, path: "/docs/page.js"}); regexp.MustCompile(`//[a-z]`).MatchString(own.body) || !strings.Contains(own.body, `"/openapi.yaml"`) {
		t.Errorf("the page's script is %s", own.body)
	}
}

func TestDocsFiles(t *testing.T) {
	d := start(t)
	zipped := map[string]string{"Accept-Encoding": "gzip"}
	names := servedNames(t, d.server.docs)
	if len(names) < 9 {
		t.Errorf("only %v are served", names)
	}
	for _, name := range names {
		media := pageMedia(name)
		plain := d.do(call{method: http.MethodGet, path: "/docs/" + name, header: map[string]string{"Accept-Encoding": "identity"}})
		small := d.do(call{method: http.MethodGet, path: "/docs/" + name, header: zipped})
		d.wants(plain, http.StatusOK, "")
		d.wants(small, http.StatusOK, "")
		if got := plain.header.Get("Content-Type"); got != media {
			t.Errorf("%s is %q", name, got)
		}
		if small.header.Get("Content-Encoding") != "gzip" || small.header.Get("ETag") == plain.header.Get("ETag") || small.body == plain.body {
			t.Errorf("%s is not compressed: %v", name, small.header)
		}
		again := d.do(call{method: http.MethodGet, path: "/docs/" + name, header: map[string]string{"Accept-Encoding": "gzip", "If-None-Match": small.header.Get("ETag")}})
		if again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s, which the browser has, is answered %d", name, again.status)
		}
	}
	for _, path := range []string{"/docs/README.md", "/docs/nothing", "/docs/..%2fopenapi.yaml", "/docs/%2e%2e"} {
		if r := d.do(call{method: http.MethodGet, path: path, undocumented: true}); r.status != http.StatusNotFound {
			t.Errorf("%s answers %d", path, r.status)
		}
	}
}
