package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/engine"
	"wapid/engine/media"
	"wapid/store"
)

// How often the janitor looks around, and how many sessions of a tenant it
// unlinks at a time.
const (
	tidyEvery   = time.Minute // key uses are written down, messages counted, erasures that failed go on
	pruneEvery  = time.Hour
	unlinkLimit = 8
	// removalPause is the time between two looks at sessions that are being removed.
	removalPause = 100 * time.Millisecond
)

// janitor takes away what nobody needs any more: tenants that are being erased,
// and rows that have aged. It also writes down when keys were
// used, and counts messages by day.
type janitor struct {
	engine *engine.Engine
	store  *store.Store
	jobs   *bulk.Runner
	media  *media.Spool // uploaded files
	audit  int          // days that the audit log is kept; 0 for ever
	clock  func() time.Time
	log    *zap.Logger
	wake   chan struct{} // hints that a tenant waits to be erased
	pruned time.Time     // by the time of day, as what has aged is told by that
}

// newJanitor makes a janitor that goes by clock; nil means time.Now.
func newJanitor(e *engine.Engine, s *store.Store, jobs *bulk.Runner, library *media.Spool, audit int, clock func() time.Time, log *zap.Logger) *janitor {
	if clock == nil {
		clock = time.Now
	}
	return &janitor{engine: e, store: s, jobs: jobs, media: library, audit: audit, clock: clock, log: log, wake: make(chan struct{}, 1)}
}

// Nudge hints that a tenant waits to be erased. It does not block.
func (j *janitor) Nudge() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Run tidies until ctx ends, beginning with the erasures that the last run of
// the daemon left unfinished.
func (j *janitor) Run(ctx context.Context) error {
	select {
	case <-j.engine.Started():
	case <-ctx.Done():
		return nil
	}
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		j.tidy(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-j.wake:
		case <-tick.C:
		}
	}
}

// tidy does everything that is due. What fails is told and tried again.
func (j *janitor) tidy(ctx context.Context) {
	if err := j.eraseAll(ctx); err != nil && ctx.Err() == nil {
		j.log.Error("a tenant could not be erased, trying again", zap.Error(err))
	}
	if err := j.store.SaveKeyUses(ctx); err != nil && ctx.Err() == nil {
		j.log.Warn("the last uses of keys were not written down", zap.Error(err))
	}
	if err := j.store.TallyMessages(ctx); err != nil && ctx.Err() == nil {
		j.log.Warn("messages were not counted by day, their lists are slower", zap.Error(err))
	}
	if now := j.clock().Round(0); now.Sub(j.pruned).Abs() >= pruneEvery { // also after the clock was set back
		if err := j.expireMedia(ctx); err != nil && ctx.Err() == nil {
			j.log.Error("uploaded files that have aged could not be removed, trying again", zap.Error(err))
		}
		removed, err := j.store.Prune(ctx, j.audit)
		if err != nil && ctx.Err() == nil {
			j.log.Error("what has aged could not be removed, trying again", zap.Error(err))
			return
		}
		j.pruned = now
		if removed > 0 {
			j.log.Info("removed what has aged", zap.Int64("rows", removed))
		}
	}
}

// expireMedia removes uploaded files whose time is over.
func (j *janitor) expireMedia(ctx context.Context) error {
	for {
		paths, err := j.store.ExpireMediaFiles(ctx)
		if err != nil || len(paths) == 0 {
			return err
		}
		if err := j.removeMedia(paths); err != nil {
			return err
		}
	}
}

// removeMedia removes the bytes of uploaded files. What can't be removed goes at the
// next start, as nobody knows it any more.
func (j *janitor) removeMedia(paths []string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, media.Remove(j.media.Locate(path)))
	}
	return errors.Join(errs...)
}

func (j *janitor) eraseAll(ctx context.Context) error {
	tenants, err := j.store.ListErasing(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range tenants {
		errs = append(errs, j.erase(ctx, t.ID))
	}
	return errors.Join(errs...)
}

// erase unlinks and removes a tenant's sessions and then everything else of it.
// It may be cut off anywhere and begun again.
func (j *janitor) erase(ctx context.Context, id engine.TenantID) error {
	j.log.Info("erasing a tenant", zap.String("tenant", string(id)))
	for {
		keys, err := j.store.ListSessionKeys(ctx, id)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		if err := j.unlink(ctx, keys); err != nil {
			return err
		}
		if err := pauseFor(ctx, removalPause); err != nil { // some may be on their way out already
			return err
		}
	}
	files, err := j.store.ListJobIDs(ctx, id)
	if err != nil {
		return err
	}
	j.jobs.Discard(files) // first, as nobody could name them afterwards
	uploaded, err := j.store.ListTenantMediaPaths(ctx, id)
	if err != nil {
		return err
	}
	if err := j.removeMedia(uploaded); err != nil {
		return err
	}
	if err := j.store.EraseTenant(ctx, id); err != nil {
		return err
	}
	j.log.Info("the tenant is erased", zap.String("tenant", string(id)))
	return nil
}

// unlink removes sessions, a few at a time. Where the network can't be told, the
// phone goes on listing a device that no longer exists here.
func (j *janitor) unlink(ctx context.Context, keys []engine.SessionKey) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, unlinkLimit)
	errs := make([]error, len(keys))
	for i, key := range keys {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			unlinked, err := j.engine.Delete(ctx, key)
			switch {
			case engine.CodeOf(err) == engine.CodeSessionNotFound: // it is being removed already
			case err != nil:
				errs[i] = err
			case !unlinked:
				j.log.Warn("a session was removed without the network being told",
					zap.String("tenant", string(key.Tenant)), zap.String("session", string(key.ID)))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// pauseFor waits, or returns the error of ctx if that ends before.
func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
