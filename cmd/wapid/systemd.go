package main

import (
	"context"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// supervisor tells systemd how the daemon is, where that has started it (Type=notify).
// Elsewhere it says nothing to nobody.
type supervisor struct {
	log *zap.Logger
	// alive returns, with an error or without, unless the daemon hangs.
	alive func(context.Context)
}

// Run tells that the daemon is ready, and then, if systemd wants to hear it, that it
// does not hang. A full disk is no reason to be restarted, so that only not getting an
// answer counts.
func (s *supervisor) Run(ctx context.Context) error {
	s.say(systemd.SdNotifyReady)
	every, err := systemd.SdWatchdogEnabled(false)
	if err != nil || every <= 0 {
		if err != nil {
			s.log.Warn("systemd's watchdog is not heeded", zap.Error(err))
		}
		<-ctx.Done()
		return nil
	}
	again := time.NewTicker(every / 3)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			s.alive(ctx)
			s.say(systemd.SdNotifyWatchdog)
		case <-ctx.Done():
			return nil
		}
	}
}

// stopping tells that the shutdown has begun.
func (s *supervisor) stopping() { s.say(systemd.SdNotifyStopping) }

func (s *supervisor) say(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		s.log.Warn("systemd could not be told", zap.String("state", state), zap.Error(err))
	}
}

// supervise tells whoever has started the process how it is.
func (a *app) supervise(ctx context.Context) error {
	if !a.answers(ctx) {
		return nil
	}
	return a.supervisor.Run(ctx)
}

// touch asks the store and the engine for something small: it returns unless one hangs.
func (a *app) touch(ctx context.Context) {
	_ = a.store.Ping(ctx)
	a.engine.Counts()
}
