package engine

import (
	"context"
	"time"
)

// SendOptions say how a message is to be sent. The zero value waits for the network.
type SendOptions struct {
	Claim *Claim        // makes the request idempotent; nil for none
	Queue bool          // answer as soon as the message is durable; the session sends it when it can
	TTL   time.Duration // of a queued message; 0 means DefaultQueueTTL, MaxQueueTTL is the most
	// Prepare completes the message, such as with its file, once it is certain that
	// no earlier request answers this one. Its time is its own: the engine waits for
	// it, and returns its error. nil for a message that is complete.
	Prepare func(ctx context.Context, m *Outgoing) error
	// Resume says that m.ID may have been reserved, or even sent, by a life of this
	// daemon that died, as the items of a bulk job may. If the log says that it was
	// sent, that is returned and nothing is sent again. Otherwise it is sent under
	// the same id, and counts against the quota once.
	Resume bool
}

// MaxQueuedFiles is how many bytes of files a tenant's queued messages may hold at
// a time; a single file may be larger.
const MaxQueuedFiles = 2 << 30

// Times to live of queued messages.
const (
	DefaultQueueTTL = 24 * time.Hour
	MaxQueueTTL     = 7 * 24 * time.Hour
)

// Submitted is what Submit answers. Of a queued message the ID is known, and the
// rest only once it was sent.
type Submitted struct {
	Sent
	Queued   bool // it was answered before it was sent
	Replayed bool // the answer is that of an earlier request with the same Claim, or of a life that died
}

// Submit sends a message and returns when the network has taken it, or queues it
// for its session, which need not be connected then. An empty m.ID gets an id;
// m.Target and m.Quoted need no more than the ID. The file of an attachment stays
// the caller's, except that of a message which this call has queued: the engine
// removes it when the message has left the queue. A session that was linked just now
// is given ten seconds for its first login.
//
// Errors: those of o.Prepare; CodeSessionNotFound; CodeSessionNotReady and CodeSessionBusy;
// CodeInvalid and CodeNotFound for what m refers to; CodeSentLimit;
// CodeTenantSuspended; CodeConflict; CodeStorage; CodeStopping; those of
// Media.Upload and Conn.Send. After CodeSendOutcomeUnknown the error's MessageID
// is the id under which the message may have gone out; all others mean that
// nothing was sent. With a Claim the same request may be made again after any of
// them: what certainly was not sent is tried anew, except after CodeSendRejected,
// and what may have been sent is sent again under its id.
func (e *Engine) Submit(ctx context.Context, key SessionKey, m Outgoing, o SendOptions) (Submitted, error) {
	w, err := e.find(key)
	if err != nil {
		return Submitted{}, err
	}
	switch {
	case o.TTL < 0 || o.TTL > MaxQueueTTL:
		return Submitted{}, Errorf(CodeInvalid, "a message can be queued for at most %d hours", int(MaxQueueTTL.Hours()))
	case o.TTL == 0:
		o.TTL = DefaultQueueTTL
	}
	if m.ID == "" {
		if o.Resume {
			return Submitted{}, Errorf(CodeInternal, "a message that is resumed has an id")
		}
		m.ID = e.network.NewMessageID()
	}
	submit := func() (Submitted, error) {
		began := time.Now()
		ctx, end := e.step(ctx, StepSend, key, m)
		s, err := w.submit(ctx, m, o)
		end(err)
		if err != nil || !s.Queued && !s.Replayed {
			e.watch.tried(key, m.Kind, began, err)
		}
		return s, err
	}
	if o.Claim == nil {
		return submit()
	}
	return e.flights.do(ctx, key, *o.Claim, submit)
}

// Send is Submit without options.
func (e *Engine) Send(ctx context.Context, key SessionKey, m Outgoing) (Sent, error) {
	s, err := e.Submit(ctx, key, m, SendOptions{})
	return s.Sent, err
}

