package simnet

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of traffic: one request, so that it fits between two looks of whoever
// waits for it.
const (
	maxTraffic = 2 * time.Minute
	maxWindow  = 1000
)

// traffic is texts that phones write to linked devices, made inside the network
// because one request for each would measure the controls.
type traffic struct {
	Pairs []struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"pairs"`
	Text     string  `json:"text"`
	Duration float64 `json:"duration"` // seconds
	Rate     float64 `json:"rate"`     // texts a second, of all pairs together; 0 for as many as are taken
	Window   int     `json:"window"`   // how many a device may leave unacknowledged; 0 for 16
	Limit    int64   `json:"limit"`    // ends it after so many; 0 for none
}

// writer is one pair: a phone and the device that it writes to.
type writer struct {
	from *Phone
	to   *Phone
	dev  *device
}

// controlTraffic lets phones write for a while. Each text ends in " @" and the
// nanoseconds since 1970 at which it was begun, so that who gets it knows how
// long it took. Without a rate each phone writes its next one as soon as the
// device has acknowledged enough; with one they write when it is time, whatever
// the devices do.
func (s *Server) controlTraffic(r *http.Request) (any, error) {
	var body traffic
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	if !(body.Duration > 0 && body.Duration <= maxTraffic.Seconds()) || !(body.Rate >= 0 && body.Rate <= 1e6) {
		return nil, badf("duration must be 0 to %.0f seconds, rate 0 to a million", maxTraffic.Seconds())
	}
	if body.Window == 0 {
		body.Window = 16
	}
	if body.Window < 1 || body.Window > maxWindow || body.Limit < 0 {
		return nil, badf("window must be 1 to %d, limit not negative", maxWindow)
	}
	writers, err := s.writers(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(body.Duration*float64(time.Second)))
	defer cancel()
	t := &stint{body: body, start: time.Now()}
	var group sync.WaitGroup
	for i, w := range writers {
		group.Go(func() { t.write(ctx, w, i, len(writers)) })
	}
	group.Wait()
	if failed := t.failed.Load(); failed != nil {
		return nil, *failed
	}
	return map[string]any{"sent": t.sent.Load(), "seconds": time.Since(t.start).Seconds()}, nil
}

func (s *Server) writers(body traffic) ([]writer, error) {
	if len(body.Pairs) == 0 {
		return nil, badf("pairs are missing")
	}
	list := make([]writer, len(body.Pairs))
	for i, pair := range body.Pairs {
		from, err := s.directory.number(pair.From)
		if err != nil {
			return nil, err
		}
		to, err := s.directory.number(pair.To)
		if err != nil {
			return nil, err
		}
		devices := to.linked()
		if len(devices) == 0 {
			return nil, ErrUnknownDevice
		}
		list[i] = writer{s.phoneOf(from), s.phoneOf(to), devices[len(devices)-1]}
	}
	return list, nil
}

// stint is one request's traffic under way.
type stint struct {
	body        traffic
	start       time.Time
	begun, sent atomic.Int64
	failed      atomic.Pointer[error] // the latest; the others matter no more
}

// write lets one pair write until the context ends.
func (t *stint) write(ctx context.Context, w writer, index, pairs int) {
	for k := index; ; k += pairs {
		if t.body.Rate > 0 {
			due := time.Duration(float64(k) / t.body.Rate * float64(time.Second))
			if !sleep(ctx, due-time.Since(t.start)) {
				return
			}
		} else if !w.dev.awaitRoom(ctx, t.body.Window) {
			return
		}
		if t.body.Limit > 0 && t.begun.Add(1) > t.body.Limit {
			return
		}
		text := t.body.Text + " @" + strconv.FormatInt(time.Now().UnixNano(), 10)
		if _, err := w.from.SendText(ctx, w.to.JID(), text); err != nil {
			t.failed.Store(&err)
			return
		}
		t.sent.Add(1)
	}
}

// sleep waits unless the context ends before; false means that it did.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// controlConnections counts the logged-in devices, with ?number= only those that
// a fault for that number would concern.
func (s *Server) controlConnections(r *http.Request) (any, error) {
	number := r.URL.Query().Get("number")
	if number == "" {
		number = Everyone
	}
	if !numberPattern(number) {
		return nil, badf("number must be digits, or the first of them and a *")
	}
	count := 0
	s.eachStream(func(st *stream, d *device) {
		if d == nil || !concerns(number, d.account.number) {
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.stream == st && d.active {
			count++
		}
	})
	return map[string]any{"connections": count}, nil
}
