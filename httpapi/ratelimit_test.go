package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

func TestRatesOfKeys(t *testing.T) {
	r := newRates(60)
	now := time.Unix(1000, 0)
	p := store.Principal{Key: "a"}
	for i := range 60 {
		if l := r.take(p, now); l.wait != 0 || l.limit != 60 || l.remaining != 59-i || !l.full.Equal(now.Add(time.Duration(i+1)*time.Second)) {
			t.Fatalf("request %d: %+v", i, l)
		}
	}
	if l := r.take(p, now); l.wait != time.Second || l.remaining != 0 {
		t.Errorf("beyond the limit: %+v", l)
	}
	if l := r.take(store.Principal{Key: "b"}, now); l.wait != 0 {
		t.Errorf("another key: %+v", l)
	}
	now = now.Add(2 * time.Second)
	for range 2 {
		if l := r.take(p, now); l.wait != 0 {
			t.Errorf("two seconds later: %+v", l)
		}
	}
	if l := r.take(p, now); l.wait == 0 {
		t.Errorf("the third in two seconds: %+v", l)
	}
	p.RateLimit = 6000 // the operator was asked for more
	now = now.Add(time.Second)
	if l := r.take(p, now); l.wait != 0 || l.limit != 6000 || l.remaining != 5999 {
		t.Errorf("with more: %+v", l)
	}
	p.RateLimit = 1
	now = now.Add(time.Minute)
	if l := r.take(p, now); l.wait != 0 || l.limit != 1 || l.remaining != 0 {
		t.Errorf("with less: %+v", l)
	}
	if l := r.take(p, now); l.wait != time.Minute {
		t.Errorf("the second of one a minute: %+v", l)
	}
}

func TestGuessesAreLimitedByAddress(t *testing.T) {
	r := newRates(0)
	asked := 0
	look := func(err error) func() error { return func() error { asked++; return err } }
	bad, good := look(engine.Errorf(engine.CodeUnauthorized, "no")), look(nil)
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if err := r.guess(here, "known", good); err != nil {
		t.Fatal(err)
	}
	for i := range guesses {
		if code := engine.CodeOf(r.guess(here, fmt.Sprint(i), bad)); code != engine.CodeUnauthorized {
			t.Fatalf("guess %d: %s", i, code)
		}
	}
	before := asked
	err := r.guess(here, "right at last", good)
	if e, ok := errors.AsType[*engine.Error](err); !ok || e.Code != engine.CodeRateLimited || e.RetryAfter <= 0 {
		t.Errorf("a guess too many: %v", err)
	}
	if asked != before {
		t.Error("it was looked up, and can be told from its answer")
	}
	if err := r.guess(here, "known", good); err != nil {
		t.Errorf("a key known from before: %v", err)
	}
	if err := r.guess(there, "new", good); err != nil {
		t.Errorf("from another address: %v", err)
	}
	if code := engine.CodeOf(r.guess(here, "known", bad)); code != engine.CodeUnauthorized {
		t.Errorf("a known key that has ended: %s", code)
	}
	if code := engine.CodeOf(r.guess(here, "known", good)); code != engine.CodeRateLimited {
		t.Errorf("it is known no more: %s", code)
	}
	if a, b := r.strangerAt(netip.MustParseAddr("2001:db8::1")), r.strangerAt(netip.MustParseAddr("2001:db8::2")); a != b {
		t.Error("two addresses of one IPv6 network have two buckets")
	}
	if a, b := r.strangerAt(here), r.strangerAt(netip.MustParseAddr("::ffff:192.0.2.1")); a != b {
		t.Error("one address in two forms has two buckets")
	}
}

func TestGuessesWithLongBodiesAreCounted(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.rates = newRates(0) }) // in which no key is known
	try := func(key, framing, body string, status int, code engine.Code) {
		t.Helper()
		res, answer := d.final("POST /api/account/api-keys HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n" + framing + "\r\n\r\n" + body)
		d.wants(reply{res.StatusCode, res.Header, answer}, status, code)
	}
	const declared, chunks = "Content-Length: 10000", "Transfer-Encoding: chunked"
	bucket := d.server.rates.strangerAt(netip.MustParseAddr("127.0.0.1"))
	before := bucket.Tokens()
	try("guess", declared, "", http.StatusUnauthorized, engine.CodeUnauthorized)
	try("guess", chunks, "2000\r\n"+strings.Repeat(" ", 0x2000)+"\r\n", http.StatusUnauthorized, engine.CodeUnauthorized)
	if after := bucket.Tokens(); after > before-1.5 { // it fills again meanwhile
		t.Errorf("of %g guesses %g are left", before, after)
	}
	bucket.SetLimit(0)
	bucket.AllowN(time.Now(), int(bucket.Tokens()))
	try("guess", declared, "", http.StatusTooManyRequests, engine.CodeRateLimited)
	try("guess", chunks, "2000\r\n"+strings.Repeat(" ", 0x2000)+"\r\n", http.StatusTooManyRequests, engine.CodeRateLimited)
	try(d.key, declared, "{"+strings.Repeat(" ", 9998)+"}", http.StatusTooManyRequests, engine.CodeRateLimited)
}

func TestAnswersTellTheRate(t *testing.T) {
	d := start(t)
	d.wants(d.admin(http.MethodPatch, "/api/admin/tenants/other", `{"rateLimit":3}`), http.StatusOK, "")
	ask := call{method: http.MethodGet, path: "/api/account", key: d.otherKey}
	for i := range 3 {
		r := d.do(ask)
		d.wants(r, http.StatusOK, "")
		reset, err := strconv.ParseInt(r.header.Get(headerRateReset), 10, 64)
		if err != nil || time.Until(time.Unix(reset, 0)) < 0 || time.Until(time.Unix(reset, 0)) > 2*time.Minute {
			t.Errorf("%s is %q", headerRateReset, r.header.Get(headerRateReset))
		}
		if r.header.Get(headerRateLimit) != "3" || r.header.Get(headerRateRemaining) != strconv.Itoa(2-i) || r.header.Get(headerRatePolicy) != `"key";q=3;w=60` {
			t.Errorf("request %d: %v", i, r.header)
		}
	}
	r := d.do(ask)
	d.wants(r, http.StatusTooManyRequests, engine.CodeRateLimited)
	if wait, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || wait < 1 || wait > 20 || r.header.Get(headerRateRemaining) != "0" {
		t.Errorf("got %v", r.header)
	}
	if r := d.get("/api/account"); r.status != http.StatusOK || r.header.Get(headerRateLimit) != "300000" {
		t.Errorf("another tenant: %d %v", r.status, r.header)
	}
	if r := d.do(call{method: http.MethodGet, path: "/api/account", key: "wrong"}); r.header.Get(headerRateLimit) != "" {
		t.Errorf("an unknown key has a rate: %v", r.header)
	}
	if r := d.get("/api/whatsapp/session/nobody/status"); r.status != http.StatusNotFound || r.header.Get(headerRateLimit) == "" {
		t.Errorf("a refusal tells no rate: %d %v", r.status, r.header)
	}
}

func TestRatesForgetTheOldest(t *testing.T) {
	r := newRates(10)
	for i := range keysTracked + 100 {
		r.take(store.Principal{Key: store.KeyID(strconv.Itoa(i))}, time.Unix(1000, 0))
	}
	if n := r.keys.Len(); n != keysTracked {
		t.Errorf("%d keys are remembered, want %d", n, keysTracked)
	}
}
