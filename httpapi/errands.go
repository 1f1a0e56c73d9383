package httpapi

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

const (
	mostErrands   = 200 // that wait
	errandTimeout = time.Minute
)

// errands are done behind an answer, one after the other, so that the answer takes as
// long whatever they find. A goroutine lives as long as there are any. What has not
// begun when the daemon stops is dropped.
type errands struct {
	log    *zap.Logger
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	waiting []errand
	running bool
	closed  bool
	worker  sync.WaitGroup
}

// errand returns an error that names nobody: it is logged.
type errand func(context.Context) error

func newErrands(log *zap.Logger) *errands {
	e := &errands{log: log}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// add has an errand done. It returns CodeRateLimited if too many wait, and CodeStopping.
func (e *errands) add(do errand) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return &engine.Error{Code: engine.CodeStopping, Message: "the daemon is shutting down", RetryAfter: retryWhenStopping}
	case len(e.waiting) >= mostErrands:
		return &engine.Error{Code: engine.CodeRateLimited, Message: "too many mails wait to be sent", RetryAfter: errandTimeout}
	}
	e.waiting = append(e.waiting, do)
	if !e.running {
		e.running = true
		e.worker.Go(e.run)
	}
	return nil
}

func (e *errands) run() {
	for {
		do := e.next()
		if do == nil {
			return
		}
		ctx, cancel := context.WithTimeout(e.ctx, errandTimeout)
		err := do(ctx)
		cancel()
		if err != nil && e.ctx.Err() == nil {
			e.log.Error("a mail could not be sent", zap.String("cause", engine.Redact(err.Error())))
		}
	}
}

// next is nil if there is none, and then the worker ends.
func (e *errands) next() errand {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == 0 || e.closed {
		e.running = false
		return nil
	}
	do := e.waiting[0]
	e.waiting = e.waiting[1:]
	return do
}

// close drops what waits, cuts off what is under way, and waits for that.
func (e *errands) close() {
	e.mu.Lock()
	e.closed, e.waiting = true, nil
	e.mu.Unlock()
	e.cancel()
	e.worker.Wait()
}
