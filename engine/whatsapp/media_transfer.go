package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"golang.org/x/sync/semaphore"

	"wapid/engine"
)

// How many files are moved at once: of one session, so that it does not keep the
// others waiting, and of all. Each holds some tens of kilobytes and two sockets.
const (
	transfersPerSession = 4
	transfersAtOnce     = 16
)

// errStalled ends a transfer that does not get on.
var errStalled = errors.New("the media host does not take or send anything")

// transfer is a file on its way to or from the media host.
type transfer struct {
	link   *link
	ctx    context.Context
	cancel context.CancelCauseFunc
	unhook func() bool
	stall  *time.Timer
	slots  []*semaphore.Weighted
}

// startTransfer waits for its turn. Every transfer is ended. It returns
// CodeSessionNotReady, also if the caller's patience ends first.
func (c *conn) startTransfer(ctx context.Context) (*transfer, error) {
	if !c.enter() {
		return nil, notReady(errNotReady)
	}
	t := &transfer{link: c.readyLink()}
	if t.link == nil {
		c.calls.Done()
		return nil, notReady(errNotReady)
	}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	t.unhook = context.AfterFunc(t.link.ctx, func() { t.cancel(errNotReady) })
	t.stall = time.AfterFunc(stallLimit, func() { t.cancel(errStalled) })
	t.stall.Stop() // The wait for a turn is no stall.
	for _, slot := range []*semaphore.Weighted{c.transfers, c.net.transfers} {
		if err := slot.Acquire(t.ctx, 1); err != nil {
			defer t.end()
			return nil, notReady(context.Cause(t.ctx))
		}
		t.slots = append(t.slots, slot)
	}
	t.touch()
	return t, nil
}

// touch notes that the transfer gets on.
func (t *transfer) touch() { t.stall.Reset(stallLimit) }

// findHost lets whatsmeow learn the media hosts, with a permission that it has kept
// or a fresh one. A server that names none would make an upload panic, and a
// download succeed without a file.
func (t *transfer) findHost(fresh bool) error {
	//lint:ignore SA1019 there is no other way to ask, nor to have the permission renewed before it ends
	found, err := t.link.client.DangerousInternals().RefreshMediaConn(t.ctx, fresh)
	if err == nil && len(found.Hosts) == 0 {
		return engine.Errorf(engine.CodeNetworkRefused, "WhatsApp names no media host")
	}
	return err
}

func (t *transfer) end() {
	t.unhook()
	t.stall.Stop()
	t.cancel(nil)
	for _, slot := range t.slots {
		slot.Release(1)
	}
	t.link.conn.calls.Done()
}

// explain gives a failure its code. The addresses of files stay out of it: who has
// one may fetch the file.
func (t *transfer) explain(err error) error {
	var (
		code      *engine.Error
		iq        *whatsmeow.IQError
		cut       *whatsmeow.DisconnectedError
		path      *fs.PathError
		answer    whatsmeow.DownloadHTTPError
		cause     = withoutAddress(err)
		status    = uploadStatus(err)
		gone      = isGone(err)
		refused   = func(why string) error { return engine.WrapError(engine.CodeNetworkRefused, cause, why) }
		otherFile = errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256) || errors.Is(err, whatsmeow.ErrInvalidMediaHMAC) ||
			errors.Is(err, whatsmeow.ErrInvalidMediaSHA256) || errors.Is(err, whatsmeow.ErrInvalidUnencryptedMediaSHA256) ||
			errors.Is(err, whatsmeow.ErrTooShortFile) || errors.Is(err, errLargerThanSaid)
	)
	if errors.As(err, &answer) {
		status = answer.StatusCode
	}
	switch {
	case errors.As(err, &code):
		return err
	case gone:
		return engine.WrapError(engine.CodeMediaGone, cause, "nobody has the file any more")
	case otherFile:
		return engine.WrapError(engine.CodeMediaInvalid, cause, "the file is not the one that the message describes")
	case errors.Is(context.Cause(t.ctx), errStalled):
		return refused("WhatsApp's media host does not answer")
	case errors.Is(context.Cause(t.ctx), errNotReady), errors.As(err, &cut), errors.Is(err, whatsmeow.ErrIQTimedOut),
		errors.Is(err, whatsmeow.ErrNotConnected), errors.Is(err, whatsmeow.ErrNotLoggedIn), isSocketError(err):
		return notReady(cause)
	case errors.Is(err, whatsmeow.ErrIQRateOverLimit), errors.Is(err, whatsmeow.ErrIQResourceLimit), status == http.StatusTooManyRequests:
		return engine.WrapError(engine.CodeRateLimited, cause, "WhatsApp asks to slow down")
	case errors.As(err, &iq):
		return refused("WhatsApp refused to name its media host")
	case status == http.StatusRequestEntityTooLarge:
		return engine.WrapError(engine.CodeMediaInvalid, cause, "WhatsApp's media host finds the file too large")
	case errors.As(err, &path):
		return engine.WrapError(engine.CodeStorage, cause, "a file of the daemon's own failed")
	case context.Cause(t.ctx) != nil:
		return refused("the file was not moved in time")
	}
	return refused("WhatsApp's media host refused the file")
}

// uploadStatus is the media host's answer to an upload, which whatsmeow gives as
// text: "upload failed with status code 401". It is 0 for any other error.
func uploadStatus(err error) int {
	if err == nil {
		return 0
	}
	_, code, _ := strings.Cut(err.Error(), "upload failed with status code ")
	n, _ := strconv.Atoi(code)
	return n
}

// isGone tells that the media host does not have a file under an address, or no
// longer gives it out.
func isGone(err error) bool {
	return errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403) || errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) ||
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410)
}

// withoutAddress is an error without the address that net/http puts into it.
func withoutAddress(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return fmt.Errorf("%s: %w", request.Op, request.Err)
	}
	return err
}

// lease is a file that is lent to one try of an upload. The HTTP client may go on
// reading for a moment after it has given up, and would close the file.
type lease struct {
	transfer *transfer

	mu   sync.Mutex
	file io.ReadSeeker
	over bool
}

// end takes the file back; it returns when nobody reads it.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

func (l *lease) do(fn func() (int, error)) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, fs.ErrClosed
	}
	l.transfer.touch()
	return fn()
}

func (l *lease) Read(p []byte) (int, error) {
	return l.do(func() (int, error) { return l.file.Read(p) })
}

func (l *lease) Seek(offset int64, whence int) (at int64, err error) {
	_, err = l.do(func() (int, error) {
		at, err = l.file.Seek(offset, whence)
		return 0, err
	})
	return at, err
}

// sealedLease is the lease of a file that is written before it is read.
type sealedLease struct {
	lease
	out io.Writer
}

func (l *sealedLease) Write(p []byte) (int, error) {
	return l.do(func() (int, error) { return l.out.Write(p) })
}
