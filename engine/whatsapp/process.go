package whatsapp

import (
	"errors"
	"sync"
	"time"

	signallog "go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
)

// The settings below live in package variables of whatsmeow: whose certificates
// it trusts, how often it pings, what linked devices are called and how it writes
// Signal sessions hold for the whole process. claims guards them; it is this package's only package-level
// state, and has to be, because what it guards is.
var claims processClaims

// realRootKey signs the certificates of the real network's servers. It is read
// before anything can have replaced it.
var realRootKey = whatsmeow.WACertPubKey

type processClaims struct {
	mu   sync.Mutex
	open int // networks that rely on the settings
	now  processSettings
	// compact says that sessions are written by sessionCodec. That stays: what was
	// written once is to be read by clients that are just ending, too.
	compact bool
}

type processSettings struct {
	rootKey     [32]byte
	deviceName  string
	pingEvery   time.Duration
	pingTimeout time.Duration
}

// errOtherNetwork says that a process can't serve two networks at once.
var errOtherNetwork = errors.New("another WhatsApp network is open in this process with another root key, device name or ping interval")

// claim applies the settings, or returns errOtherNetwork while a network with
// other ones is open. Every claim that succeeds is released once.
func (c *processClaims) claim(want processSettings) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open > 0 && c.now != want {
		return errOtherNetwork
	}
	if c.open == 0 {
		c.apply(want)
	}
	c.open++
	return nil
}

func (c *processClaims) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

// apply writes only what changes: goroutines of clients that are just ending may
// still read their interval.
func (c *processClaims) apply(want processSettings) {
	if !c.compact {
		store.SignalProtobufSerializer.Session = &sessionCodec{}
		c.compact = true
	}
	if want.rootKey != c.now.rootKey {
		whatsmeow.WACertPubKey = want.rootKey
	}
	if want.deviceName != c.now.deviceName {
		store.SetOSInfo(want.deviceName, [3]uint32{0, 1, 0})
	}
	if want.pingEvery != c.now.pingEvery {
		// whatsmeow draws an interval from [min, max).
		whatsmeow.KeepAliveIntervalMin = want.pingEvery * 4 / 5
		whatsmeow.KeepAliveIntervalMax = want.pingEvery*6/5 + time.Millisecond
	}
	if want.pingTimeout != c.now.pingTimeout {
		whatsmeow.KeepAliveResponseDeadline = want.pingTimeout
	}
	c.now = want
}

// This quietens libsignal, which prints to the standard output unless it
// has a logger, and settles on one at its first message, unguarded, whichever
// goroutine that comes from. So it has to be told before any goroutine can run:
// here. What it has to say comes back as errors too.
var _ = func() bool {
	var silent signallog.Loggable = silentSignalLog{}
	signallog.Setup(&silent)
	return true
}()

type silentSignalLog struct{}

func (silentSignalLog) Debug(_, _ string)   {}
func (silentSignalLog) Info(_, _ string)    {}
func (silentSignalLog) Warning(_, _ string) {}
func (silentSignalLog) Error(_, _ string)   {}
func (silentSignalLog) Configure(string)    {}
