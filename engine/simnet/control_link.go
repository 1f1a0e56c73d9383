package simnet

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// maxLinkWait bounds how long a request may take to link a device and to wait for
// its login.
const maxLinkWait = 60 * time.Second

// controlScan links the companion whose QR code is given. The body may be the
// whole of what a program knows about the code, as long as "qr" is in it: a
// daemon's status answer can be passed on as it is.
func (s *Server) controlScan(r *http.Request) (any, error) {
	var body struct {
		QR string `json:"qr"`
	}
	if err := decodeOnce(json.NewDecoder(r.Body), &body); err != nil {
		return nil, err
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

// controlLink links a companion within ?wait=SECONDS, maxLinkWait when it is
// missing. Where it is given, the answer comes once the new device has logged in,
// or when the time is up.
func (s *Server) controlLink(r *http.Request, link func(context.Context, *Phone) (types.JID, error)) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	wait, err := controlWait(r, maxLinkWait)
	if err != nil {
		return nil, err
	}
	limit := wait
	if limit == 0 {
		limit = maxLinkWait
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	jid, err := link(ctx, p)
	if err != nil {
		return nil, err
	}
	online := false
	if dev := p.account.device(jid.Device); dev != nil && wait > 0 {
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
