package whatsapp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.uber.org/zap"

	"wapid/engine"
)

// timerChanged commits the disappearing timer that somebody, or the account's own
// phone, has set for a chat.
func (l *link) timerChanged(evt *events.Message, timer time.Duration) error {
	if evt.Info.Category == "peer" || evt.Info.Chat.Server != types.DefaultUserServer && evt.Info.Chat.Server != types.HiddenUserServer {
		return nil // a group's timer comes as a change of the group
	}
	addresses := []types.JID{evt.Info.Sender, evt.Info.SenderAlt}
	if evt.Info.IsFromMe {
		addresses = []types.JID{evt.Info.Chat, evt.Info.RecipientAlt}
	}
	peer, err := l.person(addresses...)
	if err != nil {
		return err
	}
	return l.conn.handler.Notice(l.conn.ctx, engine.Notice{At: evt.Info.Timestamp, Timer: &engine.ChatTimer{
		Chat: chatIn(evt.Info.Chat, peer), Peer: peer, After: timer,
	}})
}

// groupChanged commits what has changed in a group, and tells whether the notice
// may be acknowledged: whatsmeow asks before it does. What it can't parse it
// acknowledges by itself.
func (l *link) groupChanged(evt *events.GroupInfo) bool {
	changes, err := l.converter().groupChanges(evt)
	return l.tell(changes, err)
}

// groupJoined commits that the account has come into a group.
func (l *link) groupJoined(evt *events.JoinedGroup) bool {
	joined, err := l.converter().joined(evt, l.conn.net.opts.Clock())
	return l.tell([]engine.Notice{joined}, err)
}

// tell commits notices, in their order. Those that are committed already when a
// later one fails are known again by their ids.
func (l *link) tell(notices []engine.Notice, err error) bool {
	for _, n := range notices {
		if err == nil {
			err = l.conn.handler.Notice(l.conn.ctx, n)
		}
	}
	if err != nil {
		l.conn.log.Warn("notice not committed; it is asked for again", zap.Error(err))
		l.retryLater(err)
		return false
	}
	return true
}

// called commits news of a call. whatsmeow acknowledges a call whatever its
// handler says, as soon as that returns; so the wire is cut first if the call
// could not be committed. It comes again with the next connection, if the network
// still keeps it: how long it does is not known.
func (l *link) called(event any) bool {
	n, ok, err := l.converter().call(event, l.conn.net.opts.Clock())
	if err == nil && !ok {
		return true
	}
	if l.tell([]engine.Notice{n}, err) {
		return true
	}
	l.wire.hangUp()
	return false
}

// call reads an event of a call to the account.
func (c converter) call(event any, now time.Time) (n engine.Notice, ok bool, err error) {
	var meta types.BasicCallMeta
	var action string
	var video bool
	switch e := event.(type) {
	case *events.CallOffer:
		_, video = e.Data.GetOptionalChildByTag("video")
		meta, action = e.BasicCallMeta, "offer"
	case *events.CallOfferNotice:
		meta, action, video = e.BasicCallMeta, "offer", e.Media == "video"
	case *events.CallAccept:
		meta, action = e.BasicCallMeta, "accept"
	case *events.CallReject:
		meta, action = e.BasicCallMeta, "reject"
	case *events.CallTerminate:
		meta, action = e.BasicCallMeta, "terminate"
	}
	caller, err := c.person(meta.CallCreator, meta.CallCreatorAlt)
	if err != nil {
		return n, false, err
	}
	if meta.CallID == "" || caller == (engine.Person{}) || c.isOwn(caller) {
		return n, false, nil
	}
	at := meta.Timestamp
	if at.IsZero() || at.Unix() <= 0 {
		at = now
	}
	call := &engine.Call{ID: meta.CallID, From: caller.Preferred(), FromLID: caller.LID, Action: action, Video: video, Timestamp: at.Unix()}
	if meta.GroupJID.Server == types.GroupServer {
		call.Group = engine.JID(meta.GroupJID.ToNonAD().String())
	}
	// Everything that happens in a call has the call's id, which its caller has
	// chosen, and happens once: a call that is accepted is no longer rejected.
	id := fmt.Sprint(meta.CallCreator.ToNonAD(), " ", call.ID, " ", action)
	return engine.Notice{ID: id, At: at, Call: call}, true, nil
}

func (c converter) isOwn(p engine.Person) bool {
	return p.Phone != "" && p.Phone == c.own.Phone || p.LID != "" && p.LID == c.own.LID
}

// noticeID makes the id of a change from what the network said, because
// whatsmeow keeps the stanza's own id to itself. Two changes of the same second
// that are alike in all are told as one.
func noticeID(origin, action string, said any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %q", origin, action, fmt.Sprint(said)))
	return hex.EncodeToString(sum[:16])
}
