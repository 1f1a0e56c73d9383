package whatsapp

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// ackTimeout is how long a send waits for the server's acknowledgement.
const ackTimeout = 30 * time.Second

// errNoRecipientDevice stops a message that none of the recipient's devices
// could have read.
var errNoRecipientDevice = errors.New("no device of the recipient could be encrypted for")

// pendingSends are the sends of a link that wait for their answer, by message id.
type pendingSends struct{ byID sync.Map }

// pendingSend is one of them.
type pendingSend struct {
	left   atomic.Bool  // the stanza was handed to the socket
	settle func() error // commits what the device store still holds back of it
	cancel context.CancelCauseFunc
}

// Send implements engine.Conn. Beside the codes named there it returns
// CodeInvalid for an address that can't be parsed, and CodeStorage if the device
// store failed before anything was sent.
func (c *conn) Send(ctx context.Context, m engine.Outgoing) (engine.Sent, error) {
	if !c.enter() {
		return engine.Sent{}, notReady(errNotReady)
	}
	defer c.calls.Done()
	l := c.readyLink()
	if l == nil {
		return engine.Sent{}, notReady(errNotReady)
	}
	return l.send(ctx, m)
}

func (l *link) send(ctx context.Context, m engine.Outgoing) (engine.Sent, error) {
	if m.To.Server() == engine.ServerBSUID {
		return engine.Sent{}, engine.Errorf(engine.CodeRecipientInvalid, "only Meta's official API knows people by ids of this kind")
	}
	to, err := types.ParseJID(string(m.To))
	if err != nil {
		return engine.Sent{}, engine.WrapError(engine.CodeInvalid, err, "the recipient is not a valid WhatsApp address")
	}
	if m, err = l.withGroupTimer(ctx, to, m); err != nil {
		return engine.Sent{}, err
	}
	where, err := l.settingOf(ctx, to, m)
	if err != nil {
		return engine.Sent{}, err
	}
	message, err := composeMessage(m, where)
	if err != nil {
		return engine.Sent{}, err
	}
	payload, err := payloadOf(message)
	if err != nil {
		return engine.Sent{}, err
	}
	sendCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.ctx, func() { cancel(errNotReady) })()
	sendCtx, settle, end := l.guard.outgoing(sendCtx)
	defer end()
	pending := &pendingSend{settle: settle, cancel: cancel}
	stanza := stanzaID(m)
	l.sends.byID.Store(stanza, pending)
	defer l.sends.byID.Delete(stanza)

	resp, err := l.client.SendMessage(sendCtx, to, message, whatsmeow.SendRequestExtra{
		ID: string(m.ID), Timeout: ackTimeout, MediaHandle: mediaHandle(m), AdditionalNodes: besides(message, where),
	})
	if err != nil {
		return engine.Sent{}, l.explain(ctx, to, sendFailure{
			err: err, cause: context.Cause(sendCtx), left: pending.left.Load(),
			group: m.To.IsGroup() || m.To.Server() == engine.ServerNewsletter,
		})
	}
	sent := engine.Sent{ID: m.ID, Timestamp: resp.Timestamp, Payload: payload}
	switch {
	case where.peer.Phone != "" && where.peer.LID != "":
		sent.Recipient = where.peer
	case !m.To.IsGroup():
		// The message is sent: an address that can't be looked up now stays unknown.
		sent.Recipient, _ = l.completed(ctx, personOf(to))
	}
	return sent, nil
}

// stanzaID is the id that a message travels under: its own, except that the change
// of a channel's post has that of the post (source: whatsmeow's SendMessage).
func stanzaID(m engine.Outgoing) string {
	if m.To.Server() == engine.ServerNewsletter && m.Target != nil && (m.Kind == engine.KindEdit || m.Kind == engine.KindRevoke) {
		return string(m.Target.ID)
	}
	return string(m.ID)
}

