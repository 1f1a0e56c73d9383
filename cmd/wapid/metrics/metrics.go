// Package metrics shows what the daemon does in Prometheus's format. What happens is
// counted as it happens, through the functions that the services call; what stands
// somewhere is looked up when somebody asks, and what the database must be asked for is
// remembered for some seconds.
package metrics

import (
	"cmp"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wapid/engine"
	"wapid/httpapi"
	"wapid/store"
	"wapid/webhooks"
)

// Scrapes that may be answered at a time; more are answered 503.
const maxScrapes = 3

// Outcomes that are no code.
const (
	outcomeSent   = "sent"
	outcomeFailed = "failed"
)

// Metrics are those of one daemon.
type Metrics struct {
	registry *prometheus.Registry
	tenants  bool

	sends                    *prometheus.CounterVec
	sendTime, networkTime    *prometheus.HistogramVec
	drops                    *prometheus.CounterVec
	requests                 *prometheus.CounterVec
	requestTime              *prometheus.HistogramVec
	events, deliveries       *prometheus.CounterVec
	deliveryTime             *prometheus.HistogramVec
	deliveryDelay            prometheus.Histogram
	commitTime, commitWrites prometheus.Histogram
	commitFailures           prometheus.Counter
	checkpointTime           prometheus.Histogram
	checkpointPages          prometheus.Gauge
}

// Options of the metrics.
type Options struct {
	Version   string
	Simulated bool // the network
	// Tenants adds a label with the tenant to sends, events and deliveries: for whoever
	// has few of them.
	Tenants bool
}

// New makes the metrics of a daemon that has done nothing yet.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), tenants: o.Tenants}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	network := "whatsapp"
	if o.Simulated {
		network = "simulated"
	}
	info := m.gauge("build_info", "1; the labels say what runs.", "version", "go", "network")
	info.WithLabelValues(cmp.Or(o.Version, "dev"), runtime.Version(), network).Set(1)

	m.sends = m.counter("sends_total", "Tries at messages, by kind and by outcome: sent, or the code of why not.", m.labelled("kind", "outcome")...)
	m.sendTime = m.histogram("send_seconds", "From the request for a message, or from its turn in the outbox, to its outcome.", waits, "outcome")
	m.networkTime = m.histogram("network_send_seconds", "From giving a message to WhatsApp to its answer.", waits, "outcome")
	m.drops = m.counter("disconnects_total", "Connections that nobody of ours has closed, by cause.", "cause")
	m.requests = m.counter("http_requests_total", "Requests to the API, by route, method and class of status.", "route", "method", "class")
	m.requestTime = m.histogram("http_request_seconds", "From a request's head to the end of its handler.", waits, "route", "method")
	m.events = m.counter("events_committed_total", "Events in tenants' logs, by type.", m.labelled("type")...)
	m.deliveries = m.counter("deliveries_total", "Tries at webhook deliveries by what followed: delivered, retry, or dead.", m.labelled("outcome")...)
	m.deliveryTime = m.histogram("delivery_seconds", "How long a receiver took for a delivery.", waits, "outcome")
	m.deliveryDelay = m.plain("delivery_delay_seconds", "From an event to the answer that has taken its delivery, retries included.", delays)
	m.commitTime = m.plain("store_commit_seconds", "From the first statement of a commit until it is on the disk.", commits)
	m.commitWrites = m.plain("store_commit_writes", "Writes that share a commit.", groups)
	m.commitFailures = prometheus.NewCounter(prometheus.CounterOpts{Name: "wapid_store_commit_failures_total", Help: "Commits that the database did not take."})
	m.checkpointTime = m.plain("store_checkpoint_seconds", "How long it took to move the write-ahead log into the database.", commits)
	m.checkpointPages = prometheus.NewGauge(prometheus.GaugeOpts{Name: "wapid_store_log_pages", Help: "Pages of 4 KiB that the write-ahead log held when it was last moved."})
	m.registry.MustRegister(m.commitFailures, m.checkpointPages)
	m.preset()
	return m
}

// Buckets, in seconds but for groups.
var (
	waits   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 90}
	delays  = []float64{.01, .05, .1, .5, 1, 5, 30, 60, 300, 1800, 7200, 43200}
	commits = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, 1, 5}
	groups  = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
)

