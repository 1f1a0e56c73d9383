package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.uber.org/zap"

	"wapid/engine"
)

// handle takes whatsmeow's events. Its result decides over the acknowledgement
// of what caused the event: after false it stays with the network. whatsmeow
// takes a panic for success, therefore it must not get out of here.
//
// The events that tell why a connection ends (LoggedOut, StreamReplaced,
// TemporaryBan and the like) are not used: the tap has seen the stanza behind
// them before whatsmeow could lose it.
func (l *link) handle(event any) (handled bool) {
	c := l.conn
	if !c.enter() {
		return false
	}
	defer c.calls.Done()
	defer func() {
		if p := recover(); p != nil {
			handled = false
			l.panicked(p, event)
		}
	}()
	switch event := event.(type) {
	case *events.Message:
		return l.message(event)
	case *events.Receipt:
		return l.receipt(event)
	case *events.GroupInfo:
		return l.groupChanged(event)
	case *events.JoinedGroup:
		return l.groupJoined(event)
	case *events.CallOffer, *events.CallOfferNotice, *events.CallAccept, *events.CallReject, *events.CallTerminate:
		return l.called(event)
	case *events.UndecryptableMessage:
		return l.undecryptable(event)
	case *events.QR:
		l.showCodes(event.Codes)
	case *events.PairSuccess:
		l.pairedAs(event)
	case *events.PairError:
		l.pairingFailed(event.Error)
	case *events.PairPasskeyRequest:
		l.passkeyAsked(event)
	case *events.PairPasskeyConfirmation:
		l.passkeyProved(event)
	case *events.PairPasskeyError:
		l.pairingFailed(event.Error)
	case *events.Connected:
		l.introduce(l.name) // before anything can be sent
		l.connected()
	case *events.AppStateSyncComplete:
		if event.Name == appstate.WAPatchCriticalBlock {
			l.introduce(l.device.PushName) // this goroutine of whatsmeow's has set it
		}
	case *events.PushNameSetting:
		l.introduce(event.Action.GetName())
	case *events.Disconnected:
		l.disconnected()
	case *events.KeepAliveTimeout:
		l.unanswered(event)
	case *events.MediaRetry:
		l.reuploads.answered(event)
	case *events.NotifyAccountReachoutTimelock:
		l.timelocked(event.IsActive, event.TimeEnforcementEnds.Time)
	}
	return true
}

// panicked ends a link whose handling of an event had a defect, so that what caused the
// event comes again.
func (l *link) panicked(p, event any) {
	l.conn.net.counts.panic.Add(1)
	l.conn.log.Error("event handler panicked, connecting anew", zap.String("event", fmt.Sprintf("%T", event)),
		zap.String("panic", engine.Redact(fmt.Sprint(p))), zap.ByteString("stack", debug.Stack()))
	l.drop(engine.DropNetwork, errors.New("an event handler panicked"))
}

// maxUnansweredPings is how many pings in a row a server may leave unanswered
// that otherwise still speaks.
const maxUnansweredPings = 3

// unanswered ends a link whose server is deaf: it has said nothing at all since
// the ping. One that only has not answered yet, or whose answer this busy machine
// has not got to, gets more time.
func (l *link) unanswered(evt *events.KeepAliveTimeout) {
	l.conn.net.counts.ping.Add(1)
	silence := l.wire.silence()
	if silence < l.conn.net.opts.PingTimeout && evt.ErrorCount < maxUnansweredPings {
		return
	}
	l.drop(engine.DropNetwork, fmt.Errorf("%d pings unanswered, nothing heard for %s", evt.ErrorCount, silence.Round(time.Second)))
}

// connected reports the complete login. whatsmeow says so even if the socket
// ended while it logged in.
func (l *link) connected() {
	c := l.conn
	c.mu.Lock()
	if !l.over && !l.lost && !l.ready {
		l.ready = true
		if l.patience != nil {
			l.patience.Stop()
		}
		id := engine.Identity{Device: deviceID(l.own), Person: personOf(l.own, l.device.LID)}
		c.post(engine.SignalReady{Identity: id})
	}
	c.mu.Unlock()
	c.flush()
}

// message commits a message and tells whether whatsmeow may acknowledge it now. What is
// not for the tenant is acknowledged as it is. Mostly the answer is false, because
// the commit is only begun; see pipeline.
func (l *link) message(evt *events.Message) bool {
	overtaken := false
	if one, ok := l.stanzas.take(evt.Info); ok && isForTenant(evt) {
		hash, buffered := one.hash(&evt.Info)
		if buffered && l.guard.isAt(hash) {
			if err := l.pipe(evt, one.stanza, hash); err != nil {
				l.notCommitted(err)
			}
			return false
		}
		overtaken = buffered
	}
	l.pipeline.settle()
	err := l.receive(evt)
	if err == nil && l.guard != nil {
		err = l.guard.secrets.take(evt.Info.ID)()
	}
	switch {
	case err != nil:
	case !overtaken:
		err = l.trouble()
	case l.guard.unsound.Load(): // it may have been for this message, or for the one that is at hand
		err = errTrouble
	}
	if err != nil {
		l.notCommitted(err)
		return false
	}
	return true
}

