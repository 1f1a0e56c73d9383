package engine

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// chatTimers are the disappearing timers of a session's chats, read from the
// store when the first message is sent. The zero value has not read them.
type chatTimers struct {
	mu     sync.Mutex
	loaded bool
	byChat map[JID]time.Duration // those that are on
}

// of returns the timer of a chat, 0 if it has none.
func (t *chatTimers) of(ctx context.Context, w *worker, chat JID) (time.Duration, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.loaded {
		timers, err := w.engine.store.ListChatTimers(ctx, w.key)
		if err != nil {
			return 0, err
		}
		t.loaded, t.byChat = true, timers
	}
	return t.byChat[chat], nil
}

// noteRecipient learns from a send that two addresses are one person's.
func (w *worker) noteRecipient(ctx context.Context, who Person) {
	if err := w.timers.match(ctx, w, who); err != nil {
		w.log.Warn("a chat's timer was not matched with its other address", zap.Error(err))
	}
}

// match sees that a person has one timer under both addresses, once a send has
// shown that they belong together.
func (t *chatTimers) match(ctx context.Context, w *worker, who Person) error {
	t.mu.Lock()
	same := !t.loaded || who.Phone == "" || who.LID == "" || t.byChat[who.Phone] == t.byChat[who.LID]
	t.mu.Unlock()
	if same {
		return nil
	}
	if err := w.engine.store.MatchChatTimers(ctx, w.key, who); err != nil {
		return err
	}
	t.reload()
	return nil
}

// reload forgets what was read, because the store knows better now.
func (t *chatTimers) reload() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded, t.byChat = false, nil
}
