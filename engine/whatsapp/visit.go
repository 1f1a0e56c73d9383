package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"

	"wapid/engine"
)

// Inspection is what a device store says of itself.
type Inspection struct {
	Devices       []engine.DeviceID
	Schema, Known int // whatsmeow's, and the newest that this program knows
}

// Inspect reads the device store of a data directory, also beside a running daemon, and
// changes nothing.
func Inspect(ctx context.Context, dir string) (found Inspection, err error) {
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return found, err
	}
	q := url.Values{"mode": {"ro"}, "_busy_timeout": {"5000"}}
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found.Known = len(upgrades.Table)
	if err = db.QueryRowContext(ctx, `SELECT version FROM whatsmeow_version`).Scan(&found.Schema); err != nil {
		return found, err
	}
	found.Devices, err = (&devices{db: db}).list(ctx)
	return found, err
}

// Visit asks for WhatsApp's web page and returns the time that the answer gives. Any
// answer will do: it came with WhatsApp's certificate.
func (n *Network) Visit(ctx context.Context) (at time.Time, err error) {
	resp, err := n.head(ctx, "https://web.whatsapp.com/")
	if err != nil {
		return at, err
	}
	at, err = http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil // it need not tell
	}
	return at, nil
}

// VisitMedia asks the host that files are got from. Any answer will do.
func (n *Network) VisitMedia(ctx context.Context) error {
	_, err := n.head(ctx, "https://mmg.whatsapp.net/")
	return err
}

func (n *Network) head(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := n.http.media.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}

// errVisiting refuses a pairing: nobody is shown the code of a visit.
var errVisiting = errors.New("this is only a visit")

// Greet does what a new session does until it could show a QR code: the websocket, the
// Noise handshake, and the login of a device without an account. Nothing is linked and
// nothing is shown. outdated says that WhatsApp refuses this version of the client, by
// which it knows before it gives a code; connected, that the handshake was made.
func (n *Network) Greet(ctx context.Context) (connected, outdated bool, err error) {
	signals := make(chan engine.Signal, 16)
	conn, err := n.Pair(ctx, engine.Line{Session: engine.SessionKey{Tenant: "doctor", ID: "visit"}}, engine.Handler{
		Signal: func(s engine.Signal) {
			select {
			case signals <- s:
			default: // what counts comes first
			}
		},
		Linking: func(context.Context, engine.Identity) error { return errVisiting },
	})
	if err != nil {
		return false, false, err
	}
	defer conn.Close()
	if err := conn.Connect(ctx); err != nil {
		return false, false, err
	}
	for {
		select {
		case <-ctx.Done():
			return true, false, context.Cause(ctx)
		case s := <-signals:
			switch s := s.(type) {
			case engine.SignalQR:
				return true, false, nil
			case engine.SignalDropped:
				if s.Cause == engine.DropOutdated {
					return true, true, nil
				}
				return true, false, errors.Join(fmt.Errorf("the connection ended: %s", s.Cause), s.Err)
			}
		}
	}
}
