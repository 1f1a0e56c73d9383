package metrics

import (
	"context"
	"maps"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wapid/engine"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// remembered is how long what the database was asked for is shown again.
const remembered = 10 * time.Second

// Sources are whom a scrape asks. All are required.
type Sources struct {
	Census  func() engine.Census
	Panics  func() int64 // that sessions have survived
	Load    func() store.Load
	Backlog func(context.Context) (store.Backlog, error)
	Network *whatsapp.Network
	Streams func() int // event streams that are open
	// Dir is the data directory, Databases the names of the files in it.
	Dir       string
	Databases []string
}

// standing shows what is the case when somebody asks.
type standing struct {
	Sources
	now func() time.Time

	mu     sync.Mutex // guards what follows, and that only one scrape asks the database
	asked  time.Time
	known  store.Backlog
	failed int64
}

// Show has scrapes ask the sources, from here on. It is called once.
func (m *Metrics) Show(s Sources) { m.registry.MustRegister(&standing{Sources: s, now: time.Now}) }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wapid_"+name, help, labels, nil)
}

var (
	sessions     = desc("sessions", "Sessions by status; reason says why one is disconnected.", "status", "reason")
	restrictions = desc("session_restrictions", "Sessions that WhatsApp limits or refuses: reachout_timelock, temporary_ban, client_outdated, logged_out.", "kind")
	panics       = desc("session_panics_total", "Panics that sessions have survived.")
	faults       = desc("network_faults_total", "Trouble with WhatsApp or its client, by kind.", "kind")
	mediaBytes   = desc("media_bytes_total", "Bytes of files that were moved whole, before their encryption.", "direction")
	pipeline     = desc("inbound_pipeline", "Incoming messages whose commits are under way.")
	streams      = desc("event_streams_open", "Event streams that are open.")

	outbox     = desc("outbox_messages", "Messages that wait for their session, 100000 at most.")
	waiting    = desc("deliveries_waiting", "Webhook deliveries that are not finished, by state: in_line (all but retries, 20000 at most), due (first of their line), retrying, sending.", "state")
	failing    = desc("webhook_endpoints_failing", "Enabled webhooks whose last try failed.")
	items      = desc("bulk_items_pending", "Recipients of bulk jobs who wait for their turn.")
	jobs       = desc("bulk_jobs", "The newest 5000 bulk jobs by status.", "status")
	backlogAge = desc("backlog_age_seconds", "How old the figures of what waits in the database are.")
	backlogBad = desc("backlog_failures_total", "Scrapes for which the database did not say what waits.")

	writesQueued = desc("store_writes_queued", "Writes that wait for the commit under way, 256 at most.")
	readersBusy  = desc("store_readers_busy", "Connections for reading that are in use.")
	readWaits    = desc("store_read_waits_total", "Reads that had to wait for a connection.")
	readWaited   = desc("store_read_wait_seconds_total", "How long reads have waited for a connection.")
	fileBytes    = desc("database_bytes", "Size of the databases' files; log is the write-ahead log.", "file", "part")
	diskFree     = desc("disk_free_bytes", "Room on the disk of the data directory.")
)

// Describe implements prometheus.Collector.
func (s *standing) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		sessions, restrictions, panics, faults, mediaBytes, pipeline, streams, outbox, waiting, failing, items, jobs,
		backlogAge, backlogBad, writesQueued, readersBusy, readWaits, readWaited, fileBytes, diskFree,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *standing) Collect(out chan<- prometheus.Metric) {
	show := shower(out)
	s.showSessions(show)
	s.showNetwork(show)
	s.showBacklog(show)
	s.showStore(show)
}

// shower hands figures to a scrape.
type shower chan<- prometheus.Metric

func (out shower) gauge(d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (out shower) counter(d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func (s *standing) showSessions(show shower) {
	census := s.Census()
	held := map[string]int{"reachout_timelock": census.Restricted[engine.RestrictionReachout], "temporary_ban": 0, "client_outdated": 0, "logged_out": 0}
	census.Sessions[engine.Standing{Status: engine.StatusReady}] += 0 // shown also where there is none
	for at, n := range census.Sessions {
		show.gauge(sessions, float64(n), string(at.Status), string(at.Reason))
		switch at.Reason {
		case engine.ReasonBanned:
			held["temporary_ban"] += n
		case engine.ReasonClientOutdated:
			held["client_outdated"] += n
		case engine.ReasonLoggedOut:
			held["logged_out"] += n
		}
	}
	for kind, n := range held {
		show.gauge(restrictions, float64(n), kind)
	}
	show.counter(panics, float64(s.Panics()))
	show.gauge(streams, float64(s.Streams()))
}

func (s *standing) showNetwork(show shower) {
	for _, f := range whatsapp.Faults() {
		show.counter(faults, float64(s.Network.Faulted(f)), string(f))
	}
	up, down := s.Network.Moved()
	show.counter(mediaBytes, float64(up), "up")
	show.counter(mediaBytes, float64(down), "down")
	show.gauge(pipeline, float64(s.Network.Committing()))
}

func (s *standing) showBacklog(show shower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.asked.IsZero() || now.Sub(s.asked) >= remembered {
		known, err := s.Backlog(context.Background()) // with a limit of its own
		if err != nil {
			s.failed++
		} else {
			s.asked, s.known = now, known
		}
	}
	show.counter(backlogBad, float64(s.failed))
	if s.asked.IsZero() {
		return
	}
	show.gauge(backlogAge, now.Sub(s.asked).Seconds())
	b := s.known
	show.gauge(outbox, float64(b.Outbox))
	show.gauge(waiting, float64(b.InLine), "in_line")
	show.gauge(waiting, float64(b.Due), "due")
	show.gauge(waiting, float64(b.Retrying), "retrying")
	show.gauge(waiting, float64(b.Sending), "sending")
	show.gauge(failing, float64(b.Failing))
	show.gauge(items, float64(b.Items))
	all := map[string]int64{"pending": 0, "running": 0, "paused": 0, "completed": 0, "failed": 0}
	maps.Copy(all, b.Jobs)
	for status, n := range all {
		show.gauge(jobs, float64(n), status)
	}
}

func (s *standing) showStore(show shower) {
	load := s.Load()
	show.gauge(writesQueued, float64(load.Queued))
	show.gauge(readersBusy, float64(load.Readers))
	show.counter(readWaits, float64(load.ReadWaits))
	show.counter(readWaited, load.ReadWaited.Seconds())
	for _, name := range s.Databases {
		for part, suffix := range map[string]string{"data": "", "log": "-wal"} {
			if info, err := os.Stat(s.Dir + string(os.PathSeparator) + name + suffix); err == nil {
				show.gauge(fileBytes, float64(info.Size()), name, part)
			}
		}
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.Dir, &disk); err == nil {
		show.gauge(diskFree, float64(disk.Bavail*uint64(disk.Bsize)))
	}
}
