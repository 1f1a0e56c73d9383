package whatsapp

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// stallLimit is how long a transfer may make no progress at all.
const stallLimit = time.Minute

// spoolDir is where encrypted copies lie while they are uploaded.
const spoolDir = "tmp"

var _ engine.Media = (*conn)(nil)

// Upload implements engine.Media. Its file is encrypted into another one on disk,
// which is gone afterwards. CodeStorage means that either of them failed,
// CodeMediaInvalid that the media host finds the file too large. Other failures of
// the media host are CodeNetworkRefused, and nothing was sent.
func (c *conn) Upload(ctx context.Context, m engine.Outgoing, plain io.ReadSeeker) (engine.Upload, error) {
	kind, to := m.Kind, m.To
	class := mediaClass(kind)
	if class == "" {
		return engine.Upload{}, engine.Errorf(engine.CodeInvalid, "a message of kind %q has no file", kind)
	}
	t, err := c.startTransfer(ctx)
	if err != nil {
		return engine.Upload{}, err
	}
	defer t.end()
	animated, err := isAnimated(kind, plain)
	if err != nil {
		return engine.Upload{}, engine.WrapError(engine.CodeStorage, err, "the file can't be read")
	}
	var resp whatsmeow.UploadResponse
	if to.Server() == engine.ServerNewsletter {
		resp, err = t.uploadPlain(class, plain)
	} else {
		resp, err = t.uploadSealed(class, plain)
	}
	c.net.counts.uploaded(resp.FileLength, err)
	if err != nil {
		return engine.Upload{}, t.explain(err)
	}
	now := c.net.opts.Clock()
	ref := mediaRef{
		Class: class, URL: resp.URL, DirectPath: resp.DirectPath, Key: resp.MediaKey, SHA256: resp.FileSHA256,
		EncSHA256: resp.FileEncSHA256, Length: resp.FileLength, Handle: resp.Handle, Animated: animated, At: now.Unix(),
	}
	raw, err := ref.marshal()
	return engine.Upload{Ref: raw, ExpiresAt: uploadExpiry(now, resp.URL, resp.DirectPath)}, err
}

// uploadSealed encrypts a file for one message's recipients and uploads that.
func (t *transfer) uploadSealed(class whatsmeow.MediaType, plain io.ReadSeeker) (resp whatsmeow.UploadResponse, err error) {
	dir := filepath.Join(t.link.conn.net.opts.DataDir, spoolDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return resp, err
	}
	file, err := os.CreateTemp(dir, "upload-*")
	if err != nil {
		return resp, err
	}
	_ = os.Remove(file.Name())   // A file without a name can't be left behind.
	defer os.Remove(file.Name()) // Where an open file keeps its name.
	defer file.Close()           // What it held is of no use any more.
	return t.tryUpload(func() (resp whatsmeow.UploadResponse, err error) {
		if err := rewound(plain, file); err != nil {
			return resp, err
		}
		sealed := &sealedLease{lease: lease{transfer: t, file: file}, out: file}
		defer sealed.end()
		return t.link.client.UploadReader(t.ctx, plain, sealed, class)
	})
}

// uploadPlain uploads a file as it is, for a channel.
func (t *transfer) uploadPlain(class whatsmeow.MediaType, plain io.ReadSeeker) (resp whatsmeow.UploadResponse, err error) {
	return t.tryUpload(func() (resp whatsmeow.UploadResponse, err error) {
		if err := rewound(plain, nil); err != nil {
			return resp, err
		}
		lent := &lease{transfer: t, file: plain}
		defer lent.end()
		return t.link.client.UploadNewsletterReader(t.ctx, lent, class)
	})
}

// tryUpload uploads, and once more with a new permission if the media host denies
// the one that whatsmeow has kept.
func (t *transfer) tryUpload(upload func() (whatsmeow.UploadResponse, error)) (resp whatsmeow.UploadResponse, err error) {
	if err := t.findHost(false); err != nil {
		return resp, err
	}
	resp, err = upload()
	if status := uploadStatus(err); status != 401 && status != 403 {
		return resp, err
	}
	if err := t.findHost(true); err != nil {
		return resp, err
	}
	return upload()
}

// rewound makes both files as they were before a try.
func rewound(plain io.Seeker, sealed *os.File) error {
	if _, err := plain.Seek(0, io.SeekStart); err != nil || sealed == nil {
		return err
	}
	if err := sealed.Truncate(0); err != nil {
		return err
	}
	_, err := sealed.Seek(0, io.SeekStart)
	return err
}

// isAnimated tells a moving sticker: a WebP file whose extended header has the
// animation flag (source: Google's WebP container specification).
func isAnimated(kind engine.Kind, file io.ReadSeeker) (bool, error) {
	if kind != engine.KindSticker {
		return false, nil
	}
	var head [21]byte
	_, err := io.ReadFull(file, head[:])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return false, nil
	}
	return string(head[8:16]) == "WEBPVP8X" && head[20]&0x02 != 0, err
}

// Download implements engine.Media. A file that the media host has dropped, or
// whose address has run out, is asked for: the account's phone uploads it again if
// it still has it. CodeMediaInvalid means that what the sender uploaded is not
// what the message describes.
func (c *conn) Download(ctx context.Context, m engine.MessageRef, to *os.File) error {
	part, err := mediaPartOf(m.Payload)
	if err != nil {
		return err
	}
	t, err := c.startTransfer(ctx)
	if err != nil {
		return err
	}
	defer t.end()
	err = t.fetch(part, to)
	if isGone(err) {
		if part.path, err = t.askAgain(m, part); err != nil {
			return err
		}
		err = t.fetch(part, to)
	}
	if err == nil {
		c.net.counts.downloaded(to)
		_, err = to.Seek(0, io.SeekStart)
	}
	if err != nil {
		return t.explain(err)
	}
	return nil
}

// fetch downloads a file, checks and decrypts it.
func (t *transfer) fetch(part mediaPart, to *os.File) error {
	t.touch()
	if err := t.findHost(false); err != nil {
		return err
	}
	if err := to.Truncate(0); err != nil {
		return err
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return err
	}
	file := &boundedFile{file: to, transfer: t, limit: part.limit()}
	return t.link.client.DownloadMediaWithPathToFile(t.ctx, part.path, part.encSHA256, part.sha256, part.key, part.class, "", false, file)
}

// chatOf is the chat of a message as whatsmeow takes it.
func chatOf(m engine.MessageRef) (types.JID, error) {
	jid, err := types.ParseJID(string(m.Chat))
	if err != nil {
		return jid, engine.WrapError(engine.CodeInvalid, err, "the message's chat is not a valid WhatsApp address")
	}
	return jid, nil
}
