package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// Uploads are reused while the network surely holds them.
const (
	uploadMargin   = time.Hour      // before its end an upload is not used any more
	uploadLifetime = 24 * time.Hour // where the network did not say (assumed to be well within what it keeps)
)

// upload sees that the network holds the file of a message. It returns
// CodeNotSupported if the network takes no files, CodeMediaGone if the file is
// gone from the spool, CodeInternal if it can't be read, and the errors of Media.Upload.
func (w *worker) upload(ctx context.Context, m Outgoing) (Outgoing, error) {
	if m.Attachment == nil {
		return m, nil
	}
	attachment := *m.Attachment // the caller's stays as it is
	m.Attachment = &attachment
	usable := w.engine.now().Add(uploadMargin)
	if u := attachment.Upload; u != nil && (u.ExpiresAt.IsZero() || u.ExpiresAt.After(usable)) {
		return m, nil
	}
	unencrypted := m.To.Server() == ServerNewsletter
	if len(attachment.SHA256) == 0 { // nothing to know the bytes by
		fresh, err := w.giveFile(ctx, m)
		attachment.Upload = &fresh
		return m, err
	}
	known, err := w.engine.store.FindUpload(ctx, w.key, m.Kind, unencrypted, attachment.SHA256, usable)
	if err != nil {
		return m, err
	}
	if known.Ref != nil {
		attachment.Upload = &known
		return m, nil
	}
	fresh, err := w.giveFile(ctx, m)
	if err != nil {
		return m, err
	}
	attachment.Upload = &fresh
	return m, w.engine.store.SaveUpload(ctx, w.key, m.Kind, unencrypted, attachment.SHA256, fresh)
}

// giveFile gives the file of a message to the network.
func (w *worker) giveFile(ctx context.Context, m Outgoing) (Upload, error) {
	conn := w.view.Load().conn
	if conn == nil {
		return Upload{}, w.notReady()
	}
	media, ok := conn.(Media)
	if !ok {
		return Upload{}, Errorf(CodeNotSupported, "this network can't send files")
	}
	file, err := os.Open(m.Attachment.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Upload{}, WrapError(CodeMediaGone, err, "the file of the message is gone")
	case err != nil:
		return Upload{}, WrapError(CodeInternal, err, "the file of the message can't be read")
	}
	defer file.Close()
	u, err := media.Upload(ctx, m, file)
	if err != nil {
		return Upload{}, err
	}
	if u.ExpiresAt.IsZero() {
		u.ExpiresAt = w.engine.now().Add(uploadLifetime)
	}
	return u, nil
}
