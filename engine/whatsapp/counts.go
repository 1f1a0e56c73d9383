package whatsapp

import (
	"os"
	"sync/atomic"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.uber.org/zap/zapcore"
)

// Fault is a kind of trouble with the network or its client.
type Fault string

// The faults that are counted. Those whose names begin with "log_" are the client's own
// words, of which nothing else is known.
const (
	FaultDecrypt     Fault = "decrypt"         // a message could not be decrypted; its sender is asked for it again
	FaultCommit      Fault = "commit"          // a message was not committed; the network is asked for it again
	FaultRetry       Fault = "retry_receipt"   // a phone has asked for a message of ours again
	FaultStream      Fault = "stream_error"    // the server has ended a connection with an error, but for the 515 after a pairing
	FaultRefused     Fault = "login_refused"   // the server has refused a login
	FaultPing        Fault = "ping_unanswered" // a ping had no answer in time
	FaultPanic       Fault = "panic"           // an event's handler had a defect
	FaultLogWarning  Fault = "log_warning"     // the client has warned
	FaultLogError    Fault = "log_error"       // the client has told of an error
	restartOfPairing       = "515"             // a stream error that is part of every pairing
	receiptRetry           = "retry"           // the type of a receipt
	receiptRetryCall       = "enc_rekey_retry" // the same for calls
)

// Faults lists them all.
func Faults() []Fault {
	return []Fault{FaultDecrypt, FaultCommit, FaultRetry, FaultStream, FaultRefused, FaultPing, FaultPanic, FaultLogWarning, FaultLogError}
}

// counts are what a network counts since it was opened.
type counts struct {
	decrypt, commit, retry, stream, refused, ping, panic, warning, failure atomic.Int64

	sealed, opened atomic.Int64 // bytes of files, as they were before their encryption
	committing     atomic.Int64 // incoming messages whose commits are under way
}

func (c *counts) of(f Fault) *atomic.Int64 {
	switch f {
	case FaultDecrypt:
		return &c.decrypt
	case FaultCommit:
		return &c.commit
	case FaultRetry:
		return &c.retry
	case FaultStream:
		return &c.stream
	case FaultRefused:
		return &c.refused
	case FaultPing:
		return &c.ping
	case FaultPanic:
		return &c.panic
	case FaultLogWarning:
		return &c.warning
	}
	return &c.failure
}

// stanza counts what an incoming stanza tells of trouble.
func (c *counts) stanza(node *waBinary.Node) {
	switch node.Tag {
	case "stream:error":
		if attribute(node, "code") != restartOfPairing {
			c.stream.Add(1)
		}
	case "failure":
		c.refused.Add(1)
	case "receipt":
		if kind := attribute(node, "type"); kind == receiptRetry || kind == receiptRetryCall {
			c.retry.Add(1)
		}
	}
}

// Faulted counts the faults of a kind since the network was opened.
func (n *Network) Faulted(f Fault) int64 { return n.counts.of(f).Load() }

// Moved counts the bytes of files that were uploaded and downloaded whole since the
// network was opened, as they are before their encryption.
func (n *Network) Moved() (up, down int64) { return n.counts.sealed.Load(), n.counts.opened.Load() }

// Committing counts the incoming messages of all sessions whose commits are under way:
// each session's are at most 64.
func (n *Network) Committing() int64 { return n.counts.committing.Load() }

// uploaded counts a file that was moved whole.
func (c *counts) uploaded(length uint64, err error) {
	if err == nil {
		c.sealed.Add(int64(length))
	}
}

func (c *counts) downloaded(file *os.File) {
	if info, err := file.Stat(); err == nil {
		c.opened.Add(info.Size())
	}
}

// piped has a message's commit counted until it has ended.
func (c *counts) piped(committed func() error) func() error {
	c.committing.Add(1)
	return func() error {
		defer c.committing.Add(-1)
		return committed()
	}
}

// said counts a line of the client's log that is for the operator.
func (c *counts) said(level zapcore.Level) {
	if level >= zapcore.ErrorLevel {
		c.failure.Add(1)
		return
	}
	c.warning.Add(1)
}
