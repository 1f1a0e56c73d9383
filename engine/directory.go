package engine

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// What is known of phone numbers is kept for a while: WhatsApp takes asking for
// many numbers as a sign of spam. An account seldom disappears, while somebody may
// join at any moment.
const (
	keepPresent = 24 * time.Hour
	keepAbsent  = time.Hour
	// maxKnownNumbers bounds the memory, about 200 bytes each.
	maxKnownNumbers = 100_000
)

// MaxCheck is how many numbers one Check may ask for. A session may ask for as
// many at once, and then as many a minute as Config.CheckRate says.
const MaxCheck = 500

// DefaultCheckRate is how many numbers a minute a session may ask the network
// for. Nobody outside WhatsApp knows what it bears; this is meant to be careful.
const DefaultCheckRate = 20

// numberKey is a number as one session sees it: tenants share no answers.
type numberKey struct {
	session SessionKey
	phone   string
}

type knownNumber struct {
	Registration
	until time.Time
}

// numbers remembers which phone numbers have an account, and bounds how many the
// network is asked for. It is safe for concurrent use.
type numbers struct {
	known     *lru.Cache[numberKey, knownNumber]
	allowance *allowance
}

func newNumbers(perMinute int) *numbers {
	if perMinute <= 0 {
		perMinute = DefaultCheckRate
	}
	// New fails only without a size.
	known, _ := lru.New[numberKey, knownNumber](maxKnownNumbers)
	return &numbers{known: known, allowance: newAllowance(perMinute, MaxCheck)}
}

// recall sorts the phones into what is still known and what must be asked for,
// each once.
func (n *numbers) recall(key SessionKey, phones []string, now time.Time) (known map[string]Registration, unknown []string) {
	known = make(map[string]Registration, len(phones))
	asked := make(map[string]bool)
	for _, phone := range phones {
		if k, ok := n.known.Get(numberKey{key, phone}); ok && now.Before(k.until) {
			known[phone] = k.Registration
		} else if !asked[phone] {
			asked[phone] = true
			unknown = append(unknown, phone)
		}
	}
	return known, unknown
}

func (n *numbers) keep(key SessionKey, r Registration, now time.Time) {
	until := now.Add(keepAbsent)
	if r.OnWhatsApp {
		until = now.Add(keepPresent)
	}
	n.known.Add(numberKey{key, r.Phone}, knownNumber{r, until})
}

// check is Engine.Check on a session's connection.
func (n *numbers) check(ctx context.Context, d Directory, key SessionKey, phones []string, now time.Time) ([]Registration, error) {
	if len(phones) > MaxCheck {
		return nil, Errorf(CodeInvalid, "at most %d numbers can be asked for at once", MaxCheck)
	}
	known, unknown := n.recall(key, phones, now)
	if len(unknown) > 0 {
		undo, err := n.allowance.admit(key, len(unknown), now)
		if err != nil {
			return nil, err
		}
		answers, err := d.Check(ctx, unknown)
		if err != nil {
			if code := CodeOf(err); code == CodeSessionNotReady || code == CodeNotSupported {
				undo()
			}
			return nil, err
		}
		for _, r := range answers {
			n.keep(key, r, now)
			known[r.Phone] = r
		}
	}
	list := make([]Registration, len(phones))
	for i, phone := range phones {
		list[i] = known[phone]
		list[i].Phone = phone
	}
	return list, nil
}

// Check tells which phone numbers (digits, at most MaxCheck) have an account, in
// the order given. Answers are remembered per session, 24 h for a number that has
// one and 1 h for one that has none; only the others are asked of the network,
// all at once, and only so many: CodeRateLimited with RetryAfter. Other errors are
// those of Use and of Directory.
func (e *Engine) Check(ctx context.Context, key SessionKey, phones []string) ([]Registration, error) {
	directory, err := Use[Directory](e, key)
	if err != nil {
		return nil, err
	}
	return e.numbers.check(ctx, directory, key, phones, e.now())
}
