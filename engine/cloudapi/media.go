package cloudapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"time"

	"wapid/engine"
)

const (
	// uploadLifetime is shortened by a day: Meta keeps what was uploaded for 30 days.
	uploadLifetime = 29 * 24 * time.Hour
	// filePatience and slowestFile bound how long a file may take, in either direction.
	filePatience = time.Minute
	slowestFile  = 64 << 10 // bytes a second
	// maxDownload is the largest file that is fetched, in bytes: Meta's limit of 100 MB
	// for documents, with some room.
	maxDownload = 128 << 20
)

// Upload implements engine.Media. The file goes from the disk to Meta as it is read.
func (c *conn) Upload(ctx context.Context, m engine.Outgoing, plain io.ReadSeeker) (engine.Upload, error) {
	if !m.Kind.HasMedia() {
		return engine.Upload{}, engine.Errorf(engine.CodeInvalid, "a message of kind %q has no file", m.Kind)
	}
	ctx, end, err := c.use(ctx)
	if err != nil {
		return engine.Upload{}, err
	}
	defer end()
	size, err := plain.Seek(0, io.SeekEnd)
	if err != nil {
		return engine.Upload{}, engine.WrapError(engine.CodeStorage, err, "the file can't be read")
	}
	kind, err := fileType(m, plain)
	if err != nil {
		return engine.Upload{}, engine.WrapError(engine.CodeStorage, err, "the file can't be read")
	}
	ctx, cancel := context.WithTimeout(ctx, patienceFor(size))
	defer cancel()
	req, err := c.uploadRequest(ctx, plain, size, kind, fileName(m, kind))
	if err != nil {
		return engine.Upload{}, err
	}
	var answer struct {
		ID string `json:"id"`
	}
	err = c.files.do(req, &answer)
	if err == nil && answer.ID == "" {
		err = errNoAnswer
	}
	if err != nil {
		return engine.Upload{}, c.explain(ctx, err)
	}
	return engine.Upload{Ref: []byte(answer.ID), ExpiresAt: c.net.opts.Clock().Add(uploadLifetime)}, nil
}

// patienceFor is how long a file of so many bytes may take.
func patienceFor(size int64) time.Duration {
	return filePatience + time.Duration(size/slowestFile)*time.Second
}

// uploadRequest makes the form that Meta takes a file in, around the file.
func (c *conn) uploadRequest(ctx context.Context, plain io.Reader, size int64, kind, name string) (*http.Request, error) {
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	err := errors.Join(form.WriteField("messaging_product", "whatsapp"), form.WriteField("type", kind))
	part := textproto.MIMEHeader{}
	part.Set("Content-Disposition", mime.FormatMediaType("form-data", map[string]string{"name": "file", "filename": name}))
	part.Set("Content-Type", kind)
	if _, partErr := form.CreatePart(part); err == nil {
		err = partErr
	}
	begun := head.Len()
	err = errors.Join(err, form.Close())
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the upload can't be encoded")
	}
	all := io.MultiReader(bytes.NewReader(head.Bytes()[:begun]), io.LimitReader(plain, size), bytes.NewReader(head.Bytes()[begun:]))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.files.url(c.number.PhoneNumberID+"/media", nil), all)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(head.Len()) + size
	req.Header.Set("Content-Type", form.FormDataContentType())
	return req, nil
}

