package httpapi

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// TestUploadsEnd sends less, more, or something else than was promised.
func TestUploadsEnd(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.maxMedia = 300_000 })
	d.link("main")
	head := "POST " + sendPath + " HTTP/1.1\r\nHost: x\r\nX-API-Key: " + d.key + "\r\n"
	long := `{"to":"919876543210","type":"image","mediaBase64":"` + strings.Repeat("A", 200_000) + `"}`
	for name, c := range map[string]struct {
		request string
		status  int
		code    engine.Code
		open    bool
	}{
		"whole":                {head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(long), long), 400, engine.CodeMediaInvalid, true},
		"in chunks":            {head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(long), long), 400, engine.CodeMediaInvalid, true},
		"refused half way":     {head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(long), strings.Replace(long, "AAAA", "!AAA", 1)), 400, engine.CodeInvalid, false},
		"chunks half way":      {head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s", len(long), strings.Replace(long, "AAAA", "!AAA", 1)), 400, engine.CodeInvalid, false},
		"no session":           {strings.Replace(head, "/main/", "/nobody/", 1) + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(long), long), 404, engine.CodeSessionNotFound, false},
		"beyond what fits":     {head + "Content-Length: 99999999\r\n\r\n", 413, CodePayloadTooLarge, false},
		"short, no session":    {strings.Replace(head, "/main/", "/nobody/", 1) + "Content-Length: 2\r\n\r\n{}", 404, engine.CodeSessionNotFound, true},
		"much beside the file": {head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", maxTestBody+50, `{"to":"`+strings.Repeat("x", maxTestBody+43)), 413, CodePayloadTooLarge, true},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := d.final(c.request)
			d.wants(reply{res.StatusCode, res.Header, body}, c.status, c.code)
			if res.Close == c.open {
				t.Errorf("the connection closes: %v", res.Close)
			}
		})
	}
}

// TestOneConnectionManyBodies sends bodies one after the other: none may be taken
// for the head of the next request.
func TestOneConnectionManyBodies(t *testing.T) {
	d := start(t)
	d.link("main")
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	smuggled := "POST /api/whatsapp/session HTTP/1.1\r\nHost: x\r\nX-API-Key: " + d.key + "\r\nContent-Length: 23\r\n\r\n{\"sessionId\":\"smuggled\"}"
	for i, body := range []string{`{"to":"919876543210","message":"M"}`, `{"to":"919876543210","message":"` + strings.Repeat("x", 30_000) + `"}`, smuggled} {
		connection := "keep-alive"
		if i == 2 {
			connection = "close"
		}
		request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\nX-API-Key: %s\r\nContent-Length: %d\r\n\r\n%s",
			sendPath, connection, d.key, len(body), body)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
	}
	answers, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(answers), "HTTP/1.1 "); n != 3 {
		t.Errorf("%d answers: %s", n, answers)
	}
	if d.get("/api/whatsapp/session/smuggled/status").status != http.StatusNotFound {
		t.Error("a body was taken for a request")
	}
}
