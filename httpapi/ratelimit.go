package httpapi

import (
	"hash/maphash"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"wapid/engine"
	"wapid/store"
)

// DefaultRateLimit is how many requests a minute a key may make, unless Options
// or its tenant say: far beyond what a well-meaning client needs.
const DefaultRateLimit = 300_000

// Bounds of what is remembered. What is forgotten begins anew with a full bucket.
const (
	keysTracked      = 1 << 16
	addressesTracked = 1 << 14
	// guesses is how many wrong keys an address may try in a minute.
	guesses = 1000
)

// The headers that tell a client how much of its rate is left: those that are in
// wide use, and those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers).
const (
	headerRateLimit     = "X-RateLimit-Limit"
	headerRateRemaining = "X-RateLimit-Remaining"
	headerRateReset     = "X-RateLimit-Reset" // unix seconds
	headerRatePolicy    = "RateLimit-Policy"
	headerRateState     = "RateLimit"
)

// rates limits requests by key, and wrong keys by address, with token buckets
// that hold the requests of a minute and fill evenly. It is safe for concurrent
// use, and its memory is bounded.
type rates struct {
	standard  int // requests a minute of a key whose tenant has no limit of its own
	keys      *lru.Cache[store.KeyID, *rate.Limiter]
	strangers *lru.Cache[netip.Addr, *rate.Limiter]
	// known holds hashes of keys that were valid lately. They are looked up also
	// while their address may try no more keys: behind a proxy all share one.
	known *lru.Cache[uint64, struct{}]
	seed  maphash.Seed
}

func newRates(standard int) *rates {
	if standard <= 0 {
		standard = DefaultRateLimit
	}
	return &rates{
		standard: standard, seed: maphash.MakeSeed(),
		keys: newLRU[store.KeyID, *rate.Limiter](keysTracked), strangers: newLRU[netip.Addr, *rate.Limiter](addressesTracked),
		known: newLRU[uint64, struct{}](keysTracked),
	}
}

func newLRU[K comparable, V any](size int) *lru.Cache[K, V] {
	cache, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // a size below 1, which is a constant here
	}
	return cache
}

// left is what a key has left of its rate.
type left struct {
	limit, remaining int
	full             time.Time     // when nothing of it will be used any more
	wait             time.Duration // until the next request; 0 if this one may pass
	now              time.Time
}

// take takes one request out of a key's bucket, if there is one.
func (r *rates) take(p store.Principal, now time.Time) left {
	limit := r.standard
	if p.RateLimit > 0 {
		limit = p.RateLimit
	}
	bucket := bucketOf(r.keys, p.Bucket(), limit)
	passed := bucket.AllowN(now, 1)
	tokens := max(0, bucket.TokensAt(now))
	perSecond := float64(limit) / 60
	l := left{limit: limit, remaining: int(tokens), full: now.Add(seconds((float64(limit) - tokens) / perSecond)), now: now}
	if !passed {
		l.wait = max(time.Millisecond, seconds((1-tokens)/perSecond))
	}
	return l
}

// guess runs look, which tells whether a key is valid, unless the address has
// tried too many that are not: then it returns CodeRateLimited, whatever the
// key, so that nothing can be learned from it. Keys known to be valid pass.
func (r *rates) guess(address netip.Addr, key string, look func() error) error {
	hash := maphash.String(r.seed, key)
	err := r.attempt(address, r.known.Contains(hash), look)
	switch engine.CodeOf(err) {
	case "":
		r.known.Add(hash, struct{}{})
	case engine.CodeUnauthorized:
		r.known.Remove(hash)
	}
	return err
}

// attempt is guess for what is worth nothing the second time. What is known to be
// valid always passes.
func (r *rates) attempt(address netip.Addr, known bool, look func() error) error {
	bucket, now := r.strangerAt(address), time.Now()
	if tokens := bucket.TokensAt(now); tokens < 1 && !known {
		return &engine.Error{Code: engine.CodeRateLimited, Message: "too many keys that are not valid came from this address",
			RetryAfter: seconds((1 - tokens) * 60 / guesses)}
	}
	err := look()
	if code := engine.CodeOf(err); code == engine.CodeUnauthorized || code == CodeLinkExpired {
		bucket.AllowN(now, 1)
	}
	return err
}

// strangerAt is the bucket of an address; those of one IPv6 network share one.
func (r *rates) strangerAt(address netip.Addr) *rate.Limiter {
	return bucketOf(r.strangers, networkOf(address), guesses)
}

// bucketOf finds or makes a bucket of so many tokens a minute.
func bucketOf[K comparable](in *lru.Cache[K, *rate.Limiter], key K, perMinute int) *rate.Limiter {
	bucket, known := in.Get(key)
	if known && bucket.Burst() == perMinute {
		return bucket
	}
	bucket = rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)
	if known { // the operator has changed the limit: begin anew
		in.Add(key, bucket)
	} else if first, raced, _ := in.PeekOrAdd(key, bucket); raced {
		bucket = first
	}
	return bucket
}

// tell writes the headers.
func (l left) tell(c *fiber.Ctx) {
	untilFull := int(math.Ceil(l.full.Sub(l.now).Seconds()))
	h := &c.Response().Header
	var room [64]byte // every answer has these: no string is made of them
	number := func(before string, n int64) []byte { return strconv.AppendInt(append(room[:0], before...), n, 10) }
	h.SetBytesV(headerRateLimit, number("", int64(l.limit)))
	h.SetBytesV(headerRateRemaining, number("", int64(l.remaining)))
	h.SetBytesV(headerRateReset, number("", l.now.Unix()+int64(untilFull)))
	h.SetBytesV(headerRatePolicy, append(number(`"key";q=`, int64(l.limit)), ";w=60"...))
	state := append(number(`"key";r=`, int64(l.remaining)), ";t="...)
	h.SetBytesV(headerRateState, strconv.AppendInt(state, int64(untilFull), 10))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
