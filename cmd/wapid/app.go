package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/cmd/wapid/metrics"
	"wapid/engine"
	"wapid/engine/media"
	"wapid/engine/whatsapp"
	"wapid/httpapi"
	"wapid/store"
	"wapid/webhooks"
)

// Directories within the data directory.
const (
	spoolDir = "spool" // files of messages on their way
	bulkDir  = "bulk"  // files of bulk jobs, named by the job
	mediaDir = "media" // files that were uploaded ahead of their messages
)

// appConfig is what an app is made of.
type appConfig struct {
	settings
	Data     string             // directory; locked while the app lives
	Endpoint *whatsapp.Endpoint // nil for the real network
	Log      *zap.Logger
	// Clock tells the time of day; nil means time.Now. Waits are measured on the
	// machine's own, which doesn't jump.
	Clock func() time.Time
	// Tune adjusts the network's timing; tests shorten what a person would wait for.
	Tune func(*whatsapp.Options)
	// Backoff spaces reconnects; the zero value is the daemon's own.
	Backoff engine.Backoff
	// Sandbox reaches the controls of a simulated network; nil on every other.
	Sandbox httpapi.Sandbox
	// Profiles are served beside everything else; nil for none. The app closes them.
	Profiles *profiles
	// Abort ends the process at once; nil means os.Exit(1). It is called when a
	// shutdown lasts too long.
	Abort func()
}

// app is the daemon as a value: open opens everything, Run serves until its
// context ends, close gives back what open took.
type app struct {
	log        *zap.Logger
	listener   net.Listener
	store      *store.Store
	spool      *media.Spool
	library    *media.Spool // uploaded files
	network    *whatsapp.Network
	engine     *engine.Engine
	dispatcher *webhooks.Dispatcher
	bulk       *bulk.Runner
	api        *httpapi.Server
	janitor    *janitor
	examiner   *examiner
	profiles   *profiles // nil for none
	memory     *memory
	front      front
	supervisor *supervisor
	shares     shutdownShares
	deadline   deadline
	shellKey   string // admits commands on this machine, as long as the app lives
	metrics    *metrics.Metrics
	scrapes    *scrapes // nil where metrics have no address of their own
	closers    []func() error

	// NewAPIKey and NewAdminKey are set when this start made them: they are
	// stored as hashes and can't be shown again.
	NewAPIKey, NewAdminKey string
}

// openApp opens the data directory, the databases and the listening socket. On
// an error everything is closed again.
func openApp(ctx context.Context, c appConfig) (*app, error) {
	a := &app{log: c.Log, shellKey: newShellKey(), profiles: c.Profiles}
	if a.profiles != nil {
		a.closers = append(a.closers, a.profiles.close)
	}
	a.plan(c)
	if err := a.open(ctx, c); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) open(ctx context.Context, c appConfig) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	dir, err := dataDir(c.Data)
	if err != nil {
		return err
	}
	unlock, err := lockData(dir)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, unlock)
	if err := checkRestored(dir); err != nil {
		return err
	}
	if err := checkKeys(ctx, dir, keys); err != nil {
		return err
	}
	a.metrics = metrics.New(metrics.Options{Version: version, Simulated: c.Endpoint != nil, Tenants: c.MetricsTenants})
	unsynced := c.Synchronous == "normal"
	if unsynced {
		c.Log.Warn("commits are not synced: a power cut takes back what was acknowledged")
	}
	a.store, err = store.Open(ctx, filepath.Join(dir, store.FileName), store.Options{Clock: c.Clock, Log: c.Log.Named("store"), Keys: keys, Unsynced: unsynced, Watch: a.metrics.Store()})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.store.Close)
	if err := a.store.PruneCloudNumbers(ctx); err != nil {
		return err
	}
	if err := a.openSpool(ctx, dir); err != nil {
		return err
	}
	allowed, err := webhooks.ParsePrefixes(c.EgressAllow)
	if err != nil {
		return fmt.Errorf("--egress-allow: %w", err)
	}
	guard := webhooks.NewGuard(allowed)
	options := whatsapp.Options{DataDir: dir, Keys: keys, Endpoint: c.Endpoint, Log: sampled(c.Log.Named("whatsapp")), ProxyDial: guard.DialContext}
	if c.Tune != nil {
		c.Tune(&options)
	}
	if err := a.openNetwork(ctx, options); err != nil {
		return err
	}
	if err := a.checkDevices(ctx); err != nil {
		return err
	}
	if a.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return fmt.Errorf("API address: %w", err)
	}
	a.closers = append(a.closers, func() error { a.listener.Close(); return nil }) // closed already after Run
	if err := a.wire(c, dir, guard); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { return removeOperator(dir) })
	if err := (operatorAccess{URL: reachableURL(a.scheme(), a.listener.Addr()), Key: a.shellKey}).write(dir); err != nil {
		return err
	}
	// Last, when nothing can fail any more: keys made here are shown only once.
	if _, a.NewAPIKey, err = a.store.EnsureDefaultTenant(ctx, c.APIKey); err != nil {
		return fmt.Errorf("API key: %w", err)
	}
	if a.NewAdminKey, err = a.store.EnsureAdminKey(ctx, c.AdminKey); err != nil {
		return fmt.Errorf("admin key: %w", err)
	}
	return nil
}

