package whatsapp

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
)

// reuploadPatience is how long the account's phone has to upload a file again. One
// that is switched off does not answer at all.
const reuploadPatience = 20 * time.Second

// mediaRetries are the downloads of a link that wait for the phone's answer, by
// message id.
type mediaRetries struct {
	mu      sync.Mutex
	waiting map[types.MessageID][]chan *events.MediaRetry
}

// await returns a channel that gets the phone's next answer about a message. stop
// ends the wait.
func (r *mediaRetries) await(id types.MessageID) (answer <-chan *events.MediaRetry, stop func()) {
	ch := make(chan *events.MediaRetry, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = make(map[types.MessageID][]chan *events.MediaRetry)
	}
	r.waiting[id] = append(r.waiting[id], ch)
	return ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		rest := r.waiting[id]
		for i, other := range rest {
			if other == ch {
				rest = append(rest[:i:i], rest[i+1:]...)
			}
		}
		if r.waiting[id] = rest; len(rest) == 0 {
			delete(r.waiting, id)
		}
	}
}

// answered hands the phone's answer to everybody who waits for it.
func (r *mediaRetries) answered(evt *events.MediaRetry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ch := range r.waiting[evt.MessageID] {
		select {
		case ch <- evt:
		default: // It has one already.
		}
	}
}

// askAgain asks the account's phone to upload a message's file again, and returns
// its new path. It returns CodeMediaGone if the phone does not have it any more,
// and CodeNetworkRefused if it does not answer.
func (t *transfer) askAgain(m engine.MessageRef, part mediaPart) (path string, err error) {
	gone := func(cause error) error {
		return engine.WrapError(engine.CodeMediaGone, cause, "nobody has the file any more")
	}
	if len(part.key) == 0 || m.ID == "" {
		return "", gone(nil) // A channel's file: there is nobody to ask.
	}
	info, err := t.describe(m)
	if err != nil {
		return "", err
	}
	answer, stop := t.link.reuploads.await(string(m.ID))
	defer stop()
	if err := t.link.client.SendMediaRetryReceipt(t.ctx, info, part.key); err != nil {
		return "", t.explain(err)
	}
	t.stall.Stop() // The wait has its own bound.
	defer t.touch()
	ctx, cancel := context.WithTimeout(t.ctx, reuploadPatience)
	defer cancel()
	select {
	case <-ctx.Done():
		if errors.Is(context.Cause(t.ctx), errNotReady) {
			return "", notReady(errNotReady)
		}
		return "", engine.WrapError(engine.CodeNetworkRefused, ctx.Err(), "the file is gone from WhatsApp, and the account's phone did not upload it again in time")
	case evt := <-answer:
		found, err := whatsmeow.DecryptMediaRetryNotification(evt, part.key)
		switch {
		case errors.Is(err, whatsmeow.ErrMediaNotAvailableOnPhone):
			return "", gone(err)
		case err != nil:
			return "", engine.WrapError(engine.CodeNetworkRefused, err, "the account's phone could not upload the file again")
		case found.GetResult() == waMmsRetry.MediaRetryNotification_NOT_FOUND:
			return "", gone(whatsmeow.ErrMediaNotAvailableOnPhone)
		case found.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS || mediaPath(found.GetDirectPath()) == "":
			return "", engine.Errorf(engine.CodeNetworkRefused, "the account's phone could not upload the file again")
		}
		return mediaPath(found.GetDirectPath()), nil
	}
}

// describe names a message to the account's phone.
func (t *transfer) describe(m engine.MessageRef) (*types.MessageInfo, error) {
	chat, err := chatOf(m)
	if err != nil {
		return nil, err
	}
	chat, sender, err := t.link.authorIn(t.ctx, chat, m)
	if err != nil {
		return nil, err
	}
	return &types.MessageInfo{ID: string(m.ID), MessageSource: types.MessageSource{
		Chat: chat, Sender: sender, IsFromMe: m.FromMe, IsGroup: chat.Server == types.GroupServer,
	}}, nil
}