// sending is the tap on outgoing stanzas. whatsmeow leaves out the devices that
// it can't encrypt for, and sends a message even if none of the recipient's is
// left: the account's own devices would show it as sent. Such a message is
// stopped here, before it is written, as is one that is not committed in the device
// store: the same keys would encrypt another one after a crash.
func (l *link) sending(node *waBinary.Node) {
	if node.Tag != "message" || isRetryAnswer(node) {
		return
	}
	id, _ := node.Attrs["id"].(string)
	found, ok := l.sends.byID.Load(id)
	if !ok {
		return
	}
	pending := found.(*pendingSend)
	if !reachesRecipient(node) {
		pending.cancel(errNoRecipientDevice)
		return
	}
	if err := pending.settle(); err != nil {
		pending.cancel(err)
		return
	}
	pending.left.Store(true)
}

// isRetryAnswer tells a message that answers a retry receipt: it has the id of
// the message that is sent again, and counts.
func isRetryAnswer(node *waBinary.Node) bool {
	enc, ok := node.GetOptionalChildByTag("enc")
	if !ok {
		return false
	}
	_, counts := enc.Attrs["count"]
	return counts
}

// reachesRecipient tells whether a message to a person is encrypted for at least
// one of the person's devices. It is true for every other message.
func reachesRecipient(node *waBinary.Node) bool {
	to, _ := node.Attrs["to"].(types.JID)
	if to.Server != types.HiddenUserServer && to.Server != types.DefaultUserServer || node.Attrs["category"] == "peer" {
		return true
	}
	pn, _ := node.Attrs["peer_recipient_pn"].(types.JID)
	participants := node.GetChildByTag("participants")
	for _, device := range participants.GetChildrenByTag("to") {
		jid, _ := device.Attrs["jid"].(types.JID)
		if jid.User != "" && (jid.User == to.User || jid.User == pn.User) {
			return true
		}
	}
	return false
}

// sendFailure is what is known of a send that failed.
type sendFailure struct {
	err   error
	cause error // why the send's context ended; nil if it did not
	left  bool  // the stanza was handed to the socket
	group bool  // it was for a group or a channel
}

// explain finds the error that the caller of Send gets.
func (l *link) explain(ctx context.Context, to types.JID, f sendFailure) error {
	if f.unexplained() && l.isAbsent(ctx, to) {
		return engine.WrapError(engine.CodeNotOnWhatsApp, f.err, "the number is not on WhatsApp")
	}
	if errors.Is(f.cause, errNoRecipientDevice) && l.isUnknownLID(ctx, to) {
		return engine.WrapError(engine.CodeRecipientInvalid, f.cause, "WhatsApp knows nobody under this LID; nothing was sent")
	}
	err := f.translate()
	if err.Code == engine.CodeReachoutTimelock {
		err.RetryAfter = l.noteTimelock()
	}
	return err
}

// isAbsent asks whether a number has no WhatsApp account. It is asked only of a
// number whose LID is still unknown after a failed send: whatsmeow says the same
// of an absent number and of one that it could not look up. A number once found
// is never asked for again, its LID stays in the device store.
func (l *link) isAbsent(ctx context.Context, to types.JID) bool {
	if to.Server != types.DefaultUserServer {
		return false
	}
	if lid, err := l.device.LIDs.GetLIDForPN(ctx, to); err != nil || !lid.IsEmpty() {
		return false
	}
	answers, err := l.client.IsOnWhatsApp(ctx, []string{"+" + to.User})
	if err != nil {
		return false
	}
	for _, a := range answers {
		if a.IsIn {
			return false
		}
	}
	return true
}

// isUnknownLID asks whether there is no device behind a LID, which is so of one that
// was never given out. A person who exists has a phone.
func (l *link) isUnknownLID(ctx context.Context, to types.JID) bool {
	if to.Server != types.HiddenUserServer {
		return false
	}
	found, err := l.client.GetUserDevices(ctx, []types.JID{to})
	return err == nil && len(found) == 0
}

// unexplained tells a failure before the sending that no cause is known for.
func (f sendFailure) unexplained() bool {
	return !f.left && f.translate().Code == engine.CodeUndeliverable && !errors.Is(f.cause, errNoRecipientDevice)
}