// wire introduces the services to each other. dir is the data directory.
func (a *app) wire(c appConfig, dir string, guard *webhooks.Guard) error {
	public := c.PublicURL
	if public != "" {
		var err error
		if public, err = httpapi.ParseBaseURL(public); err != nil {
			return fmt.Errorf("--public-url: %w", err)
		}
	}
	proxies, err := httpapi.ParseProxies(c.TrustedProxies)
	if err != nil {
		return fmt.Errorf("--trusted-proxies: %w", err)
	}
	api, err := tcpAddr(a.listener)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.front.close)
	if err := a.front.open(c, dir, public, api); err != nil {
		return err
	}
	a.supervisor = &supervisor{log: c.Log, alive: a.touch}
	traces, err := a.openTraces(c)
	if err != nil {
		return err
	}
	a.dispatcher = webhooks.New(a.store, guard, c.Log.Named("webhooks"), webhooks.Options{Version: version, Clock: c.Clock, Grace: a.shares.webhooks, Tried: a.metrics.Tried, Trace: traces.deliver,
		Encode: httpapi.NewEventFormats(a.store).Encode})
	official := a.openOfficial(guard, c)
	a.engine = engine.New(engine.Config{
		Network: networks{a.network, official}, Store: a.store, Log: c.Log.Named("engine"),
		Now: c.Clock, Nudge: a.dispatcher.Nudge, Backoff: c.Backoff, CheckRate: c.CheckRate, PrepareRate: c.LookAhead,
		ConnectLimit: c.AtOnce, ConnectRate: c.ConnectRate, Watch: a.metrics.Engine(), Tracer: traces.engine,
	})
	a.bulk = bulk.NewRunner(a.store, a.engine, c.Log.Named("bulk"), bulk.Options{Dir: filepath.Join(dir, bulkDir), Clock: c.Clock, Follow: traces.job, Grace: a.shares.bulk})
	a.memory = newMemory()
	a.examiner = newExaminer(dir, c.Log.Named("examiner"))
	a.janitor = newJanitor(a.engine, a.store, a.bulk, a.library, c.AuditDays, c.Clock, c.Log.Named("janitor"))
	a.api = httpapi.New(httpapi.Options{
		Bulk:   bulk.NewService(traces.jobs, a.bulk, a.network.NewMessageID),
		Engine: a.engine, Store: a.store, Network: a.network.Info(), Version: version, Guard: guard, Log: c.Log.Named("api"),
		TLS: a.front.tls, StrictHosts: a.front.strict, TrustedProxies: proxies,
		PublicURL: public, RateLimit: c.RateLimit, HubRate: c.HubRate, ShellKey: a.shellKey, Erase: a.janitor.Nudge, TryProxy: a.network.TryProxy, Official: official,
		Vitals: vitals(dir, time.Now()), Sandbox: c.Sandbox, SendMail: c.mailer(),
		Spool: a.spool, MaxMedia: int64(c.MaxMedia) << 20, Library: a.library, MaxLibrary: int64(c.MaxLibrary) << 20,
		Ready:    []func(context.Context) error{a.network.Ping, a.store.Readable, checkRoom(dir), a.examiner.Healthy},
		Answered: a.metrics.Answered, Metrics: a.metrics.Handler(), Levels: a.logLevels(c.Log), Trace: traces.request,
	})
	a.showMetrics(dir)
	return a.openMetrics(c.MetricsListen)
}

