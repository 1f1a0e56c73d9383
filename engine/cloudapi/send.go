package cloudapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"wapid/engine"
)

// accepted is Meta's answer to a message.
type accepted struct {
	Contacts []struct {
		WAID string `json:"wa_id"`
		User string `json:"user_id"`
	} `json:"contacts"`
	Messages []struct {
		ID string `json:"id"`
	} `json:"messages"`
}

// Send implements engine.Conn. Meta takes no id of ours that would make a second try
// safe, so a message is given to it once: it is written down before, and one whose
// outcome was left open stays so until a webhook tells, which names our id. Until then
// sending it again is CodeSendOutcomeUnknown without a question to Meta.
func (c *conn) Send(ctx context.Context, m engine.Outgoing) (engine.Sent, error) {
	ctx, end, err := c.use(ctx)
	if err != nil {
		return engine.Sent{}, err
	}
	defer end()
	about, err := c.refersTo(ctx, m)
	if err != nil {
		return engine.Sent{}, err
	}
	body, err := compose(m, about)
	if err != nil {
		return engine.Sent{}, err
	}
	key, store := c.number.Session, c.net.opts.Store
	earlier, fresh, err := store.BeginCloudMessage(ctx, key, m.ID, m.To)
	switch {
	case err != nil:
		return engine.Sent{}, err
	case !fresh && earlier.WAMID != "":
		return c.sent(m, accepted{}, earlier.WAMID)
	case !fresh:
		return engine.Sent{}, outcomeUnknown(m.ID, nil)
	}
	var answer accepted
	err = c.graph.call(ctx, http.MethodPost, c.number.PhoneNumberID+"/messages", nil, body, &answer)
	if err == nil && (len(answer.Messages) == 0 || answer.Messages[0].ID == "") {
		err = errNoAnswer
	}
	kept := context.WithoutCancel(ctx) // what has happened is noted, whoever has gone
	if err != nil {
		return engine.Sent{}, c.failed(kept, m.ID, err)
	}
	wamid := answer.Messages[0].ID
	if err := store.FinishCloudMessage(kept, key, m.ID, wamid); err != nil {
		// Meta has it, which is what counts; its statuses name our id.
		c.log("the wamid of a message was not saved", err)
	}
	return c.sent(m, answer, wamid)
}

// sent is what Send returns of a message that Meta has.
func (c *conn) sent(m engine.Outgoing, answer accepted, wamid string) (engine.Sent, error) {
	p := payload{WAMID: wamid}
	if a := m.Attachment; a != nil && a.Upload != nil {
		p.Media = string(a.Upload.Ref)
	}
	raw, err := p.marshal()
	if err != nil {
		return engine.Sent{}, err
	}
	s := engine.Sent{ID: m.ID, Timestamp: c.net.opts.Clock().Truncate(time.Second), Recipient: m.To.Person(), Payload: raw}
	if len(answer.Contacts) > 0 {
		if waid := answer.Contacts[0].WAID; waid != "" && digits(waid) == waid {
			s.Recipient.Phone = engine.JID(waid + "@" + engine.ServerPhone)
		}
	}
	return s, nil
}

// failed is the error of a message that Meta has not said to have. One that it certainly
// does not have can be sent again.
func (c *conn) failed(ctx context.Context, id engine.MessageID, err error) error {
	c.suspect(ctx, err)
	if errors.Is(err, errNoAnswer) {
		return outcomeUnknown(id, err)
	}
	if err := c.net.opts.Store.CancelCloudMessage(ctx, c.number.Session, id); err != nil {
		c.log("a message that was not sent was not forgotten", err)
	}
	e, ok := errors.AsType[*metaError](err)
	if !ok {
		return unavailable(err)
	}
	out := explainRefusal(e)
	if out.Code == engine.CodeNotFound { // of the number itself, or of an upload that Meta has dropped
		out.Code = engine.CodeSendRejected
	}
	return out
}

func outcomeUnknown(id engine.MessageID, cause error) error {
	return &engine.Error{Code: engine.CodeSendOutcomeUnknown, Message: "Meta may or may not have taken the message", MessageID: id, Cause: errors.Join(engine.ErrSentOnce, cause)}
}

// refersTo is the wamid of what a message reacts or replies to; "" if it does neither.
func (c *conn) refersTo(ctx context.Context, m engine.Outgoing) (string, error) {
	ref := m.Target
	if ref == nil {
		ref = m.Quoted
	}
	if ref == nil || m.Kind == engine.KindEdit || m.Kind == engine.KindRevoke {
		return "", nil
	}
	if wamid := parsePayload(ref.Payload).WAMID; wamid != "" {
		return wamid, nil
	}
	if !ref.FromMe {
		return string(ref.ID), nil
	}
	wamid, err := c.net.opts.Store.FindWAMID(ctx, c.number.Session, ref.ID)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return "", engine.Errorf(engine.CodeInvalid, "Meta does not know the message that this one refers to")
	}
	return wamid, err
}
