package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"strings"
	"time"
)

// profiles serves what Go knows about the running process, for whoever looks for
// where its time and memory go. Goroutines and heap show what the daemon is
// doing, so that it is off unless asked for, and on loopback addresses only.
type profiles struct {
	listener net.Listener
	server   *http.Server
}

// openProfiles listens on a loopback address. An empty one means no profiles:
// the result is nil, and the process stops taking samples of its allocations.
func openProfiles(address string) (*profiles, error) {
	if address == "" {
		if !strings.Contains(os.Getenv("GODEBUG"), "memprofilerate") {
			runtime.MemProfileRate = 0
		}
		return nil, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usageError{fmt.Errorf("--pprof: %w", err)}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usageError{errors.New("--pprof takes loopback addresses only: what it shows is for nobody else")}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &profiles{listener, &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}, nil
}

// URL is where the profiles are.
func (p *profiles) URL() string { return "http://" + p.listener.Addr().String() + "/debug/pprof/" }

// Run serves until its context ends. A profile that is being taken is cut off.
func (p *profiles) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.server.Close() })
	defer stop()
	if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close gives the listener back; Run has done so already if it ran.
func (p *profiles) close() error {
	if err := p.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
