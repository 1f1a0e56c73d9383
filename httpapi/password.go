package httpapi

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"

	"wapid/engine"
)

// What a password may be, in characters. Longer ones would cost more than they protect.
const (
	minPassword = 10
	maxPassword = 200
)

// passwordCost is what hashing costs: 32 MiB and some 60 ms of one core.
func passwordCost() *argon2id.Params {
	return &argon2id.Params{Memory: 32 << 10, Iterations: 3, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

const (
	// hashesAtOnce bounds the memory that hashing takes.
	hashesAtOnce = 2
	// hashPatience is how long a request waits for its turn.
	hashPatience = 5 * time.Second
)

// passwords hashes and compares passwords, few at a time. It is safe for concurrent use.
type passwords struct {
	cost  *argon2id.Params
	slots *semaphore.Weighted
}

func newPasswords(cost *argon2id.Params) *passwords {
	return &passwords{cost: cost, slots: semaphore.NewWeighted(hashesAtOnce)}
}

// hash returns the argon2id hash of a password, with its salt and cost. It returns
// CodeRateLimited if too many are waiting.
func (p *passwords) hash(ctx context.Context, password string) (hash string, err error) {
	err = p.work(ctx, func() error {
		hash, err = argon2id.CreateHash(password, p.cost)
		return err
	})
	return hash, err
}

// matches compares in constant time, and takes as long with an empty hash, which nothing
// matches. It returns CodeRateLimited if too many are waiting.
func (p *passwords) matches(ctx context.Context, password, hash string) (same bool, err error) {
	err = p.work(ctx, func() error {
		if hash == "" {
			_, err := argon2id.CreateHash(password, p.cost)
			return err
		}
		same, err = argon2id.ComparePasswordAndHash(password, hash)
		return err
	})
	return same, err
}

func (p *passwords) work(ctx context.Context, do func() error) error {
	waiting, cancel := context.WithTimeout(ctx, hashPatience)
	defer cancel()
	if err := p.slots.Acquire(waiting, 1); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &engine.Error{Code: engine.CodeRateLimited, Message: "too many people log in at this moment", RetryAfter: hashPatience}
	}
	defer p.slots.Release(1)
	if err := do(); err != nil {
		return engine.WrapError(engine.CodeInternal, err, "a password can't be hashed")
	}
	return nil
}

// checkPassword returns CodeInvalid for one that is too short or too long.
func checkPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword {
		return engine.Errorf(engine.CodeInvalid, "password must have %d to %d characters", minPassword, maxPassword)
	}
	return nil
}
