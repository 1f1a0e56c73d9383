package simnet

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// maxLinkWait bounds how long a request may wait for a new device's login.
const maxLinkWait = 60 * time.Second

// controlScan links the companion whose QR code is given. The body may be the
// whole of what a program knows about the code, as long as "qr" is in it: a
// daemon's status answer can be passed on as it is.
func (s *Server) controlScan(r *http.Request) (any, error) {
	var body struct {
		QR string `json:"qr"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, badf("body: %w", err)
	}
	if body.QR == "" {
		return nil, badf("qr is missing")
	}
	return s.controlLink(r, func(ctx context.Context, p *Phone) (types.JID, error) { return p.ScanQR(ctx, body.QR) })
}

// controlCode links the companion that shows a pairing code.
func (s *Server) controlCode(r *http.Request) (any, error) {
	var body struct {
		Code string `json:"code"`
	}
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	if body.Code == "" {
		return nil, badf("code is missing")
	}
	return s.controlLink(r, func(ctx context.Context, p *Phone) (types.JID, error) { return p.EnterCode(ctx, body.Code) })
}

// controlLink links a companion and, with ?wait=SECONDS, answers once the new
// device has logged in, or when the time is up.
func (s *Server) controlLink(r *http.Request, link func(context.Context, *Phone) (types.JID, error)) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var wait time.Duration
	if raw := r.URL.Query().Get("wait"); raw != "" {
		seconds, err := strconv.Atoi(raw)
		if wait = time.Duration(seconds) * time.Second; err != nil || wait < 0 || wait > maxLinkWait {
			return nil, badf("wait must be a number of seconds from 0 to %d", int(maxLinkWait/time.Second))
		}
	}
	jid, err := link(r.Context(), p)
	if err != nil {
		return nil, err
	}
	online := false
	if dev := p.account.device(jid.Device); dev != nil && wait > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		defer cancel()
		online = awaitOnline(ctx, dev)
	}
	return map[string]any{"device": jid, "online": online}, nil
}

// awaitOnline waits until a device is logged in and takes what is queued for it.
func awaitOnline(ctx context.Context, d *device) bool {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		d.mu.Lock()
		online := d.active
		d.mu.Unlock()
		if online {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-look.C:
		}
	}
}
