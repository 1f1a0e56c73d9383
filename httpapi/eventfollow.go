package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// How a log is followed.
const (
	followPage = 256             // events that are read at a time
	pollLog    = 3 * time.Second // how long a look at the log stands without a hint
	// restLog is how far apart looks at a busy log are: what is committed meanwhile is
	// read together.
	restLog = 50 * time.Millisecond
)

// follower reads a tenant's log from a cursor on: each event that passes the filter
// once, in order, first what is there and then what comes. One goroutine uses it.
type follower struct {
	right  right
	filter store.EventFilter
	after  engine.EventID // everything up to here was looked at
	beat   time.Duration  // how far apart heartbeats are

	looked time.Time // when the log was last read to its end; zero while there is more
	hinted bool      // there may be more since
	gap    bool      // that something is gone was told
}

// newFollower reads from a request what is to be followed, behind the event that the
// parameter cursor names. Without one it begins with what is committed from now on. It
// returns CodeInvalid and CodeStorage.
func (s *Server) newFollower(c *fiber.Ctx, p store.Principal, cursor string) (*follower, error) {
	f := &follower{right: right{s, p}, beat: s.streams.beat}
	var err error
	if f.filter, err = eventFilter(c, p); err != nil {
		return nil, err
	}
	if f.after, err = queryEvent(c, cursor); err != nil {
		return nil, err
	}
	// A browser that connects again repeats its URL: the header is newer.
	if last := c.Get(headerLastEvent); last != "" {
		if f.after, err = store.ParseEventID(last); err != nil {
			return nil, engine.Errorf(engine.CodeInvalid, headerLastEvent+" must be the id of an event")
		}
	}
	if f.after == "" {
		f.after, err = s.store.NewestEvent(c.UserContext(), p.Tenant)
	}
	return f, err
}

// follow gives the log to tell, page after page, until that returns an error or ctx
// ends; a page without events is due at every heartbeat. It returns why it ended:
// CodeStopping with the daemon, CodeUnauthorized with the key's right, the cause of
// ctx, or the error of tell or of the store.
func (f *follower) follow(ctx context.Context, tell func(store.EventPage) error) error {
	// Before the first look: what is committed after it gives a hint.
	hints := f.right.server.store.Listen(f.right.Tenant)
	defer hints.Close()
	beat := time.NewTicker(f.beat)
	defer beat.Stop()
	for {
		page, err := f.next(ctx, hints.Hints(), beat.C)
		switch {
		case f.right.server.streams.ending.Err() != nil:
			return errStreamStops()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			err = f.right.renew() // after the look, so that an ended key is told nothing
		}
		if err == nil {
			err = tell(page)
		}
		if err != nil {
			return err
		}
	}
}

// next returns the next page that has something to tell, or an empty one when a
// heartbeat is due.
func (f *follower) next(ctx context.Context, hints <-chan struct{}, beat <-chan time.Time) (store.EventPage, error) {
	for {
		if !f.looked.IsZero() {
			again, err := f.await(ctx, hints, beat)
			if err != nil || !again {
				return store.EventPage{Next: f.after}, err
			}
		}
		page, err := f.look(ctx)
		if err != nil || len(page.Events) > 0 || page.Truncated {
			return page, err
		}
	}
}

// await waits until it is worth looking again. It is false when a heartbeat is due.
func (f *follower) await(ctx context.Context, hints <-chan struct{}, beat <-chan time.Time) (again bool, err error) {
	st := f.right.server.streams
	rest := time.NewTimer(time.Until(f.looked.Add(st.rest)))
	defer rest.Stop()
	poll := time.NewTimer(time.Until(f.looked.Add(st.poll)))
	defer poll.Stop()
	for rested := false; !rested || !f.hinted; {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-beat:
			return false, nil
		case <-rest.C:
			rested = true
		case <-hints:
			f.hinted = true
		case <-poll.C:
			return true, nil
		}
	}
	return true, nil
}

// look reads the log on from the cursor. That something is gone is said once.
func (f *follower) look(ctx context.Context) (store.EventPage, error) {
	f.hinted = false
	page, err := f.right.server.store.PageEvents(ctx, f.right.Tenant, f.filter, f.after, followPage)
	if err != nil {
		return store.EventPage{}, err
	}
	f.after, f.looked = page.Next, time.Time{}
	if !page.More {
		f.looked = time.Now()
	}
	page.Truncated, f.gap = page.Truncated && !f.gap, page.Truncated
	return page, nil
}
