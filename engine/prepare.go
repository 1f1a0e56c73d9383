package engine

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// MaxPrepare is how many recipients one Prepare may name. WhatsApp's own clients ask
// for the devices of a whole group, up to 1,024 people, in one question, and neither
// whatsmeow's GetUserDevices nor Baileys' getUSyncDevices splits such a list; that
// strangers in batches of this size are as welcome is assumed.
const MaxPrepare = 50

// prepareRest is how long a session asks nothing ahead after WhatsApp has said that it
// asks too much. Messages go on: each then asks for its own recipient.
const prepareRest = 15 * time.Minute

// preparations bounds what sessions ask ahead. It is safe for concurrent use.
type preparations struct {
	allowance *allowance // nil if nothing is asked ahead
	resting   *lru.Cache[SessionKey, time.Time]
}

func newPreparations(perMinute int) *preparations {
	p := &preparations{}
	if perMinute > 0 {
		p.allowance = newAllowance(perMinute, MaxPrepare)
	}
	// New fails only without a size.
	p.resting, _ = lru.New[SessionKey, time.Time](maxKnownNumbers)
	return p
}

// admit is allowance.admit for a session that need not rest.
func (p *preparations) admit(key SessionKey, count int, now time.Time) (undo func(), err error) {
	if until, ok := p.resting.Get(key); ok {
		if wait := until.Sub(now); wait > 0 && wait <= prepareRest {
			return nil, &Error{Code: CodeRateLimited, RetryAfter: wait, Message: "WhatsApp has asked to slow down; nothing was asked"}
		}
	}
	return p.allowance.admit(key, count, now)
}

// Prepare asks the network ahead of time for what messages to people (at most
// MaxPrepare) are going to need, so that the first one to each takes two round trips
// instead of four. It returns those of them that are known to have no account; what
// is known of a number from Check is not asked for again, nor the other way round.
// Keys are not fetched: each bundle that is handed out uses up one of the recipient's
// one-time keys, and would be wasted with a message that is never sent.
//
// How many it asks for is bounded apart from Check: sending would ask for each of
// them anyway. Errors: CodeNotSupported if the operator or the network does not have
// it; CodeRateLimited with RetryAfter, and nothing was asked; CodeInvalid; those of
// Use and of Preparer.
func (e *Engine) Prepare(ctx context.Context, key SessionKey, to []JID) (absent []JID, err error) {
	if e.preparations.allowance == nil {
		return nil, Errorf(CodeNotSupported, "nothing is looked up ahead")
	}
	if len(to) > MaxPrepare {
		return nil, Errorf(CodeInvalid, "at most %d recipients can be prepared at once", MaxPrepare)
	}
	preparer, err := Use[Preparer](e, key)
	if err != nil {
		return nil, err
	}
	return e.preparations.prepare(ctx, preparer, e.numbers, key, to, e.now())
}

// prepare is Engine.Prepare on a session's connection.
func (p *preparations) prepare(ctx context.Context, network Preparer, n *numbers, key SessionKey, to []JID, now time.Time) (absent []JID, err error) {
	ask := make([]JID, 0, len(to))
	for _, who := range to {
		k, ok := n.known.Get(numberKey{key, who.User()})
		switch {
		case who.Server() != ServerPhone && who.Server() != ServerLID:
		case who.Server() == ServerPhone && ok && now.Before(k.until) && !k.OnWhatsApp:
			absent = append(absent, who)
		default:
			ask = append(ask, who)
		}
	}
	if len(ask) == 0 {
		return absent, nil
	}
	undo, err := p.admit(key, len(ask), now)
	if err != nil {
		return absent, err
	}
	found, err := network.Prepare(ctx, ask)
	switch CodeOf(err) {
	case CodeSessionNotReady, CodeNotSupported:
		undo()
	case CodeRateLimited:
		p.resting.Add(key, now.Add(prepareRest))
		err = &Error{Code: CodeRateLimited, RetryAfter: prepareRest, Message: "WhatsApp asks to slow down", Cause: err}
	}
	for _, r := range found {
		n.keep(key, r, now)
		if !r.OnWhatsApp {
			absent = append(absent, JID(r.Phone+"@"+ServerPhone))
		}
	}
	return absent, err
}
