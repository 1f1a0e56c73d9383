package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"wapid/engine"
	"wapid/store"
)

// receiver is the sandbox's own webhook receiver: it prints what it gets, in whatever
// format, and answers the challenge by which Meta verifies a callback.
type receiver struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

// maxWebhook is the largest body that the receiver prints.
const maxWebhook = 1 << 20

func startReceiver(addr string, out io.Writer) (*receiver, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("webhook receiver: %w", err)
	}
	r := &receiver{listener: l, done: make(chan struct{})}
	r.server = &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if challenge := req.FormValue("hub.challenge"); req.Method == http.MethodGet && challenge != "" {
				fmt.Fprintf(out, "webhook ← the challenge of %s is answered\n", req.URL.Path)
				fmt.Fprint(w, challenge)
				return
			}
			body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxWebhook))
			if err != nil {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
				return
			}
			fmt.Fprintf(out, "webhook ← %s\n", shorten(body))
			w.WriteHeader(http.StatusNoContent)
		}),
	}
	go func() {
		defer close(r.done)
		_ = r.server.Serve(l) // always ends with ErrServerClosed, by stop
	}()
	return r, nil
}

// receiverPath marks a webhook as the sandbox's own: its port may change
// between starts.
const receiverPath = "/sandbox-receiver"

// subscribe makes the receiver the tenant's webhook, unless the tenant has
// chosen another.
func (r *receiver) subscribe(ctx context.Context, s *store.Store, tenant engine.TenantID) error {
	e, err := s.FindEndpoint(ctx, tenant)
	if err != nil && engine.CodeOf(err) != engine.CodeNotFound {
		return err
	}
	if err == nil && !strings.HasSuffix(e.URL, receiverPath) {
		return nil
	}
	_, err = s.PutEndpoint(ctx, tenant, "http://"+r.listener.Addr().String()+receiverPath, e.Secret)
	return err
}

func (r *receiver) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := r.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		r.server.Close()
	}
	<-r.done
}

// shorten makes a webhook body readable in a terminal: QR images are cut. A body in
// another system's format, which names no tenant, is shown as it came.
func shorten(body []byte) string {
	var envelope struct {
		TenantID  string         `json:"tenantId"`
		Event     string         `json:"event"`
		SessionID string         `json:"sessionId"`
		Data      map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.TenantID == "" {
		return string(body)
	}
	for key, value := range envelope.Data {
		if s, ok := value.(string); ok && len(s) > 120 {
			envelope.Data[key] = s[:120] + "…"
		}
	}
	data, err := json.Marshal(envelope.Data)
	if err != nil {
		return string(body)
	}
	return fmt.Sprintf("%s of session %s: %s", envelope.Event, envelope.SessionID, data)
}
