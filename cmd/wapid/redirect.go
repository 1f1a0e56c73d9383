package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of the listener for plain HTTP, which is there for browsers and certificate
// authorities.
const (
	redirectConns = 256
	redirectTime  = 10 * time.Second // for a request
	redirectIdle  = 15 * time.Second
)

// redirect leads browsers that come by plain HTTP to HTTPS. It does nothing for
// programs that send something: what they have sent, their key above all, has gone over
// the wire in the clear by then, which they should notice.
type redirect struct {
	listener net.Listener
	server   *http.Server
}

// openRedirect listens. Whoever serves the API is found at public, a base URL, or with ""
// under the name that the browser has asked for, at the port of api.
func openRedirect(address, public string, api *net.TCPAddr) (*redirect, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--http-redirect-listen: %w", err)
	}
	r := &redirect{listener: ln}
	r.server = &http.Server{
		Handler: leadToHTTPS(public, api.Port), ReadTimeout: redirectTime, WriteTimeout: redirectTime,
		IdleTimeout: redirectIdle, MaxHeaderBytes: 8 << 10,
	}
	return r, nil
}

// answerFirst has requests answered by another handler that may pass them on.
func (r *redirect) answerFirst(wrap func(next http.Handler) http.Handler) {
	r.server.Handler = wrap(r.server.Handler)
}

func leadToHTTPS(public string, port int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		base := public
		if base == "" {
			host := req.Host
			if name, _, err := net.SplitHostPort(host); err == nil {
				host = name
			}
			host = strings.Trim(host, "[]")
			if port != 443 || strings.Contains(host, ":") {
				host = net.JoinHostPort(host, strconv.Itoa(port))
			}
			base = "https://" + host
		}
		w.Header().Set("Cache-Control", "no-store")
		if req.Method != http.MethodGet && req.Method != http.MethodHead || req.Host == "" {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"this address only leads to HTTPS: nothing was done, and what was sent went unencrypted","code":"INVALID_REQUEST"}`)
			return
		}
		http.Redirect(w, req, base+req.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}

// Run serves until ctx ends.
func (r *redirect) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.server.Close() })
	defer stop()
	if err := r.server.Serve(netutil.LimitListener(r.listener, redirectConns)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close gives the listener back; Run has done so already if it ran.
func (r *redirect) close() error {
	if err := r.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