// fileType is what Meta is told that a file is: what the message says, or what the
// file's beginning looks like. It leaves the file at its beginning.
func fileType(m engine.Outgoing, plain io.ReadSeeker) (string, error) {
	if _, err := plain.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if m.Attachment != nil && m.Attachment.MIME != "" {
		kind, _, err := mime.ParseMediaType(m.Attachment.MIME)
		if err == nil && strings.HasPrefix(kind, "audio/ogg") {
			return "audio/ogg; codecs=opus", nil // Meta takes no other audio in OGG
		}
		return m.Attachment.MIME, nil
	}
	begin := make([]byte, 512)
	n, err := io.ReadFull(plain, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	_, err = plain.Seek(0, io.SeekStart)
	return http.DetectContentType(begin[:n]), err
}

// fileName is what Meta is told that a file is called.
func fileName(m engine.Outgoing, kind string) string {
	if m.Attachment != nil && m.Attachment.FileName != "" {
		return m.Attachment.FileName
	}
	if all, err := mime.ExtensionsByType(kind); err == nil && len(all) > 0 {
		return "file" + all[0]
	}
	return "file"
}

// mediaInfo is what Meta tells of a file.
type mediaInfo struct {
	URL  string `json:"url"`
	Hash string `json:"sha256"`
}

// Download implements engine.Media: Meta tells where the file is, for five minutes.
func (c *conn) Download(ctx context.Context, m engine.MessageRef, to *os.File) error {
	ctx, end, err := c.use(ctx)
	if err != nil {
		return err
	}
	defer end()
	p := parsePayload(m.Payload)
	if p.Media == "" {
		return engine.Errorf(engine.CodeMediaGone, "Meta has told no file of this message")
	}
	var info mediaInfo
	query := url.Values{"phone_number_id": {c.number.PhoneNumberID}}
	if err := c.graph.call(ctx, http.MethodGet, url.PathEscape(p.Media), query, nil, &info); err != nil {
		return c.goneOr(ctx, err)
	}
	at, err := url.Parse(info.URL)
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		return engine.Errorf(engine.CodeNetworkRefused, "Meta's API names no place to fetch the file at")
	}
	ctx, cancel := context.WithTimeout(ctx, patienceFor(maxDownload))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, info.URL, nil)
	if err != nil {
		return engine.WrapError(engine.CodeNetworkRefused, concealed(err), "Meta's API names no place to fetch the file at")
	}
	hash, err := c.fetch(req, to)
	if err != nil {
		return c.goneOr(ctx, err)
	}
	for _, want := range []string{p.Hash, hexHash(info.Hash)} {
		if want != "" && want != hash {
			return engine.Errorf(engine.CodeNetworkRefused, "the file that came is not the one that was sent")
		}
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the file can't be written")
	}
	return nil
}

// fetch copies an answer into a file and returns its hash. The errors are those of
// graph.call, and CodeStorage.
func (c *conn) fetch(req *http.Request, to *os.File) (hash string, err error) {
	req.Header.Set("Authorization", "Bearer "+c.number.AccessToken)
	resp, err := c.files.client.Do(req)
	if err != nil {
		return "", errors.Join(errNoAnswer, concealed(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return "", errors.Join(errNoAnswer, concealed(err))
		}
		if err := readAnswer(resp, raw, nil); err != nil {
			return "", err
		}
		return "", &metaError{Status: resp.StatusCode}
	}
	sum := sha256.New()
	written := &noting{to: to}
	n, err := io.Copy(io.MultiWriter(sum, written), io.LimitReader(resp.Body, maxDownload+1))
	switch {
	case written.err != nil:
		return "", engine.WrapError(engine.CodeStorage, written.err, "the file can't be written")
	case err != nil:
		return "", errors.Join(errNoAnswer, concealed(err))
	case n > maxDownload:
		return "", engine.Errorf(engine.CodeNetworkRefused, "the file is larger than Meta's own limit")
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// noting tells errors of writing from those of reading.
type noting struct {
	to  io.Writer
	err error
}

func (n *noting) Write(p []byte) (int, error) {
	written, err := n.to.Write(p)
	n.err = err
	return written, err
}

// goneOr is CodeMediaGone for a file that Meta does not have any more.
func (c *conn) goneOr(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*metaError](err); ok && (e.Code == 100 || e.Code == 131052 || e.Code == 0 && (e.Status == http.StatusNotFound || e.Status == http.StatusGone)) {
		return engine.WrapError(engine.CodeMediaGone, e, "Meta does not have the file any more")
	}
	return c.explain(ctx, err)
}
