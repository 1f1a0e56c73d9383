package httpapi

import (
	"hash/maphash"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"wapid/engine"
)

// pace is how often something may be tried: so many at once, and one more each time that
// every has passed.
type pace struct {
	burst int
	every time.Duration
}

// loginPaces and mailPaces say how often people may try from one network address, and with one e-mail address,
// whether somebody has that or not.
func loginPaces() (from, about pace) { return pace{30, 6 * time.Second}, pace{10, 30 * time.Second} }

func mailPaces() (from, about pace) { return pace{10, time.Minute}, pace{3, 20 * time.Minute} }

// attempts limits tries by where they come from and by whom they are about. It is safe
// for concurrent use, and its memory is bounded: what is forgotten begins anew.
type attempts struct {
	from, about pace
	addresses   *lru.Cache[netip.Addr, *rate.Limiter]
	people      *lru.Cache[uint64, *rate.Limiter] // by the hash of their address
	seed        maphash.Seed
}

func newAttempts(from, about pace) *attempts {
	return &attempts{from: from, about: about, seed: maphash.MakeSeed(),
		addresses: newLRU[netip.Addr, *rate.Limiter](addressesTracked), people: newLRU[uint64, *rate.Limiter](addressesTracked)}
}

// take takes one try, or returns CodeRateLimited with the time until the next.
func (a *attempts) take(address netip.Addr, email string, now time.Time) error {
	if err := takeFrom(a.addresses, networkOf(address), a.from, now); err != nil {
		return err
	}
	if email == "" {
		return nil
	}
	return takeFrom(a.people, maphash.String(a.seed, email), a.about, now)
}

func takeFrom[K comparable](in *lru.Cache[K, *rate.Limiter], key K, p pace, now time.Time) error {
	bucket, known := in.Get(key)
	if !known {
		bucket = rate.NewLimiter(rate.Every(p.every), p.burst)
		if first, raced, _ := in.PeekOrAdd(key, bucket); raced {
			bucket = first
		}
	}
	if bucket.AllowN(now, 1) {
		return nil
	}
	wait := seconds((1 - bucket.TokensAt(now)) * p.every.Seconds())
	return &engine.Error{Code: engine.CodeRateLimited, Message: "this was tried too often", RetryAfter: max(time.Second, wait)}
}

// networkOf is an address, or the network of one of IPv6: whoever has one has all of it.
func networkOf(address netip.Addr) netip.Addr {
	address = address.Unmap()
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return address
}
