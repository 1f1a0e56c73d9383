package cloudapi

import (
	"context"
	"encoding/json"
	"errors"

	"wapid/engine"
)

// Verify tells whether a token is the verify token of any number. Only hashes are
// compared, so that how long it takes tells nothing of a token.
func (n *Network) Verify(ctx context.Context, token string) (bool, error) {
	if token == "" {
		return false, nil
	}
	return n.opts.Store.KnowsVerifyToken(ctx, HashVerifyToken(token))
}

// Deliver takes a webhook of Meta's: the body as it came, and X-Hub-Signature-256. After
// nil all that it tells is committed, and what was known already is left as it was. What
// is not about messages is none of ours, and taken without a look.
//
// Errors: CodeInvalid for what is no webhook, CodeUnauthorized if no number that it is
// about has an app secret that signs so (and nothing was taken of those), CodeSessionNotReady if a session
// can't take it now, and CodeStorage. After these two it is to come again.
func (n *Network) Deliver(ctx context.Context, body []byte, signature string) error {
	ids, err := numbersIn(body)
	if err != nil {
		return err
	}
	signers, err := n.signers(ctx, ids, body, signature)
	if err != nil {
		return err
	}
	if large := len(body) > smallWebhook; large && len(ids) == 0 || len(ids) > 0 && len(signers) == 0 {
		return errNotSigned()
	} else if large {
		if err := n.large.Acquire(ctx, 1); err != nil {
			return engine.WrapError(engine.CodeSessionNotReady, err, "too many large webhooks at once")
		}
		defer n.large.Release(1)
	}
	changes, err := parseWebhook(body)
	if err != nil {
		return err
	}
	if _, some := changes[nameless]; some {
		all, err := n.signers(ctx, []string{nameless}, body, signature)
		if err != nil {
			return err
		}
		signers[nameless] = all[nameless]
	}
	signed := len(changes) == 0
	var failed error
	for id, values := range changes {
		taken, err := n.hand(ctx, signers[id], values)
		signed, failed = signed || taken, errors.Join(failed, err)
	}
	if !signed {
		return errNotSigned()
	}
	return failed
}

func errNotSigned() error {
	return engine.Errorf(engine.CodeUnauthorized, "the signature is not that of a number's app secret")
}

// signers are the sessions that have a number with an app secret which signs a body so,
// by the number's id. Numbers of one app, which share its secret, cost one signature.
func (n *Network) signers(ctx context.Context, ids []string, body []byte, signature string) (map[string][]Number, error) {
	tried := make(map[string]bool)
	signs := func(secret string) bool {
		is, known := tried[secret]
		if !known {
			is = signedBy(secret, body, signature)
			tried[secret] = is
		}
		return is
	}
	found := make(map[string][]Number)
	for _, id := range ids {
		numbers, err := n.numbersOf(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, number := range numbers {
			if !number.Unreadable && signs(number.AppSecret) {
				found[id] = append(found[id], number)
			}
		}
	}
	return found, nil
}

// numbersOf lists all sessions' numbers with an id of Meta's; without an id, those that are connected.
func (n *Network) numbersOf(ctx context.Context, id string) ([]Number, error) {
	if id != nameless {
		return n.opts.Store.ListCloudNumbers(ctx, id)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]Number, 0, len(n.conns))
	for _, c := range n.conns {
		list = append(list, c.number)
	}
	return list, nil
}

// hand gives the changes of a number to every session that has signed them, and tells
// whether there is any. A session that can't take them is an error only if none can:
// others must not suffer from one that somebody has stopped.
func (n *Network) hand(ctx context.Context, signers []Number, values []value) (signed bool, err error) {
	took := false
	var failed error
	for _, number := range signers {
		c := n.connOf(number.Session)
		if c == nil || !c.enter() {
			continue
		}
		err := c.receive(ctx, values)
		c.leave()
		took, failed = took || err == nil, errors.Join(failed, err)
	}
	signed = len(signers) > 0
	if signed && !took && failed == nil {
		failed = errNotReady()
	}
	return signed, failed
}

// receive commits what a webhook tells of the connection's number. The commits of its
// messages are begun together. After an error some may have been made: they are known
// when the webhook comes again.
func (c *conn) receive(ctx context.Context, values []value) (err error) {
	var commits []func() error
	for _, v := range values {
		for _, raw := range v.Messages {
			m, ok, convertErr := convert(raw, v, c.net.opts.Clock(), func(wamid string) (engine.MessageID, bool, error) { return c.own(ctx, wamid) })
			if convertErr != nil {
				err = errors.Join(err, convertErr)
			}
			if ok {
				commits = append(commits, c.handler.Receive(ctx, m))
			}
		}
	}
	for _, committed := range commits {
		err = errors.Join(err, committed())
	}
	for _, v := range values {
		for _, raw := range v.Statuses {
			err = errors.Join(err, c.receipt(ctx, raw))
		}
	}
	return err
}

// own finds our own message behind a wamid; any other message has its wamid for an id.
func (c *conn) own(ctx context.Context, wamid string) (engine.MessageID, bool, error) {
	m, err := c.net.opts.Store.FindCloudMessage(ctx, c.number.Session, wamid, "")
	if engine.CodeOf(err) == engine.CodeNotFound {
		return engine.MessageID(wamid), false, nil
	}
	return m.ID, err == nil, err
}

// receipt commits a status. One of a message that this session has not sent, such as
// another program with the same number, is passed over.
func (c *conn) receipt(ctx context.Context, raw json.RawMessage) error {
	s, r, ok := parseStatus(raw, c.net.opts.Clock())
	if !ok {
		return nil
	}
	m, err := c.net.opts.Store.FindCloudMessage(ctx, c.number.Session, s.WAMID, s.Callback)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	r.Chat, r.IDs = m.Chat, []engine.MessageID{m.ID}
	return c.handler.Receipt(ctx, r)
}
