package whatsapp

import (
	"context"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"

	"wapid/engine"
)

// groupTimers are the groups whose disappearing timer is known to be told: the
// network tells of changes, and of the group when the account comes into it, but
// not of the timer that a group had before the device was linked. The zero value
// knows none.
type groupTimers struct {
	mu    sync.Mutex
	known map[types.JID]bool
}

func (g *groupTimers) knows(group types.JID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known[group]
}

func (g *groupTimers) note(group types.JID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		g.known = make(map[types.JID]bool)
	}
	g.known[group] = true
}

// withGroupTimer gives a message to a group that group's timer, which is looked up
// with the first message of every link and told to the session if that believed
// another. It asks nothing that sending would not have to ask next: whatsmeow keeps
// the members that come with it.
func (l *link) withGroupTimer(ctx context.Context, to types.JID, m engine.Outgoing) (engine.Outgoing, error) {
	if to.Server != types.GroupServer || l.timers.knows(to) {
		return m, nil
	}
	info, err := l.client.GetGroupInfo(ctx, to)
	if err != nil {
		return m, l.explain(ctx, to, sendFailure{err: err, cause: context.Cause(ctx), group: true})
	}
	after := time.Duration(info.DisappearingTimer) * time.Second
	if after != m.Expiration {
		m.Expiration = after
		err := l.conn.handler.Notice(ctx, engine.Notice{At: l.conn.net.opts.Clock(), Timer: &engine.ChatTimer{Chat: m.To, After: after}})
		if err != nil { // It is looked up again with the next message.
			l.conn.log.Warn("a group's timer was not written down", zap.Error(err))
			return m, nil
		}
	}
	l.timers.note(to)
	return m, nil
}
