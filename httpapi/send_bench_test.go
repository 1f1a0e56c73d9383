package httpapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"go.uber.org/zap"

	"wapid/engine"
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

// BenchmarkSendBody measures the reading of a text's body alone, and the writing of
// its answer.
func BenchmarkSendBody(b *testing.B) {
	body := []byte(`{"to":"4915112345678","message":"The order 4711 is on its way.","type":"text"}`)
	b.Run("read", func(b *testing.B) {
		s := &Server{maxBody: DefaultMaxBody, recipients: newLRU[string, engine.JID](recipientsRemembered)}
		b.ReportAllocs()
		for b.Loop() {
			in, err := s.readJSON(bytes.NewReader(body), len(body))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.outgoing(in.request); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("answer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := engine.Canonical(sendResponse{Success: true, MessageID: "3EB0C431C26A1916E07E", Timestamp: 1708243200}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
