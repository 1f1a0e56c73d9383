package httpapi

import (
	"context"
	"sync"
	"time"

	"wapid/engine"
)

const (
	typingTime = 25 * time.Second // that typing is shown unless an answer comes first
	typingCall = 10 * time.Second // for telling the network
	mostTyping = 4096             // chats of all tenants in which typing is shown at a time
)

// typists show that somebody types, and end that by themselves. An account that is shown
// as typing must be available, which silences its phone's notifications, so that it is
// made unavailable with the last of its chats, unless its tenant has asked for it to be
// available. A goroutine lives for each chat; they end with close.
type typists struct {
	use    func(engine.SessionKey) (engine.Presence, error)
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	shown  map[typing]*typist
	// online are the sessions whose tenants have asked for them to be available.
	online map[engine.SessionKey]bool
}

// typing is a chat of a session.
type typing struct {
	session engine.SessionKey
	chat    engine.JID
}

// typist is one chat's.
type typist struct {
	again  chan struct{} // typing is to be shown for longer; has room for one
	over   chan struct{} // likewise
	ending bool          // guarded by typists.mu
	gone   chan struct{} // closed once the network was told of the end
}

func newTypists(use func(engine.SessionKey) (engine.Presence, error)) *typists {
	t := &typists{use: use, shown: make(map[typing]*typist), online: make(map[engine.SessionKey]bool)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// wish notes what a session's tenant has asked for.
func (t *typists) wish(key engine.SessionKey, available bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if available {
		t.online[key] = true
	} else {
		delete(t.online, key)
	}
}

// show shows typing in a chat for typingTime, from now on if it is shown already. It
// returns the errors of engine.Use and engine.Presence, CodeRateLimited and CodeStopping.
func (t *typists) show(ctx context.Context, key engine.SessionKey, chat engine.JID) error {
	presence, err := t.use(key)
	if err != nil {
		return err
	}
	for {
		before, err := t.enter(typing{key, chat})
		if err != nil {
			return err
		}
		if before == nil {
			break
		}
		select { // what is shown is told in order
		case <-before:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := presence.SetAvailable(ctx, true); err != nil {
		t.stop(key, chat)
		return err
	}
	if err := presence.SetTyping(ctx, chat, engine.TypingText); err != nil {
		t.stop(key, chat)
		return err
	}
	return nil
}

// enter begins to wait for the end of typing in a chat, or waits for longer. While an
// end is being told nothing begins: then it returns what to wait for before trying again.
func (t *typists) enter(at typing) (before <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, known := t.shown[at]
	switch {
	case t.closed:
		return nil, &engine.Error{Code: engine.CodeStopping, Message: "the daemon is shutting down", RetryAfter: retryWhenStopping}
	case known && one.ending:
		return one.gone, nil
	case known:
		notify(one.again)
		return nil, nil
	case len(t.shown) >= mostTyping:
		return nil, &engine.Error{Code: engine.CodeRateLimited, Message: "typing is shown in too many chats", RetryAfter: typingTime}
	}
	one = &typist{again: make(chan struct{}, 1), over: make(chan struct{}, 1), gone: make(chan struct{})}
	t.shown[at] = one
	t.all.Go(func() {
		defer t.forget(at, one)
		if t.wait(one) {
			t.tellEnd(at)
		}
	})
	return nil, nil
}

// stop ends typing in a chat, as when the answer has been sent.
func (t *typists) stop(key engine.SessionKey, chat engine.JID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.shown[typing{key, chat}]; one != nil {
		one.ending = true
		notify(one.over)
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it knows already
	}
}

// wait waits until typing is over, and tells whether the network is to be told so.
func (t *typists) wait(one *typist) bool {
	end := time.NewTimer(typingTime)
	defer end.Stop()
	for {
		select {
		case <-one.again:
			end.Reset(typingTime)
		case <-one.over:
			return true
		case <-end.C:
			if t.expire(one) {
				return true
			}
			end.Reset(typingTime)
		case <-t.ctx.Done():
			return false // the sessions end too, and with them what they show
		}
	}
}

// expire ends a typist, unless it has just been told to go on.
func (t *typists) expire(one *typist) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-one.again:
		return false
	default:
		one.ending = true
		return true
	}
}

// tellEnd tells the network that nobody types in a chat any more.
func (t *typists) tellEnd(at typing) {
	presence, err := t.use(at.session)
	if err != nil {
		return // the network forgets what a session has shown with its connection
	}
	ctx, cancel := context.WithTimeout(t.ctx, typingCall)
	defer cancel()
	// What can't be told now is over as soon as the connection is, which the errors say.
	_ = presence.SetTyping(ctx, at.chat, engine.TypingStop)
	if t.mayLeave(at.session) {
		_ = presence.SetAvailable(ctx, false)
	}
}

// mayLeave tells whether a session is to be unavailable.
func (t *typists) mayLeave(key engine.SessionKey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at, one := range t.shown {
		if at.session == key && !one.ending {
			return false
		}
	}
	return !t.online[key]
}

func (t *typists) forget(at typing, one *typist) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.shown, at)
	close(one.gone)
}

// close ends all without a word, and waits for them.
func (t *typists) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.all.Wait()
}
