package bulk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"wapid/engine"
)

// A job's file is named by its id and lies in Options.Dir from before the job is
// in the store until it has ended. What a crash or an error leaves there goes at
// the next start.

// located is a job's attachment with where its file is now: the data directory
// may have moved since the job was made.
func (r *Runner) located(j Job) *engine.Attachment {
	a := j.Message.Attachment
	if a == nil || a.Path == "" {
		return a
	}
	here := *a
	here.Path = filepath.Join(r.o.Dir, string(j.ID))
	return &here
}

// keep moves a spooled file to where its job's file belongs, and returns its new path.
func (r *Runner) keep(id JobID, path string) (string, error) {
	if err := os.MkdirAll(r.o.Dir, 0o700); err != nil {
		return "", err
	}
	kept := filepath.Join(r.o.Dir, string(id))
	return kept, os.Rename(path, kept)
}

// discard lets go of a job that has ended: of its file above all.
func (r *Runner) discard(id JobID) {
	r.parts.forget(id)
	if r.o.Dir == "" {
		return
	}
	err := os.Remove(filepath.Join(r.o.Dir, string(id)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("the file of a bulk job can't be removed", zap.Error(err))
	}
}

// Discard removes the files of jobs that nothing is sent for any more, as those
// of a tenant that is being erased.
func (r *Runner) Discard(ids []JobID) {
	for _, id := range ids {
		r.discard(id)
	}
}

// sweep removes the files of jobs that have ended or never came to be. It is
// called before jobs can be made: the file comes before the job.
func (r *Runner) sweep(ctx context.Context) {
	if r.o.Dir == "" {
		return
	}
	files, err := os.ReadDir(r.o.Dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.log.Warn("the files of bulk jobs can't be listed", zap.Error(err))
		}
		return
	}
	for _, f := range files {
		id, err := ParseJobID(f.Name())
		if err != nil {
			continue // none of ours
		}
		if wanted, err := r.store.JobUnfinished(ctx, id); err == nil && !wanted {
			r.discard(id)
		}
	}
}
