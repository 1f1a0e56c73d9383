package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFrontSettings(t *testing.T) {
	const directory = "https://ca.example.com/dir"
	for name, c := range map[string]struct {
		settings frontSettings
		want     string // part of the error; "" for none
	}{
		"nothing":                {frontSettings{}, ""},
		"files":                  {frontSettings{TLSCert: "c", TLSKey: "k", RedirectListen: ":80"}, ""},
		"ACME":                   {frontSettings{ACMEDomains: []string{"a.example.com", "b.example.com"}, ACMEEmail: "x@example.com", ACMEDirectory: directory}, ""},
		"a name beyond ASCII":    {frontSettings{ACMEDomains: []string{"xn--bcher-kva.example"}, ACMEDirectory: directory}, ""},
		"a certificate alone":    {frontSettings{TLSCert: "c"}, "go together"},
		"a key alone":            {frontSettings{TLSKey: "k"}, "go together"},
		"both":                   {frontSettings{TLSCert: "c", TLSKey: "k", ACMEDomains: []string{"a.example.com"}}, "either"},
		"a redirect to nowhere":  {frontSettings{RedirectListen: ":80"}, "needs TLS"},
		"mail without names":     {frontSettings{ACMEEmail: "x@example.com"}, "need --acme-domain"},
		"an address":             {frontSettings{ACMEDomains: []string{"192.0.2.1"}, ACMEDirectory: directory}, "is not a name"},
		"a star":                 {frontSettings{ACMEDomains: []string{"*.example.com"}, ACMEDirectory: directory}, "by DNS"},
		"a name without a dot":   {frontSettings{ACMEDomains: []string{"localhost"}, ACMEDirectory: directory}, "is not a name"},
		"a name with a hole":     {frontSettings{ACMEDomains: []string{"a..example.com"}, ACMEDirectory: directory}, "is not a name"},
		"a URL as a name":        {frontSettings{ACMEDomains: []string{"https://a.example.com"}, ACMEDirectory: directory}, "is not a name"},
		"a directory in clear":   {frontSettings{ACMEDomains: []string{"a.example.com"}, ACMEDirectory: "http://ca.example.com"}, "https://"},
		"everybody trusted":      {frontSettings{TrustedProxies: "0.0.0.0/0"}, "trust everybody"},
		"a name as a proxy":      {frontSettings{TrustedProxies: "proxy"}, "not an address range"},
		"a shutdown in no time":  {frontSettings{ShutdownTimeout: 999 * time.Millisecond}, "below 1s"},
		"a shutdown before time": {frontSettings{ShutdownTimeout: -time.Second}, "below 1s"},
	} {
		if c.settings.ShutdownTimeout == 0 {
			c.settings.ShutdownTimeout = time.Minute
		}
		err := c.settings.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestStrictHosts(t *testing.T) {
	for public, want := range map[string]string{
		"":                               "a.example.com",
		"https://Wapid.example.com/api":  "a.example.com wapid.example.com",
		"https://wapid.example.com:8443": "a.example.com wapid.example.com",
		"http://wapid.example.com":       "a.example.com",
		"https://192.0.2.1":              "a.example.com",
		"https://wapid":                  "a.example.com",
		"https://wapid.local":            "a.example.com",
		"https://[2001:db8::1]:8443":     "a.example.com",
	} {
		if got := strings.Join(strictHosts([]string{"A.example.com"}, public), " "); got != want {
			t.Errorf("%q makes %q, want %q", public, got, want)
		}
	}
}

// TestServeTLS runs the daemon with a certificate in files: API, redirect, health check
// and the operator's commands.
func TestServeTLS(t *testing.T) {
	network, files, dir := startNetwork(t), keepFiles(t), t.TempDir()
	cert, key := certificateFiles(t, 1, time.Hour)
	files.write(cert, key)
	plain := freeAddress(t)
	d := startDaemon(t, "", network, dir, "--tls-cert", files.cert, "--tls-key", files.key,
		"--http-redirect-listen", plain, "--public-url", "https://wapid.test:8443/base")
	if !strings.HasPrefix(d.base, "https://127.0.0.1:") {
		t.Fatalf("the API is at %s", d.base)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	d.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: patience}
	if ans := d.must(t, 200, "GET", "/healthz", nil); ans.text("status") != "ok" {
		t.Errorf("healthz answers %s", ans.raw)
	}
	redirected := &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer redirected.CloseIdleConnections()
	for method, want := range map[string]int{"GET": 308, "HEAD": 308, "POST": 400, "DELETE": 400} {
		req, err := http.NewRequest(method, "http://"+plain+"/a%2Fb?c=d", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		res, err := redirected.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		at := res.Header.Get("Location")
		if res.StatusCode != want || want == 308 && at != "https://wapid.test:8443/base/a%2Fb?c=d" {
			t.Errorf("%s answers %s to %q", method, res.Status, at)
		}
	}
	for _, args := range [][]string{{"health"}, {"health", "--ready"}, {"tenant", "list"}} {
		out, err := program("", append(args, "--data", dir)...).CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	d.stop(t)
	if out, err := program("", "health", "--data", dir).CombinedOutput(); err == nil {
		t.Errorf("a daemon that has stopped is well: %s", out)
	}
}

// TestHealthCommand asks daemons that are well, that are not, and that do not answer.
func TestHealthCommand(t *testing.T) {
	answers := map[string]string{"/healthz": `{"status":"ok"}`}
	silent := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch body, known := answers[r.URL.Path]; {
		case known:
			_, _ = io.WriteString(w, body)
		case r.URL.Path == "/readyz":
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"error":"the daemon is not ready","code":"NOT_READY","reasons":["the disk is full"]}`)
		case r.URL.Path == "/slow/healthz":
			<-silent
		default:
			w.WriteHeader(502)
		}
	})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()
	defer func() { close(silent); server.Close(); <-served }()
	url := "http://" + ln.Addr().String()
	for _, c := range []struct {
		args        []string
		code        int
		out, stderr string
	}{
		{[]string{"--url", url}, 0, `{"status":"ok"}` + "\n", ""},
		{[]string{"--url", url + "/"}, 0, `{"status":"ok"}` + "\n", ""},
		{[]string{"--url", url, "--ready"}, 1, "", "wapid: the daemon is not ready: the disk is full\n"},
		{[]string{"--url", url + "/other"}, 1, "", "wapid: the daemon answered with status 502\n"},
		{[]string{"--url", url + "/slow", "--timeout", "50ms"}, 1, "", "the daemon does not answer"},
		{[]string{"--url", "::"}, 2, "", "--url must be"},
		{[]string{"--data", t.TempDir()}, 1, "", "no daemon runs"},
	} {
		code, out, stderr := command(t, append([]string{"health"}, c.args...)...)
		if code != c.code || out != c.out || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: %d %q %q", c.args, code, out, stderr)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestVersionCommand(t *testing.T) {
	if code, out, _ := command(t, "version"); code != 0 || out != version+"\n" {
		t.Errorf("version: %d %q", code, out)
	}
	_, out, _ := command(t, "version", "--json")
	var b builtOf
	if err := json.Unmarshal([]byte(out), &b); err != nil || b.Version != version || !strings.HasPrefix(b.Go, "go1.") || b.Client == "" {
		t.Errorf("version --json: %s %v", out, err)
	}
}

// TestSystemdIsTold starts the daemon as systemd does.
func TestSystemdIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "150000")
	d := startDaemon(t, "", startNetwork(t), t.TempDir())
	hear := func() string {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	heard := []string{hear(), hear(), hear()}
	if !slices.Equal(heard, []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"}) {
		t.Errorf("told %q", heard)
	}
	d.stop(t)
	for said := hear(); said != "STOPPING=1"; said = hear() {
		if said != "WATCHDOG=1" {
			t.Fatalf("told %q", said)
		}
	}
}

// freeAddress is an address on this machine that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
