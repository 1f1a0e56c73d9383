package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// examineEvery is how often the databases are read from end to end.
const examineEvery = 24 * time.Hour

// examiner looks for damage in the databases, at start and once a day, beside
// whatever else uses them. What it has found it tells the log and whoever asks
// whether the daemon is ready; the daemon goes on with what can still be read.
type examiner struct {
	dir    string
	log    *zap.Logger
	damage atomic.Pointer[engine.Error] // nil while none was found
}

func newExaminer(dir string, log *zap.Logger) *examiner { return &examiner{dir: dir, log: log} }

// Run examines until ctx ends.
func (x *examiner) Run(ctx context.Context) error {
	tick := time.NewTicker(examineEvery)
	defer tick.Stop()
	for {
		x.examine(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// examine reads both files. A check that could not be made is no damage, and
// leaves what is known as it is.
func (x *examiner) examine(ctx context.Context) {
	begin := time.Now()
	for _, name := range []string{store.FileName, whatsapp.FileName} {
		err := examineFile(ctx, filepath.Join(x.dir, name))
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			continue
		}
		x.log.Error("a database did not pass its check", zap.String("file", name), zap.Error(err))
		if e, ok := errors.AsType[*engine.Error](err); ok {
			x.damage.Store(engine.WrapError(engine.CodeStorage, err, name+": "+e.Message))
		}
		return
	}
	x.damage.Store(nil)
	x.log.Debug("the databases have passed their check", zap.Duration("took", time.Since(begin)))
}

func examineFile(ctx context.Context, path string) error {
	snapshot, err := store.TakeSnapshot(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(snapshot.Check(ctx, store.Quick), snapshot.Close())
}

// Healthy returns CodeStorage if the last check has found damage. It asks nobody.
func (x *examiner) Healthy(context.Context) error {
	if damage := x.damage.Load(); damage != nil {
		return damage
	}
	return nil
}
