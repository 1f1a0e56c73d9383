package cloudapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// seen is the body that marks messages as read, and shows that an answer is being typed.
type seen struct {
	Product string  `json:"messaging_product"`
	Status  string  `json:"status"`
	WAMID   string  `json:"message_id"`
	Typing  *typing `json:"typing_indicator,omitempty"`
}

type typing struct {
	Type string `json:"type"`
}

func (c *conn) tellSeen(ctx context.Context, wamid engine.MessageID, show *typing) error {
	body := seen{Product: "whatsapp", Status: "read", WAMID: string(wamid), Typing: show}
	err := c.graph.call(ctx, http.MethodPost, c.number.PhoneNumberID+"/messages", nil, body, nil)
	return c.explain(ctx, err)
}

// explain is the error of a request that may be made again without harm.
func (c *conn) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	c.suspect(ctx, err)
	e, ok := errors.AsType[*metaError](err)
	if !ok || errors.Is(err, errNoAnswer) {
		return unavailable(err)
	}
	out := explainRefusal(e)
	if out.Code == engine.CodeSendRejected {
		out.Code = engine.CodeNetworkRefused
	}
	return out
}

// Known implements engine.Receipts: Meta tells one address of a person.
func (c *conn) Known(_ context.Context, who engine.JID) (engine.Person, error) {
	return who.Person(), nil
}

// MarkRead implements engine.Receipts: Meta takes the newest message, and everything
// before it is read as well. It knows no word for what was played, which is read too.
func (c *conn) MarkRead(ctx context.Context, chat engine.JID, _ engine.Person, ids []engine.MessageID, _ bool, _ time.Time) error {
	ctx, end, err := c.use(ctx)
	if err != nil {
		return err
	}
	defer end()
	if len(ids) == 0 {
		return nil
	}
	newest, err := c.net.opts.Store.FindNewestReceived(ctx, c.number.Session, chat, ids)
	if err != nil {
		return err
	}
	return c.tellSeen(ctx, newest, nil)
}

// Archive implements engine.Receipts.
func (c *conn) Archive(context.Context, engine.JID, bool, engine.MessageRef, time.Time) error {
	return unsupported("chats that can be archived")
}

// SetAvailable implements engine.Presence: a number of the API is nobody's phone.
func (c *conn) SetAvailable(context.Context, bool) error {
	_, end, err := c.use(context.Background())
	if err == nil {
		end()
	}
	return err
}

// SetTyping implements engine.Presence. Meta shows it for 25 seconds, or until an answer
// comes, below the newest message of the chat, which it marks as read. It returns
// CodeInvalid in a chat in which nobody has written.
func (c *conn) SetTyping(ctx context.Context, chat engine.JID, t engine.Typing) error {
	ctx, end, err := c.use(ctx)
	if err != nil {
		return err
	}
	defer end()
	if t == engine.TypingStop {
		return nil // it ends by itself
	}
	newest, err := c.net.opts.Store.FindNewestReceived(ctx, c.number.Session, chat, nil)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return engine.Errorf(engine.CodeInvalid, "Meta shows typing only to people who have written")
	}
	if err != nil {
		return err
	}
	return c.tellSeen(ctx, newest, &typing{Type: "text"})
}

// log tells what went wrong and harms nobody.
func (c *conn) log(what string, err error) {
	c.net.opts.Log.Warn(what, zap.String("tenant", string(c.number.Session.Tenant)),
		zap.String("session", string(c.number.Session.ID)), zap.Error(err))
}
