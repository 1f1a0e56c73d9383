package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"wapid/cmd/wapid/metrics"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// watchSettings are those of what shows the operator how the daemon is doing.
type watchSettings struct {
	MetricsListen  string  `help:"Serve /metrics on this address without a key, beside the API's own, which takes the admin key." name:"metrics-listen" env:"WAPID_METRICS_LISTEN" placeholder:"HOST:PORT"`
	OTLPEndpoint   string  `help:"Send traces to this OpenTelemetry collector (OTLP over HTTP, such as http://127.0.0.1:4318)." name:"otlp-endpoint" env:"WAPID_OTLP_ENDPOINT" placeholder:"URL"`
	TraceRatio     float64 `help:"Share of requests that are traced, but for those whose callers have decided (default ${default})." name:"trace-ratio" default:"1" env:"WAPID_TRACE_RATIO" placeholder:"0..1"`
	MetricsTenants bool    `help:"Label sends, events and deliveries with their tenant." name:"metrics-tenants" env:"WAPID_METRICS_TENANTS"`
}

// Validate refuses settings that can't be read.
func (w watchSettings) Validate() error {
	if w.MetricsListen != "" {
		if _, _, err := net.SplitHostPort(w.MetricsListen); err != nil {
			return fmt.Errorf("--metrics-listen must be HOST:PORT")
		}
	}
	if !(w.TraceRatio >= 0 && w.TraceRatio <= 1) { // which no NaN is
		return fmt.Errorf("--trace-ratio must be 0 to 1")
	}
	if u, err := url.Parse(w.OTLPEndpoint); w.OTLPEndpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--otlp-endpoint must be http:// or https:// and a host")
	}
	return nil
}

// openMetrics listens for scrapes, if settings say where. It warns of an address that
// others can reach: whoever reaches it needs no key.
func (a *app) openMetrics(address string) error {
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("--metrics-listen: %w", err)
	}
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		a.log.Warn("metrics are served without a key on an address that other machines may reach")
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	a.scrapes = &scrapes{listener, &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}}
	a.closers = append(a.closers, a.scrapes.close)
	return nil
}

// scrapes serves the metrics on an address of their own.
type scrapes struct {
	listener net.Listener
	server   *http.Server
}

// URL is where the metrics are.
func (s *scrapes) URL() string { return "http://" + s.listener.Addr().String() + "/metrics" }

// Run serves until its context ends. What is being scraped is cut off.
func (s *scrapes) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer stop()
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close gives the listener back; Run has done so already if it ran.
func (s *scrapes) close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// showMetrics has scrapes look at the app's services, once all of them are there.
func (a *app) showMetrics(dir string) {
	a.metrics.Show(metrics.Sources{
		Census: a.engine.Census, Panics: a.engine.Panics, Load: a.store.Load, Backlog: a.store.Backlog,
		Network: a.network, Streams: a.api.Streams, Dir: dir, Databases: []string{store.FileName, whatsapp.FileName},
	})
}
