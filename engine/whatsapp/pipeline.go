package whatsapp

import (
	"errors"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// maxInFlight is how many messages of one link may wait for their commits at once.
const maxInFlight = 64

// errOver is the answer to a message that is handled when its link has ended.
var errOver = errors.New("the connection has ended")

// pipeline holds the messages of one link that are being committed. whatsmeow handles
// messages one after the other, and each would wait for a synced commit before the next is
// decrypted. So the handler only begins the commit, in the order of arrival, and tells
// whatsmeow not to acknowledge. When the commit has succeeded, a goroutine that lives as
// long as anything waits does what whatsmeow would have done: it clears the plaintext
// from the buffer and sends the receipt, in the same order.
//
// After a crash the network brings again what it has no receipt for. Before the commit,
// the plaintext is in the buffer and is committed then. Behind the commit it is as well,
// and the message is known by its id. Behind the clearing, whatsmeow knows the ciphertext
// and sends the receipt by itself.
type pipeline struct {
	mu      sync.Mutex
	changed *sync.Cond
	queue   []func() // what is to be done with each, in order
	pending int      // those in queue, the one at hand, and those that are being begun
	running bool
	closed  bool
}

func newPipeline() *pipeline {
	p := &pipeline{}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// add calls begin when there is room, and has what it returns called once all before it
// were. It returns false if the link has been taken down.
func (p *pipeline) add(begin func() (finish func())) bool {
	p.mu.Lock()
	for p.pending >= maxInFlight && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		p.mu.Unlock()
		return false
	}
	p.pending++
	p.mu.Unlock()
	var finish func()
	defer func() { // begin may panic
		p.mu.Lock()
		defer p.mu.Unlock()
		if finish == nil {
			p.pending--
			p.changed.Broadcast()
			return
		}
		p.queue = append(p.queue, finish)
		if !p.running {
			p.running = true
			go p.run()
		}
	}()
	finish = begin()
	return true
}

func (p *pipeline) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 {
		finish := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.mu.Unlock()
		finish()
		p.mu.Lock()
		p.pending--
		p.changed.Broadcast()
	}
	p.queue, p.running = nil, false
	p.changed.Broadcast()
}

// settle waits until nothing is on its way.
func (p *pipeline) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.pending > 0 {
		p.changed.Wait()
	}
}

// close takes nothing more, and waits for what is on its way.
func (p *pipeline) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.changed.Broadcast()
	for p.pending > 0 || p.running {
		p.changed.Wait()
	}
}

// pipe begins to commit a message, whose plaintext is in the buffer under a hash.
func (l *link) pipe(evt *events.Message, stanza *waBinary.Node, hash [32]byte) error {
	if unwrap(evt.Message).GetPollUpdateMessage() != nil {
		l.pipeline.settle() // a vote is read with its poll, which may be on its way
	}
	m, err := l.read(evt)
	if err == nil {
		err = l.trouble()
	}
	if err != nil {
		return err
	}
	info, stored := evt.Info, l.guard.secrets.take(evt.Info.ID)
	begun := l.pipeline.add(func() (finish func()) {
		committed := l.conn.net.counts.piped(l.conn.handler.Receive(l.conn.ctx, m))
		return func() {
			l.arrived(func() error { return errors.Join(committed(), stored()) }, hash, &info, stanza)
		}
	})
	if !begun {
		return errOver
	}
	return nil
}

// arrived ends the handling of a message whose commit was begun.
func (l *link) arrived(committed func() error, hash [32]byte, info *types.MessageInfo, stanza *waBinary.Node) {
	defer func() {
		if p := recover(); p != nil {
			l.panicked(p, info)
		}
	}()
	if err := committed(); err != nil {
		l.notCommitted(err)
		return
	}
	l.conn.committed()
	// Neither is of consequence to the message. Both are done by whatsmeow otherwise,
	// which lets their failures pass as well.
	_ = l.guard.ClearBufferedEventPlaintext(l.ctx, hash)
	_ = l.guard.DeleteOldBufferedHashes(l.ctx)
	if l.isUp() { // or else it comes again, and is known
		//lint:ignore SA1019 whatsmeow sends it by itself only before the handler has returned
		l.client.DangerousInternals().SendMessageReceipt(l.ctx, info, stanza)
	}
}

// isUp tells that neither the link nor its socket has ended, as far as is known.
func (l *link) isUp() bool {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	return !l.over && !l.lost
}
