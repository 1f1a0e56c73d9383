package httpapi

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestGraphPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/v23.0/100000000000001/messages":            "/graph/100000000000001/messages",
		"/v13.0/100000000000001":                     "/graph/100000000000001",
		"/v23.0/":                                    "/graph/",
		"/v23.0":                                     "/graph",
		"/v23.0/me?fields=id":                        "/graph/me?fields=id",
		"/100000000000001/block_users":               "/graph/100000000000001/block_users",
		"/100000000000001":                           "/graph/100000000000001",
		"/100000000000001?access_token=a/b&x=/v23.0": "/graph/100000000000001?access_token=a/b&x=/v23.0",
		"/graph/100000000000001/messages":            "/graph/100000000000001/messages",
		"/graph/v23.0/100000000000001/messages":      "/graph/100000000000001/messages",
		"/graph/v23.0/me?fields=id":                  "/graph/me?fields=id",
		"/graph/me":                                  "/graph/me",
		"/graph/media/AtXeVtvzXRgFjlX4":              "/graph/media/AtXeVtvzXRgFjlX4",
		"/1234/messages":                             "/1234/messages",
		"/v1/messages":                               "/v1/messages",
		"/v23/1/messages":                            "/v23/1/messages",
		"/v.0/1":                                     "/v.0/1",
		"/v2.x/1":                                    "/v2.x/1",
		"/api/v1/messages/send":                      "/api/v1/messages/send",
		"/":                                          "/",
		"*":                                          "*",
		"http://a.example/v23.0/1?x=y":               "/graph/1?x=y",
		"http://a.example/healthz":                   "http://a.example/healthz",
		"//v23.0/100000000000001/messages":           "/graph/100000000000001/messages",
		"//sandbox":                                  "//sandbox",
		"/oembed?url=http://a.example/v23.0/1":       "/oembed?url=http://a.example/v23.0/1",
		"/healthz?x=/v23.0/1":                        "/healthz?x=/v23.0/1",
	} {
		var h fasthttp.RequestHeader
		h.SetRequestURI(path)
		translatePath(&h)
		if got := string(h.RequestURI()); got != want {
			t.Errorf("%s is served as %s, want %s", path, got, want)
		}
	}
}

func TestEachDialectHasItsKey(t *testing.T) {
	for name, c := range map[string]struct {
		uri    string
		header map[string]string
		want   string
	}{
		"ours":                       {"/api/whatsapp/sessions", map[string]string{"X-API-Key": "k"}, "k"},
		"ours, not in the query":     {"/api/whatsapp/sessions?access_token=k", nil, ""},
		"graph, bearer":              {"/graph/100000000000001", map[string]string{"Authorization": "Bearer k"}, "k"},
		"graph, query":               {"/graph/100000000000001?access_token=k%20", nil, "k "},
		"graph, our own header":      {"/graph/100000000000001", map[string]string{"X-API-Key": "k"}, ""},
		"on-premises":                {"/v1/messages/", map[string]string{"D360-API-KEY": "k"}, "k"},
		"on-premises, not ours":      {"/v1/messages/", map[string]string{"X-API-Key": "k"}, ""},
		"partner":                    {"/api/v2/partners/p/channels/c/api_keys", map[string]string{"Authorization": "Bearer k"}, "k"},
		"hub":                        {"/api/v1/messages/send", map[string]string{"Authorization": "bearer  k"}, "k"},
		"a path that only looks so":  {"/graphic", map[string]string{"X-API-Key": "k"}, "k"},
		"hub, key of another system": {"/api/v1/messages/send", map[string]string{"D360-API-KEY": "k"}, ""},
	} {
		var h fasthttp.RequestHeader
		h.SetRequestURI(c.uri)
		for k, v := range c.header {
			h.Set(k, v)
		}
		if got := keyOf(&h); got != c.want {
			t.Errorf("%s: the key is %q, want %q", name, got, c.want)
		}
	}
}

func TestDepthOfLooseBodies(t *testing.T) {
	for body, good := range map[string]bool{
		`{"a":[1,{"b":"[[[[[[[[[[[[[[[[[[[["}]}`:                                true,
		strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth): true,
		strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17):             false,
	} {
		if err := checkDepth([]byte(body)); (err == nil) != good {
			t.Errorf("%.60s: %v", body, err)
		}
	}
}
