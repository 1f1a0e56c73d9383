package engine

import (
	"context"
	"sync"
	"time"
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

// reload forgets what was read, because the store knows better now.
func (t *chatTimers) reload() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded, t.byChat = false, nil
}