// URL is where the API listens.
func (a *app) URL() string { return a.scheme() + "://" + a.listener.Addr().String() }

func (a *app) scheme() string {
	if a.front.tls != nil {
		return "https"
	}
	return "http"
}

// Run serves until ctx ends or a service fails. It stops them in order: the
// API takes no more requests, the bulk jobs finish what they are sending, the
// sessions close, the webhooks finish what they are sending.
func (a *app) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopWebhooks := a.launch(cancel, "webhooks", a.dispatcher.Run)
	stopEngine := a.launch(cancel, "engine", a.engine.Run)
	stopBulk := a.launch(cancel, "bulk", a.runBulk)
	stopJanitor := a.launch(cancel, "janitor", a.janitor.Run)
	stopExaminer := a.launch(cancel, "examiner", a.examiner.Run)
	stopActivity := a.launch(cancel, "activity", a.store.RunActivity)
	stopMemory := a.launch(cancel, "memory", a.memory.Run)
	stopAPI := a.launch(cancel, "api", a.serveAPI)
	stopFront := a.launch(cancel, "front", func(ctx context.Context) error { return a.front.Run(ctx, a.answers) })
	stopSupervisor := a.launch(cancel, "supervisor", a.supervise)
	stopProfiles := func() {}
	if a.profiles != nil {
		stopProfiles = a.launch(cancel, "profiles", a.profiles.Run)
	}
	stopScrapes := func() {}
	if a.scrapes != nil {
		stopScrapes = a.launch(cancel, "metrics", a.scrapes.Run)
	}
	<-ctx.Done()
	a.log.Info("stopping", zap.Duration("within", a.deadline.within))
	a.deadline.begin()
	a.supervisor.stopping()
	stopSupervisor()
	stopFront()
	stopScrapes()
	stopProfiles()
	stopAPI()
	stopMemory()
	stopExaminer()
	stopJanitor()
	stopBulk()
	stopEngine()
	stopWebhooks()
	stopActivity()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// launch runs a service with a context of its own. stop ends that context and
// returns when the service has returned; a service that returns early with an
// error ends the whole app.
func (a *app) launch(fail context.CancelCauseFunc, name string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil {
			fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// runBulk works off the bulk jobs once the sessions are known: those of a session
// that is not there would be ended.
func (a *app) runBulk(ctx context.Context) error {
	if !started(ctx, a.engine.Started()) {
		return nil
	}
	return a.bulk.Run(ctx)
}

// started waits for a service. It is false if ctx ends first.
func started(ctx context.Context, service <-chan struct{}) bool {
	select {
	case <-service:
		return true
	case <-ctx.Done():
		return false
	}
}

// answers waits until the API does: once the sessions are known and the bulk jobs of the
// last process are taken up. It is false if ctx ends first.
func (a *app) answers(ctx context.Context) bool {
	return started(ctx, a.engine.Started()) && started(ctx, a.bulk.Started())
}

// serveAPI answers once the sessions are known and the bulk jobs of the last
// process are taken up; until then connections wait to be accepted.
func (a *app) serveAPI(ctx context.Context) error {
	if !a.answers(ctx) {
		return nil
	}
	served := make(chan error, 1)
	go func() { served <- a.api.Serve(a.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), a.shares.api)
	defer cancel()
	if err := a.api.Shutdown(drain); err != nil {
		a.log.Warn("requests were cut off at shutdown", zap.Error(err))
	}
	return <-served
}

// close gives back what openApp took, last first.
func (a *app) close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}
