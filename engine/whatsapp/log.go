package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	waLog "go.mau.fi/whatsmeow/util/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"wapid/engine"
)

// clientLog is a whatsmeow client's logger. whatsmeow's info is our debug; its
// warnings and errors come without the numbers, names and bodies that they quote,
// which only the debug line repeats.
//
// It is also the one place where whatsmeow shows a stanza before it queues it
// and before it writes it. The adapter listens there, because both are too late
// otherwise: a stream error can be lost when the socket closes behind it, and a
// message that no device of the recipient can read would be on its way.
type clientLog struct {
	log    *zap.Logger
	module string
	tap    stanzaTap
	counts *counts         // nil for nobody's
	gate   *logGate        // nil for what has no end
	ended  context.Context // of the work that is logged; nil for what has no end
}

// logGate ends a log: goroutines of whatsmeow may outlive their link by moments,
// and what they then complain of is only that it is gone.
type logGate struct {
	mu   sync.RWMutex
	shut bool
}

// close returns when no line is being written, and lets no further one through.
func (g *logGate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// stanzaTap sees every stanza of a client: incoming ones in the order of the
// wire, outgoing ones just before they are encrypted for it, on the goroutine of
// whoever sends them. Its methods must not block, but sending may write to the device
// store.
type stanzaTap interface {
	received(*waBinary.Node)
	sending(*waBinary.Node)
}

// Modules that whatsmeow logs stanzas under, as client.go names them.
const (
	moduleReceive = "Recv"
	moduleSend    = "Send"
	// moduleSocket also calls the end of a socket an error that the adapter has
	// ended itself. How connections end, it reports on its own.
	moduleSocket = "Socket"
)

// handlerFailed is what whatsmeow warns of when a message is not to be acknowledged yet.
// Where that is a failure, the handler has said so.
const handlerFailed = "Handler for %s failed"

var _ waLog.Logger = clientLog{}

func (l clientLog) Sub(module string) waLog.Logger {
	l.module = module
	return l
}

func (l clientLog) Debugf(format string, args ...any) {
	if l.tap != nil && len(args) == 1 {
		if node, ok := args[0].(*waBinary.Node); ok {
			switch l.module {
			case moduleReceive:
				l.tap.received(node)
			case moduleSend:
				l.tap.sending(node)
			}
		}
	}
	l.write(zapcore.DebugLevel, format, args)
}

func (l clientLog) Infof(format string, args ...any) { l.write(zapcore.DebugLevel, format, args) }
func (l clientLog) Warnf(format string, args ...any) { l.write(zapcore.WarnLevel, format, args) }
func (l clientLog) Errorf(format string, args ...any) {
	l.write(zapcore.ErrorLevel, format, args)
}

func (l clientLog) write(level zapcore.Level, format string, args []any) {
	core := l.log.Core()
	if level == zapcore.DebugLevel && !core.Enabled(level) {
		return // whatsmeow says a dozen such things of every message
	}
	if l.gate != nil {
		l.gate.mu.RLock()
		defer l.gate.mu.RUnlock()
		if l.gate.shut {
			return
		}
	}
	if l.module == moduleSocket || format == handlerFailed || l.ownDoing(args) {
		level = zapcore.DebugLevel
	}
	if l.counts != nil && level > zapcore.DebugLevel {
		l.counts.said(level)
	}
	if level > zapcore.DebugLevel {
		if !core.Enabled(level) {
			return
		}
		l.log.Log(level, fmt.Sprintf(format, redactAll(args)...), zap.String("module", l.module))
	}
	if core.Enabled(zapcore.DebugLevel) {
		l.log.Debug(fmt.Sprintf(format, args...), zap.String("module", l.module))
	}
}

// ownDoing tells a complaint about work that the adapter has broken off itself, or
// does itself later, as the deletion of a device's keys.
func (l clientLog) ownDoing(args []any) bool {
	if len(args) == 0 {
		return false
	}
	err, ok := args[len(args)-1].(error)
	switch {
	case !ok:
		return false
	case errors.Is(err, errKept):
		return true
	}
	var failed *databaseError // looks like a cancellation to whatsmeow, but is none
	return l.ended != nil && l.ended.Err() != nil && errors.Is(err, context.Canceled) && !errors.As(err, &failed)
}

// redactAll keeps of a message's arguments what can name nobody: numbers that
// count, durations, and errors without their digits and without addresses of files.
func redactAll(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case int, int64, uint64, bool, time.Duration:
			out[i] = arg
		case error:
			out[i] = redacted(engine.Redact(withoutAddress(arg).Error()))
		default:
			out[i] = redacted("…")
		}
	}
	return out
}

// redacted prints itself under every verb, so that %X shows no bytes of it.
type redacted string

func (r redacted) Format(f fmt.State, _ rune) { fmt.Fprint(f, string(r)) }