// errTrouble says that a message is not stored as a whole.
var errTrouble = errors.New("the device store failed while the message was handled")

// trouble tells of what belongs to the message at hand and was not stored: the sender key in
// it, say. The message is handled again, from the buffer.
func (l *link) trouble() error {
	if l.guard != nil && l.guard.troubled() {
		return errTrouble
	}
	return nil
}

// notCommitted leaves a message with the network, and has it brought again.
func (l *link) notCommitted(err error) {
	if l.conn.ctx.Err() != nil { // nobody wants it any more
		return
	}
	l.conn.net.counts.commit.Add(1)
	l.conn.log.Warn("message not committed; it is asked for again", zap.Error(err))
	l.retryLater(err)
}

// receive commits what is not passed on through the pipeline.
func (l *link) receive(evt *events.Message) error {
	c := l.conn
	if timer, ok := timerOf(evt.Message); ok {
		return l.timerChanged(evt, timer)
	}
	if notice := evt.Message.GetProtocolMessage().GetHistorySyncNotification(); notice != nil && evt.Info.IsFromMe {
		l.historyAnnounced(notice)
		return nil
	}
	if !isForTenant(evt) {
		return nil
	}
	m, err := l.read(evt)
	if err != nil {
		return err
	}
	if err := c.handler.Receive(c.ctx, m)(); err != nil {
		return err
	}
	c.committed()
	return nil
}

// read is a message as the tenant is told of it.
func (l *link) read(evt *events.Message) (engine.Incoming, error) {
	shown, vote, err := l.reveal(evt)
	if err != nil {
		return engine.Incoming{}, err
	}
	return l.converter().incoming(shown, vote)
}

func (l *link) converter() converter {
	return converter{person: l.person, own: personOf(l.own, l.device.LID)}
}

// unavailable is what the tenant is told of a message that is shown on the
// phone only, in place of the name of what it held.
const unavailable = "view_once_unavailable"

// undecryptable counts a message that could not be decrypted; its sender is
// asked for it again. What is meant to be seen once, on the phone, never comes to
// a linked device: that is told as a message without content. whatsmeow has
// acknowledged it already, so a crash or a database that fails just now loses
// the notice.
func (l *link) undecryptable(evt *events.UndecryptableMessage) bool {
	c := l.conn
	l.stanzas.take(evt.Info)
	l.pipeline.settle()
	if evt.UnavailableType != events.UnavailableTypeViewOnce || !isFromSomebody(evt.Info) {
		c.net.counts.decrypt.Add(1)
		c.log.Debug("message could not be decrypted; its sender is asked for it again", zap.Bool("unavailable", evt.IsUnavailable))
		return true
	}
	sender, err := l.person(evt.Info.Sender, evt.Info.SenderAlt)
	if err == nil {
		err = c.handler.Receive(c.ctx, engine.Incoming{
			ID: engine.MessageID(evt.Info.ID), Chat: chatIn(evt.Info.Chat, sender), Sender: sender,
			PushName: evt.Info.PushName, Timestamp: evt.Info.Timestamp, IsGroup: evt.Info.Chat.Server == types.GroupServer,
			Kind: engine.KindUnsupported, Details: engine.Details{ViewOnce: true, Unsupported: unavailable},
		})()
	}
	if err != nil {
		c.log.Warn("the notice of a message that can't be shown here is lost", zap.Error(err))
		return false
	}
	return true
}

// person fills in the address that is missing, where the network has told it before.
func (l *link) person(addresses ...types.JID) (engine.Person, error) {
	p := personOf(addresses...)
	return l.completed(l.ctx, p)
}

func (l *link) completed(ctx context.Context, p engine.Person) (engine.Person, error) {
	switch {
	case p.Phone == "" && p.LID != "":
		pn, err := l.device.LIDs.GetPNForLID(ctx, types.NewJID(p.LID.User(), types.HiddenUserServer))
		if err != nil {
			return p, err
		}
		return personOf(types.NewJID(p.LID.User(), types.HiddenUserServer), pn), nil
	case p.LID == "" && p.Phone != "":
		lid, err := l.device.LIDs.GetLIDForPN(ctx, types.NewJID(p.Phone.User(), types.DefaultUserServer))
		if err != nil {
			return p, err
		}
		return personOf(types.NewJID(p.Phone.User(), types.DefaultUserServer), lid), nil
	}
	return p, nil
}
