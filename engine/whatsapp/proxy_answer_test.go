package whatsapp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// answering is a proxy's answer to CONNECT, by say.
func answering(t *testing.T, say func(w io.Writer)) (net.Conn, error) {
	t.Helper()
	near, far := net.Pipe()
	said := make(chan struct{})
	go func() {
		defer close(said)
		defer far.Close()
		if _, err := http.ReadRequest(bufio.NewReader(far)); err != nil {
			t.Error(err)
			return
		}
		say(far)
	}()
	end := func() {
		near.Close()
		<-said
	}
	p := &proxied{url: &url.URL{Scheme: "http", Host: "proxy.example.com"}}
	conn, err := p.tunnel(near, "web.example.com:443")
	if err != nil {
		end()
		return nil, err
	}
	t.Cleanup(end)
	return conn, nil
}

// TestAProxyCannotTalkForEver: an answer whose headers don't end is broken off
// before it fills the memory.
func TestAProxyCannotTalkForEver(t *testing.T) {
	line := "X-Word: " + strings.Repeat("a", 4000) + "\r\n"
	said := 0
	_, err := answering(t, func(w io.Writer) {
		_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n")
		for err == nil && said < 4*proxyAnswer {
			_, err = io.WriteString(w, line)
			said += len(line)
		}
	})
	if err == nil {
		t.Fatal("an endless answer opens a tunnel")
	}
	if said > proxyAnswer+len(line) {
		t.Errorf("%d bytes were read", said)
	}
}

// TestWhatComesBehindAProxysAnswerIsKept, however much it is: the bound is for the
// answer alone.
func TestWhatComesBehindAProxysAnswerIsKept(t *testing.T) {
	far := strings.Repeat("behind the answer ", proxyAnswer/9)
	conn, err := answering(t, func(w io.Writer) {
		if _, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n\r\n"+far); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != far {
		t.Errorf("%d of %d bytes, %v", len(got), len(far), err)
	}
}
