package bench

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"wapid/cmd/wapid/bench/load"
)

// sender is the load generator: it posts sends to the daemon's API and looks at
// the status of the answer, over connections that stay open. It does as little
// as a client can, because it shares the machine with what it measures.
type sender struct {
	client  *fasthttp.HostClient
	url     func(session int) string
	key     string
	numbers load.Numbers
	used    atomic.Int64 // strangers and pictures
}

// sendPatience bounds one request; the API itself may take 90 seconds.
const sendPatience = 120 * time.Second

func newSender(address, key string, numbers load.Numbers) *sender {
	return &sender{
		client: &fasthttp.HostClient{
			Addr: address, MaxConns: 2048, MaxIdleConnDuration: time.Minute, ReadTimeout: sendPatience, WriteTimeout: sendPatience,
			NoDefaultUserAgentHeader: true, DisableHeaderNamesNormalizing: true,
			// A send must never be repeated behind the harness's back.
			MaxIdemponentCallAttempts: 1,
		},
		url: func(session int) string {
			return "http://" + address + "/api/whatsapp/session/" + sessionID(session) + "/send"
		},
		key:     key,
		numbers: numbers,
	}
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
	req.SetRequestURI(s.url(session))
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType("application/json")
	req.Header.Set("X-API-Key", s.key)
	req.SetBodyRaw(body(make([]byte, 0, 160)))
	if err := s.client.Do(req, resp); err != nil {
		return err
	}
	if code := resp.StatusCode(); code != fasthttp.StatusOK {
		return fmt.Errorf("a send was answered with %d: %s", code, resp.Body())
	}
	return nil
}

func (s *sender) close() { s.client.CloseIdleConnections() }