// submit writes a message down and sends it, unless the log answers already.
func (w *worker) submit(ctx context.Context, m Outgoing, o SendOptions) (Submitted, error) {
	r := Reservation{Claim: o.Claim, Resume: o.Resume}
	if o.Claim != nil || o.Resume && w.view.Load().conn == nil { // reserve looks as well, later
		r.Message = w.logged(m, o)
		found, err := w.engine.store.Recall(ctx, r)
		if err != nil {
			return Submitted{}, err
		}
		if found.Settled {
			return replay(found.Message, o)
		}
	}
	if !o.Queue && !w.ready(ctx) {
		return Submitted{}, w.notReady()
	}
	if o.Prepare != nil {
		if err := o.Prepare(ctx, &m); err != nil {
			return Submitted{}, err
		}
	}
	request := ctx
	ctx, cancel := context.WithTimeout(ctx, w.engine.sendTimeout)
	defer cancel()
	m, err := w.complete(ctx, m, o.Queue)
	if err != nil {
		return Submitted{}, err
	}
	r.Message, r.Choices = w.logged(m, o), m.Choices
	if o.Queue {
		r.Queued = &Queued{Message: m, ExpiresAt: r.Message.CreatedAt.Add(o.TTL)}
	}
	if w.engine.tracer != nil {
		r.Trace = w.engine.tracer.Mark(ctx)
	}
	found, share, err := w.reserve(ctx, r)
	if err != nil {
		return Submitted{}, err
	}
	returned := false
	defer func() { share.end(returned) }()
	if found.Settled {
		return replay(found.Message, o)
	}
	m.ID = found.Message.ID
	if o.Queue {
		w.enqueued(r.Queued.ExpiresAt)
		return Submitted{Sent: Sent{ID: m.ID}, Queued: true}, nil
	}
	sent, err := w.deliver(ctx, m)
	w.settle(request, attempt{m.ID, o.Claim, found.Unsure}, sent, err)
	returned = err != nil // or it was not: then looking again does no harm
	return Submitted{Sent: sent}, err
}

// complete fills in what the engine knows of a message: what it refers to, how the
// session shows choices, and the timer of its chat.
func (w *worker) complete(ctx context.Context, m Outgoing, queued bool) (Outgoing, error) {
	m, err := w.resolve(ctx, m, queued)
	if err == nil {
		m, err = m.present(w.view.Load().Options.Interactive)
	}
	if err != nil {
		return m, err
	}
	m.Expiration, err = w.timers.of(ctx, w, m.To)
	return m, err
}

// logged is the row of a message in the log before it is sent.
func (w *worker) logged(m Outgoing, o SendOptions) LoggedMessage {
	now := w.engine.now()
	row := LoggedMessage{
		Session: w.key, ID: m.ID, Direction: Outbound, Chat: m.To, Kind: m.Kind, Text: m.Text, Details: m.Details(),
		Status: MessagePending, CreatedAt: now, StatusAt: now, CallbackData: m.CallbackData,
	}
	if o.Queue {
		row.Status = MessageQueued
	}
	row.Peer = m.To.Person()
	return row
}

// replay answers a request from the log. One that was to be queued is answered
// as it was then, whatever became of the message.
func replay(m LoggedMessage, o SendOptions) (Submitted, error) {
	waits := m.Status == MessageQueued || m.Status == MessagePending || m.Status == MessageUnknown // in the outbox
	if m.Status == MessageFailed && !o.Queue {
		e := Errorf(m.ErrorCode, "the message was refused")
		if m.ErrorCode == CodeSendRejected {
			e.Message = "WhatsApp refused the message"
		}
		return Submitted{}, e
	}
	at := m.SentAt
	if at.IsZero() && !waits && m.Status != MessageFailed {
		at = m.StatusAt // a receipt came before the network's word
	}
	sent := Sent{ID: m.ID, Timestamp: at, Recipient: m.Peer, Payload: m.Payload}
	return Submitted{Sent: sent, Queued: o.Queue || waits, Replayed: true}, nil
}
