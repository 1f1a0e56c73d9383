package bench

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"wapid/cmd/wapid/bench/load"
)

// sender is the load generator: it posts sends to the daemon's API and looks at
// the status of the answer, over connections that stay open. It does as little
// as a client can, because it shares the machine with what it measures.
type sender struct {
	address string
	key     string
	numbers load.Numbers
	used    atomic.Int64 // strangers and pictures

	mu   sync.Mutex
	idle []*link
}

// link is one connection to the daemon.
type link struct {
	net.Conn
	in  *bufio.Reader
	out *bufio.Writer
}

// sendPatience bounds one request; the API itself may take 90 seconds.
const sendPatience = 120 * time.Second

func newSender(address, key string, numbers load.Numbers) *sender {
	return &sender{address: address, key: key, numbers: numbers}
}

// sessionID names the i-th session.
func sessionID(i int) string { return "s" + strconv.Itoa(i) }

// kind returns what a load calls for each message of a kind.
func (s *sender) kind(kind string) load.Send {
	return func(_ context.Context, session, n int) error {
		switch kind {
		case load.First:
			return s.text(session, s.numbers.Stranger(int(s.used.Add(1))))
		case load.Media:
			return s.image(session, s.numbers.Friend(session, n), load.Picture(s.numbers.Series*1_000_000+int(s.used.Add(1))))
		default:
			return s.text(session, s.numbers.Friend(session, n))
		}
	}
}

func (s *sender) text(session int, to string) error {
	return s.post(session, func(body []byte) []byte {
		body = append(body, `{"to":"`...)
		body = append(body, to...)
		return append(body, `","message":"`+load.Text+`"}`...)
	})
}

func (s *sender) image(session int, to string, data []byte) error {
	return s.post(session, func(body []byte) []byte {
		body = append(body, `{"to":"`...)
		body = append(body, to...)
		body = append(body, `","type":"image","mediaBase64":"`...)
		body = base64.StdEncoding.AppendEncode(body, data)
		return append(body, `"}`...)
	})
}

func (s *sender) post(session int, body func([]byte) []byte) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.DisableNormalizing()
	req.SetRequestURI("/api/whatsapp/session/" + sessionID(session) + "/send")
	req.Header.SetHost(s.address)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType("application/json")
	req.Header.Set("X-API-Key", s.key)
	req.SetBodyRaw(body(make([]byte, 0, 160)))
	l, err := s.acquire()
	if err != nil {
		return err
	}
	if err = l.exchange(req, resp); err != nil {
		return errors.Join(err, l.Close())
	}
	s.release(l)
	if code := resp.StatusCode(); code != fasthttp.StatusOK {
		return fmt.Errorf("a send was answered with %d: %s", code, resp.Body())
	}
	return nil
}

// exchange sends one request and reads its answer. A send is never repeated: the
// harness would not know what it has measured.
func (l *link) exchange(req *fasthttp.Request, resp *fasthttp.Response) error {
	if err := l.SetDeadline(time.Now().Add(sendPatience)); err != nil {
		return err
	}
	if err := req.Write(l.out); err != nil {
		return err
	}
	if err := l.out.Flush(); err != nil {
		return err
	}
	return resp.Read(l.in)
}

// acquire takes a connection that nobody uses, or makes one.
func (s *sender) acquire() (*link, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		l := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return l, nil
	}
	s.mu.Unlock()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	return &link{conn, bufio.NewReader(conn), bufio.NewWriter(conn)}, nil
}

func (s *sender) release(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, l)
}

// close ends the connections. Nothing may be under way.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.idle {
		_ = l.Close() // there is nothing more to be said on it
	}
	s.idle = nil
}