// labelled adds the tenant's label where it is asked for, as the last.
func (m *Metrics) labelled(names ...string) []string {
	if m.tenants {
		return append(names, "tenant")
	}
	return names
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wapid_" + name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wapid_" + name, Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "wapid_" + name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

func (m *Metrics) plain(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wapid_" + name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: 10 * time.Second})
}

// Engine is what the engine tells.
func (m *Metrics) Engine() engine.Watch {
	return engine.Watch{
		Tried: func(t engine.Try) {
			m.sendTime.WithLabelValues(word(t.Code == "", outcomeSent)).Observe(t.Took.Seconds())
			outcome := cmp.Or(string(t.Code), outcomeSent)
			if m.tenants {
				m.sends.WithLabelValues(string(t.Kind), outcome, string(t.Tenant)).Inc()
				return
			}
			m.sends.WithLabelValues(string(t.Kind), outcome).Inc()
		},
		Answered: func(took time.Duration, code engine.Code) {
			m.networkTime.WithLabelValues(word(code == "", outcomeSent)).Observe(took.Seconds())
		},
		Dropped: func(cause engine.DropCause) { m.drops.WithLabelValues(string(cause)).Inc() },
	}
}

// word is what came of something that may fail.
func word(well bool, success string) string {
	if well {
		return success
	}
	return outcomeFailed
}

// Store is what the store tells.
func (m *Metrics) Store() store.Watch {
	return store.Watch{
		Committed: func(writes int, took time.Duration, failed bool) {
			if failed {
				m.commitFailures.Inc()
				return
			}
			m.commitTime.Observe(took.Seconds())
			m.commitWrites.Observe(float64(writes))
		},
		Checkpointed: func(pages int, took time.Duration) {
			m.checkpointTime.Observe(took.Seconds())
			m.checkpointPages.Set(float64(pages))
		},
		Appended: func(e engine.EventType, tenant engine.TenantID) {
			if m.tenants {
				m.events.WithLabelValues(string(e), string(tenant)).Inc()
				return
			}
			m.events.WithLabelValues(string(e)).Inc()
		},
	}
}

// Tried counts a try at a delivery.
func (m *Metrics) Tried(e engine.Event, t webhooks.Tried) {
	outcome := "retry"
	switch t.Outcome.State {
	case webhooks.DeliveryDelivered:
		outcome = "delivered"
		m.deliveryDelay.Observe(max(0, t.Attempt.At.Add(t.Attempt.Duration).Sub(e.At).Seconds()))
	case webhooks.DeliveryDead:
		outcome = "dead"
	}
	m.deliveryTime.WithLabelValues(word(outcome == "delivered", "delivered")).Observe(t.Attempt.Duration.Seconds())
	if m.tenants {
		m.deliveries.WithLabelValues(outcome, string(e.Session.Tenant)).Inc()
		return
	}
	m.deliveries.WithLabelValues(outcome).Inc()
}

// Answered counts a request to the API.
func (m *Metrics) Answered(a httpapi.Answered) {
	m.requests.WithLabelValues(a.Route, a.Method, strconv.Itoa(a.Status/100)+"xx").Inc()
	m.requestTime.WithLabelValues(a.Route, a.Method).Observe(a.Took.Seconds())
}

// preset shows series whose labels nobody has used yet, at zero, where the labels are
// known beforehand: an alert sees the first of what it waits for only if there was a
// value before.
func (m *Metrics) preset() {
	for _, cause := range []engine.DropCause{
		engine.DropNetwork, engine.DropRestart, engine.DropReplaced, engine.DropLoggedOut, engine.DropBanned, engine.DropOutdated,
	} {
		m.drops.WithLabelValues(string(cause))
	}
	for _, outcome := range []string{outcomeSent, outcomeFailed} {
		m.sendTime.WithLabelValues(outcome)
		m.networkTime.WithLabelValues(outcome)
	}
	for _, outcome := range []string{"delivered", outcomeFailed} {
		m.deliveryTime.WithLabelValues(outcome)
	}
	if m.tenants {
		return
	}
	m.sends.WithLabelValues(string(engine.KindText), outcomeSent)
	for _, outcome := range []string{"delivered", "retry", "dead"} {
		m.deliveries.WithLabelValues(outcome)
	}
	for _, e := range []engine.EventType{engine.EventQR, engine.EventReady, engine.EventDisconnected, engine.EventMessage} {
		m.events.WithLabelValues(string(e))
	}
}
