package engine

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// closePatience is how long an export waits for a connection that is being closed.
const closePatience = 10 * time.Second

// Mover is a Network whose devices can be taken to another daemon. A device must
// never be used in two places: each would encrypt under keys that the other has
// used, and phones silently drop such messages.
type Mover interface {
	// Export writes a device, and all that its encryption needs, into a new file at
	// path. It returns ErrNoDevice, and CodeStorage.
	Export(ctx context.Context, device DeviceID, path string) error
	// Identify tells which devices a file holds. It returns CodeInvalid for what is
	// no such file or a newer one than this network knows.
	Identify(ctx context.Context, path string) ([]Identity, error)
	// Import takes a device of a file into the network's own store, in the place of
	// one of that name. It may change the file, which is of no use any more. The device begins its encryption with everybody anew, because
	// nothing tells how old the file is. It returns ErrNoDevice, CodeInvalid and
	// CodeStorage.
	Import(ctx context.Context, path string, device DeviceID) error
	// Renew has a device begin its encryption with everybody anew. It returns CodeStorage.
	Renew(ctx context.Context, device DeviceID) error
}

func errMoved() error {
	return Errorf(CodeSessionMoved, "the session was exported: another daemon may use its device. Reclaim it first, if none does")
}

// refusesMove says why a session can't be exported now. A second export is fine:
// the first file may be lost.
func (m machine) refusesMove() error {
	switch {
	case m.Intent == IntentDelete:
		return errNoSession()
	case m.Identity.Device == "":
		return Errorf(CodeSessionNotReady, "the session is not linked: there is nothing to export")
	case m.Intent == IntentRun:
		return Errorf(CodeSessionLive, "the session is live: stop it first")
	case m.held:
		return Errorf(CodeSessionBusy, "the session's connection is still being closed")
	}
	return nil
}

// Export gives up a stopped session's device and writes it into a new file at path.
// From here on the session does not start any more (ReasonMoved), is not unlinked when it is
// deleted, and can only be exported again, reclaimed or deleted. It returns CodeSessionLive
// for one that is not stopped, CodeSessionNotReady for one that is not linked, CodeSessionBusy for one whose connection
// takes more than 10 s to close, CodeSessionNotFound, CodeNotSupported and CodeStorage.
func (e *Engine) Export(ctx context.Context, key SessionKey, path string) (Snapshot, error) {
	mover, ok := e.network.(Mover)
	if !ok {
		return Snapshot{}, errCannotMove()
	}
	w, err := e.find(key)
	if err != nil {
		return Snapshot{}, err
	}
	if err := w.awaitClosed(ctx); err != nil {
		return Snapshot{}, err
	}
	v, err := w.ask(ctx, askMove{})
	if err != nil {
		return Snapshot{}, err
	}
	if err := mover.Export(ctx, v.State.Identity.Device, path); err != nil {
		return Snapshot{}, err
	}
	return v.snapshot(e.now()), nil
}

// awaitClosed waits until a stopped session's connection is closed.
func (w *worker) awaitClosed(ctx context.Context) error {
	patience, cancel := context.WithTimeout(ctx, closePatience)
	defer cancel()
	for {
		v := w.view.Load()
		if !v.held || v.State.Intent == IntentRun {
			return nil // what is wrong is told by whoever asks
		}
		select {
		case <-v.changed:
		case <-w.done:
			return w.errOver()
		case <-patience.Done():
			return WrapError(CodeSessionBusy, patience.Err(), "the session's connection is still being closed")
		}
	}
}

// Reclaim takes an exported session back, which stays stopped. Whoever asks for it
// vouches that no other daemon uses the device; because one may have, encryption with
// everybody begins anew. It returns CodeInvalid for a session that was not exported,
// CodeSessionNotFound, CodeNotSupported and CodeStorage.
func (e *Engine) Reclaim(ctx context.Context, key SessionKey) (Snapshot, error) {
	mover, ok := e.network.(Mover)
	if !ok {
		return Snapshot{}, errCannotMove()
	}
	snap, err := e.Snapshot(key)
	if err != nil {
		return Snapshot{}, err
	}
	if snap.State.Intent == IntentMoved {
		if err := mover.Renew(ctx, snap.State.Identity.Device); err != nil {
			return Snapshot{}, err
		}
	}
	return e.askOf(ctx, key, askReclaim{})
}

// Identify tells which devices a file holds that was exported. It returns
// CodeInvalid and CodeNotSupported.
func (e *Engine) Identify(ctx context.Context, path string) ([]Identity, error) {
	mover, ok := e.network.(Mover)
	if !ok {
		return nil, errCannotMove()
	}
	return mover.Identify(ctx, path)
}

// Import makes a session of a device in a file, and starts it. It returns
// CodeSessionLive if the session exists or another one has the device,
// CodeInvalid, CodeNotFound if its tenant does not exist, CodeSessionLimit, CodeStopping, CodeNotSupported
// and CodeStorage. What a crash leaves of the device's keys is replaced when the same
// device is imported again.
func (e *Engine) Import(ctx context.Context, key SessionKey, change SessionChange, path string, id Identity) (Snapshot, error) {
	mover, ok := e.network.(Mover)
	if !ok {
		return Snapshot{}, errCannotMove()
	}
	name, options := change.apply("", SessionOptions{})
	if err := options.check(); err != nil {
		return Snapshot{}, err
	}
	e.moving.Lock()
	defer e.moving.Unlock()
	stripe := e.stripe(key)
	stripe.Lock()
	defer stripe.Unlock()
	if err := e.free(key, id.Device); err != nil {
		return Snapshot{}, err
	}
	if err := mover.Import(ctx, path, id.Device); err != nil {
		return Snapshot{}, err
	}
	now := e.now()
	s := Session{
		Key: key, Name: name, Options: options, CreatedAt: now, UpdatedAt: now,
		State: State{Status: StatusInitializing, Intent: IntentRun, Identity: id},
	}
	w, err := e.insert(ctx, s)
	if err != nil {
		return Snapshot{}, errors.Join(err, e.network.Forget(context.WithoutCancel(ctx), id.Device))
	}
	e.log.Info("session imported", zap.String("tenant", string(key.Tenant)), zap.String("session", string(key.ID)))
	return w.view.Load().snapshot(now), nil
}

// free returns CodeSessionLive unless both the session's key and the device are.
func (e *Engine) free(key SessionKey, device DeviceID) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.sessions[key] != nil {
		return Errorf(CodeSessionLive, "there is a session of that name already")
	}
	for _, w := range e.sessions {
		if w.view.Load().State.Identity.Device == device {
			return Errorf(CodeSessionLive, "another session has this device already")
		}
	}
	return nil
}

func errCannotMove() error {
	return Errorf(CodeNotSupported, "this network's devices can't be moved")
}
