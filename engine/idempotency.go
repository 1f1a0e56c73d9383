package engine

import (
	"context"
	"sync"
	"time"
)

// ClaimLifetime is how long an idempotency key is remembered.
const ClaimLifetime = 24 * time.Hour

// Claim is an idempotency key with what it stands for: within ClaimLifetime a
// second request with the same key and fingerprint gets the answer of the first,
// and one with another fingerprint gets CodeConflict.
type Claim struct {
	Key         string   // as ParseIdempotencyKey allows it; unique within the tenant
	Fingerprint [32]byte // of everything that the request asks for
}

// ErrKeyReused says that an idempotency key stands for another request.
var ErrKeyReused = Errorf(CodeConflict, "the Idempotency-Key was used for another request")

// ParseIdempotencyKey checks a caller's idempotency key: 1 to 255 printable ASCII
// characters. It returns CodeInvalid.
func ParseIdempotencyKey(s string) (string, error) {
	valid := s != "" && len(s) <= 255
	for i := 0; valid && i < len(s); i++ {
		valid = s[i] >= ' ' && s[i] <= '~'
	}
	if !valid {
		return "", Errorf(CodeInvalid, "Idempotency-Key must be 1 to 255 printable ASCII characters")
	}
	return s, nil
}

// flights are the requests with a claim that are being worked on in this
// process. The zero value has none.
type flights struct {
	mu    sync.Mutex
	byKey map[flightKey]*flight
}

type flightKey struct {
	tenant TenantID
	key    string
}

type flight struct {
	session     SessionID
	fingerprint [32]byte
	done        chan struct{} // closed when answer and err are set
	answer      Submitted
	err         error
}

// do runs fn, unless a request with the same claim is under way: then it waits
// for that and answers the same. It returns ErrKeyReused if the key stands for
// another request, and CodeSessionBusy if ctx ends while it waits.
func (f *flights) do(ctx context.Context, session SessionKey, c Claim, fn func() (Submitted, error)) (Submitted, error) {
	key := flightKey{session.Tenant, c.Key}
	mine := &flight{
		session: session.ID, fingerprint: c.Fingerprint, done: make(chan struct{}),
		err: Errorf(CodeInternal, "the request failed"), // what others are told if fn panics
	}
	f.mu.Lock()
	first := f.byKey[key]
	if first == nil {
		if f.byKey == nil {
			f.byKey = make(map[flightKey]*flight)
		}
		f.byKey[key] = mine
	}
	f.mu.Unlock()
	if first != nil {
		return first.join(ctx, mine)
	}
	defer func() {
		f.mu.Lock()
		delete(f.byKey, key)
		f.mu.Unlock()
		close(mine.done)
	}()
	mine.answer, mine.err = fn()
	return mine.answer, mine.err
}

// join waits for a request and answers what that answers.
func (f *flight) join(ctx context.Context, other *flight) (Submitted, error) {
	if f.session != other.session || f.fingerprint != other.fingerprint {
		return Submitted{}, ErrKeyReused
	}
	select {
	case <-f.done:
		answer := f.answer
		answer.Replayed = f.err == nil
		return answer, f.err
	case <-ctx.Done():
		return Submitted{}, WrapError(CodeSessionBusy, ctx.Err(), "a request with this Idempotency-Key is still under way")
	}
}