// translate gives a failure its code. What has left the process may have
// arrived, unless the server says otherwise; what has not is certainly not sent.
func (f sendFailure) translate() *engine.Error {
	var (
		iq       *whatsmeow.IQError
		cut      *whatsmeow.DisconnectedError
		database *databaseError
	)
	switch {
	case errors.Is(f.err, whatsmeow.ErrServerReturnedError):
		return refusal(f.err, f.group)
	case f.left:
		return engine.WrapError(engine.CodeSendOutcomeUnknown, f.err, "the message was sent, but WhatsApp has not confirmed it")
	case errors.Is(f.cause, errNoRecipientDevice):
		return engine.WrapError(engine.CodeUndeliverable, f.cause, "none of the recipient's devices could be encrypted for; nothing was sent")
	case errors.As(f.err, &database), errors.As(f.cause, &database):
		return engine.WrapError(engine.CodeStorage, f.err, "the device store failed; nothing was sent")
	case errors.Is(f.err, whatsmeow.ErrIQRateOverLimit), errors.Is(f.err, whatsmeow.ErrIQResourceLimit):
		return engine.WrapError(engine.CodeRateLimited, f.err, "WhatsApp asks to slow down; nothing was sent")
	case errors.Is(f.err, whatsmeow.ErrGroupNotFound), errors.Is(f.err, whatsmeow.ErrNotInGroup),
		f.group && errors.As(f.err, &iq) && deniesGroup(iq.Code):
		return noGroup(f.err)
	case errors.As(f.err, &iq):
		return engine.WrapError(engine.CodeSendRejected, f.err, "WhatsApp refused to look up the recipient; nothing was sent")
	case f.cause != nil,
		errors.As(f.err, &cut),
		errors.Is(f.err, whatsmeow.ErrIQTimedOut),
		errors.Is(f.err, whatsmeow.ErrNotConnected),
		errors.Is(f.err, whatsmeow.ErrNotLoggedIn),
		isSocketError(f.err):
		return notReady(f.err)
	case errors.Is(f.err, whatsmeow.ErrUnknownServer), errors.Is(f.err, whatsmeow.ErrBroadcastListUnsupported):
		return engine.WrapError(engine.CodeNotSupported, f.err, "messages can't be sent to such an address")
	}
	return engine.WrapError(engine.CodeUndeliverable, f.err, "the recipient could not be looked up; nothing was sent")
}

// isSocketError tells that the socket refused a stanza before any of it was written.
func isSocketError(err error) bool {
	return errors.Is(err, socket.ErrSocketClosed) || errors.Is(err, store.ErrDeviceDeleted)
}

// refusal translates the server's answer to a message. whatsmeow gives its code
// as text: "server returned error 463".
func refusal(err error, group bool) *engine.Error {
	text := err.Error()
	code, _ := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
	switch code {
	case 463:
		return engine.WrapError(engine.CodeReachoutTimelock, err, "WhatsApp lets this account write only to people who have written to it")
	case 429:
		return engine.WrapError(engine.CodeRateLimited, err, "WhatsApp asks to slow down")
	}
	if group && deniesGroup(code) {
		return noGroup(err)
	}
	return engine.WrapError(engine.CodeSendRejected, err, "WhatsApp refused the message")
}

// deniesGroup tells codes by which the server denies a group to an account:
// unauthorized, forbidden (not a member, or not allowed to write), not found,
// not allowed, not acceptable and gone. They are those of XMPP's stanza errors,
// which whatsmeow's request.go knows of lookups; that acknowledgements use the
// same is assumed.
func deniesGroup(code int) bool {
	switch code {
	case 401, 403, 404, 405, 406, 410:
		return true
	}
	return false
}

func noGroup(cause error) *engine.Error {
	return engine.WrapError(engine.CodeRecipientInvalid, cause, "there is no such group or channel, or this account may not write to it; nothing was sent")
}
