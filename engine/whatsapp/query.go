package whatsapp

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// queryTimeout bounds what is asked of the network beside sending. whatsmeow
// itself would wait 75 s for each answer.
const queryTimeout = 30 * time.Second

var errNoAnswer = errors.New("the network did not answer in time")

// read asks the network for something through the ready link. An error that is no
// *engine.Error yet becomes one; see explainQuery.
func (c *conn) read(ctx context.Context, ask func(context.Context, *link) error) error {
	return c.query(ctx, false, ask)
}

// change has the network change something. It differs from read in what an
// answer that never came means: CodeSendOutcomeUnknown.
func (c *conn) change(ctx context.Context, ask func(context.Context, *link) error) error {
	return c.query(ctx, true, ask)
}

func (c *conn) query(ctx context.Context, changes bool, ask func(context.Context, *link) error) error {
	if !c.enter() {
		return notReady(errNotReady)
	}
	defer c.calls.Done()
	l := c.readyLink()
	if l == nil {
		return notReady(errNotReady)
	}
	ctx, stop := context.WithTimeoutCause(ctx, queryTimeout, errNoAnswer)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.ctx, func() { cancel(errNotReady) })()
	if err := ask(ctx, l); err != nil {
		return explainQuery(err, context.Cause(ctx), changes)
	}
	return nil
}

// explainQuery gives a failed question its code. cause is why its context ended,
// nil if it did not. What the server answers to one kind of question in
// particular has been translated before.
func explainQuery(err, cause error, changes bool) *engine.Error {
	var (
		own      *engine.Error
		database *databaseError
		cut      *whatsmeow.DisconnectedError
	)
	code := refusedWith(err)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &database):
		return engine.WrapError(engine.CodeStorage, err, "the device store failed")
	case code == 429, code == 419: // rate-overlimit, resource-limit
		return engine.WrapError(engine.CodeRateLimited, err, "WhatsApp asks to slow down; nothing was done")
	case code != 0:
		return engine.WrapError(engine.CodeNetworkRefused, err, "WhatsApp refused what was asked")
	case errors.Is(err, whatsmeow.ErrNotConnected), errors.Is(err, whatsmeow.ErrNotLoggedIn), isSocketError(err):
		return notReady(err)
	case cause != nil, errors.As(err, &cut), errors.Is(err, whatsmeow.ErrIQTimedOut):
		if changes {
			return engine.WrapError(engine.CodeSendOutcomeUnknown, err, "WhatsApp has not confirmed it; it may have been done")
		}
		return engine.WrapError(engine.CodeSessionNotReady, err, "WhatsApp did not answer")
	}
	return engine.WrapError(engine.CodeNetworkRefused, err, "WhatsApp's answer could not be used")
}

// refusedWith is the code by which the server refused a question, 0 if it did not.
func refusedWith(err error) int {
	var iq *whatsmeow.IQError
	if errors.As(err, &iq) {
		return iq.Code
	}
	return 0
}

// addressed is the address by which the network is asked about a chat: of a
// person the LID where it is known, as its own clients do today (source:
// whatsmeow send.go, which rewrites every number), else what was given. It
// returns CodeInvalid for an address that is none.
func (l *link) addressed(ctx context.Context, of engine.JID) (types.JID, error) {
	jid, err := types.ParseJID(string(of))
	if err != nil || jid.User == "" {
		return types.JID{}, engine.WrapError(engine.CodeInvalid, err, "this is not a valid WhatsApp address")
	}
	if jid.Server != types.DefaultUserServer {
		return jid, nil
	}
	lid, err := l.device.LIDs.GetLIDForPN(ctx, jid)
	if err != nil || lid.IsEmpty() {
		return jid, err
	}
	return lid, nil
}

// personAt parses the address of a person and finds the LID of a number, asking
// the network if need be. It returns CodeInvalid for the address of anything
// else, and CodeNotOnWhatsApp for a number without an account.
func (l *link) personAt(ctx context.Context, who engine.JID) (types.JID, error) {
	jid, err := l.addressed(ctx, who)
	switch {
	case err != nil:
		return jid, err
	case jid.Server == types.HiddenUserServer:
		return jid, nil
	case jid.Server != types.DefaultUserServer:
		return jid, engine.Errorf(engine.CodeInvalid, "this is not the address of a person")
	}
	answers, err := l.client.IsOnWhatsApp(ctx, []string{"+" + jid.User})
	if err != nil {
		return jid, err
	}
	for _, a := range answers {
		if a.IsIn && !a.JID.IsEmpty() {
			return a.JID.ToNonAD(), nil
		}
	}
	return jid, engine.Errorf(engine.CodeNotOnWhatsApp, "the number is not on WhatsApp")
}
