package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"time"

	"wapid/engine"
)

// MaxMediaFiles is how many files a tenant's library may hold.
const MaxMediaFiles = 100_000

// MediaFileID names a file of the library: a random UUID.
type MediaFileID string

// MediaFile is a file that was uploaded ahead of the messages that carry it. Its bytes
// lie at Path, which is relative to the data directory and never given to two rows.
type MediaFile struct {
	ID        MediaFileID
	Session   engine.SessionKey // of the number that it was uploaded for
	MIME      string
	Name      string // as its owner calls it; may be empty
	Size      int64  // bytes
	SHA256    []byte
	Path      string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// newMediaFileID draws a UUID of version 4 (RFC 9562).
func newMediaFileID() MediaFileID {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return MediaFileID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}

// selectMediaUse sums up what a tenant keeps, from the index alone.
const selectMediaUse = `SELECT count(*), coalesce(sum(size), 0) FROM media_files WHERE tenant_id = $1`

// MediaUse is how many files a tenant keeps, and how many bytes they have together.
func (s *Store) MediaUse(ctx context.Context, tenant engine.TenantID) (files int, bytes int64, err error) {
	err = s.read.QueryRowContext(ctx, selectMediaUse, tenant).Scan(&files, &bytes)
	return files, bytes, storageError(err)
}

// InsertMediaFile adds a file whose bytes are on the disk already, and returns it with
// its id and the time. budget is how many bytes the tenant's files may have together; 0
// for no limit. It returns CodeNotFound if the tenant is gone or being erased, and
// CodeMediaInvalid if there is no room for the file; the caller removes the bytes then.
func (s *Store) InsertMediaFile(ctx context.Context, f MediaFile, budget int64) (MediaFile, error) {
	f.ID = newMediaFileID()
	err := s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, f.Session.Tenant); err != nil {
			return err
		}
		var files, bytes int64
		if err := tx.QueryRow(selectMediaUse, f.Session.Tenant).Scan(&files, &bytes); err != nil {
			return err
		}
		switch {
		case files >= MaxMediaFiles:
			return engine.Errorf(engine.CodeMediaInvalid, "the account keeps %d files already: delete some, or wait until they expire", MaxMediaFiles)
		case budget > 0 && bytes+f.Size > budget:
			return engine.Errorf(engine.CodeMediaInvalid, "the files of the account may have %d bytes together: delete some, or wait until they expire", budget)
		}
		f.CreatedAt = s.clock()
		_, err := tx.Exec(`INSERT INTO media_files (id, tenant_id, session_id, mime, name, size, sha256, path, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			f.ID, f.Session.Tenant, f.Session.ID, f.MIME, f.Name, f.Size, f.SHA256, f.Path, millis(f.CreatedAt), millis(f.ExpiresAt))
		return err
	})
	if err != nil {
		return MediaFile{}, err
	}
	return f, nil
}

// FindMediaFile returns CodeNotFound for a file that is not there, is another tenant's or
// has expired.
func (s *Store) FindMediaFile(ctx context.Context, tenant engine.TenantID, id MediaFileID) (f MediaFile, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT id, tenant_id, session_id, mime, name, size, sha256, path, created_at, expires_at
		FROM media_files WHERE id = $1 AND tenant_id = $2 AND expires_at > $3`, id, tenant, millis(s.clock())).
		Scan(&f.ID, &f.Session.Tenant, &f.Session.ID, &f.MIME, &f.Name, &f.Size, &f.SHA256, &f.Path, instant{&f.CreatedAt}, instant{&f.ExpiresAt})
	return f, orNotFound(err, "file")
}

// DeleteMediaFile forgets a file and returns where its bytes lie, which the caller
// removes: what a crash leaves in between goes at the next start. It returns CodeNotFound.
func (s *Store) DeleteMediaFile(ctx context.Context, tenant engine.TenantID, id MediaFileID) (path string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRow(`DELETE FROM media_files WHERE id = $1 AND tenant_id = $2 RETURNING path`, id, tenant).Scan(&path)
		if err != nil {
			return orNotFound(err, "file")
		}
		return forgetGraphObject(tx, tenant, GraphMedia, MediaRef{File: id}.String())
	})
	return path, err
}

// deleteExpiredMedia removes at most $2 rows that expired before $1.
const deleteExpiredMedia = `DELETE FROM media_files WHERE id IN (SELECT id FROM media_files WHERE expires_at <= $1 LIMIT $2) RETURNING id, tenant_id, path`

// ExpireMediaFiles forgets some of the files whose time is over and returns where their
// bytes lie, which the caller removes. It returns none once there are no more.
func (s *Store) ExpireMediaFiles(ctx context.Context) (paths []string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		paths = nil
		rows, err := tx.Query(deleteExpiredMedia, millis(s.clock()), pruneBatch)
		gone, err := collect(rows, err, func(r row) (f MediaFile, err error) {
			err = r.Scan(&f.ID, &f.Session.Tenant, &f.Path)
			return f, err
		})
		for _, f := range gone {
			if err == nil {
				err = forgetGraphObject(tx, f.Session.Tenant, GraphMedia, MediaRef{File: f.ID}.String())
			}
			paths = append(paths, f.Path)
		}
		return err
	})
	return paths, err
}

const selectMediaPaths = `SELECT path FROM media_files`

// ListMediaPaths returns where the bytes of all files lie that are known.
func (s *Store) ListMediaPaths(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, selectMediaPaths)
	return collect(rows, err, scanText)
}

// ListTenantMediaPaths is ListMediaPaths of one tenant.
func (s *Store) ListTenantMediaPaths(ctx context.Context, tenant engine.TenantID) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, selectMediaPaths+` WHERE tenant_id = $1`, tenant)
	return collect(rows, err, scanText)
}

// ListMediaPaths is Store.ListMediaPaths of the daemon's own database at the time of the
// snapshot.
func (s *Snapshot) ListMediaPaths(ctx context.Context) ([]string, error) {
	rows, err := s.conn.QueryContext(ctx, selectMediaPaths)
	return collect(rows, err, scanText)
}
