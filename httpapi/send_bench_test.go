package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"go.uber.org/zap"
)

// BenchmarkSend measures a text that is sent over one open connection, with all that
// it writes down, and beside it a request that only has its key checked.
func BenchmarkSend(b *testing.B) {
	d := start(b)
	d.link("main")
	d.server.log = zap.NewNop()
	head := fmt.Sprintf("Host: localhost\r\nX-API-Key: %s\r\n", d.key)
	body := `{"to":"4915112345678","message":"The order 4711 is on its way.","type":"text"}`
	for _, c := range []struct{ name, request string }{
		{"key", "GET /api/account HTTP/1.1\r\n" + head + "\r\n"},
		{"text", fmt.Sprintf("POST /api/whatsapp/session/main/send HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)},
	} {
		b.Run(c.name, func(b *testing.B) {
			u, err := url.Parse(d.url)
			if err != nil {
				b.Fatal(err)
			}
			conn, err := net.Dial("tcp", u.Host)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			request := []byte(c.request)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				answer, err := http.ReadResponse(r, nil)
				if err != nil {
					b.Fatal(err)
				}
				if answer.StatusCode != http.StatusOK {
					b.Fatal(answer.Status)
				}
				if _, err := io.Copy(io.Discard, answer.Body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
