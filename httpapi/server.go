package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"wapid/bulk"
	"wapid/engine"
	official "wapid/engine/cloudapi"
	"wapid/engine/media"
	"wapid/store"
	"wapid/webhooks"
)

// DefaultMaxBody is the largest request body, in bytes, unless Options say
// otherwise. A text of engine.MaxTextLength whose every byte is escaped fits. Of
// requests that bring a file it is the limit of everything but the file.
const DefaultMaxBody = 1 << 20

// Limits against slow or silent clients. The head of a request must have
// arrived within headTimeout of its first byte or, on a new connection, of the
// connection; so must a short body, while a long one has bodyTimeout from there.
// An answer must be taken within writeTimeout of being ready, so that a send may
// itself last longer.
const (
	headTimeout  = 20 * time.Second
	bodyTimeout  = 60 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 120 * time.Second
	maxHeader    = 8 << 10 // bytes of request line and headers
	// graceAfterCancel is how long Shutdown waits for handlers whose context it
	// has just ended.
	graceAfterCancel = 5 * time.Second
)

// Server answers the REST API. Its owner calls Serve once and Shutdown once.
type Server struct {
	engine  *engine.Engine
	store   *store.Store
	network engine.NetworkInfo
	version string
	guard   *webhooks.Guard // may be nil
	log     *zap.Logger
	app     *fiber.App
	codes   *pictures
	gate    *gate
	most    int // connections
	ready   []func(context.Context) error
	vitals  func() Vitals
	told    func(Answered) // nil for nobody
	metrics http.Handler   // may be nil
	levels  LogLevels      // may be nil
	trace   func(context.Context, string) (context.Context, func(Answered))
	streams *streams
	tickets *tickets
	tls     *tls.Config    // nil for none
	strict  []string       // hosts to be reached by TLS only
	proxies []netip.Prefix // that are trusted
	public  string         // base of links, without a slash at its end; may be empty

	rates    *rates
	hubRate  *hourly
	visitors *attempts // who look at published conversations
	// recipients are the addresses of numbers as callers wrote them.
	recipients *lru.Cache[string, engine.JID]
	shellKey   []byte // its hash; nil for none
	erase      func()
	tryProxy   func(ctx context.Context, proxy string) error

	spool                      *media.Spool
	library                    *media.Spool
	maxLibrary                 int64 // bytes; 0 for no limit
	mediaKey                   mediaKey
	maxBody                    int   // bytes
	maxMedia                   int64 // bytes
	fetcher                    *http.Client
	challenger                 *http.Client // asks callbacks whether they know their token
	files                      *shares      // requests that bring or take a file
	uploadPaths, downloadPaths []string
	openPaths                  map[string]int64    // of routes that anybody may send much to: how much
	official                   *official.Network   // may be nil
	largeWebhooks              *semaphore.Weighted // of Meta's that are being read

	bulk          *bulk.Service
	jobs          *shares // large bulk jobs that are being taken
	bulkPatience  time.Duration
	searches      *shares // in the texts of the message log
	countPatience time.Duration
	again         *shares // redeliveries under way
	againPatience time.Duration
	docs          *pageFiles
	dashboard     *pageFiles
	sandbox       Sandbox // nil on the real network
	typists       *typists
	signUp        *signUp // nil unless people may

	// base is the context of every handler; it ends when a shutdown runs out of
	// patience. A client that hangs up does not end it: fasthttp can't tell.
	base   context.Context
	cancel context.CancelFunc

	mu       sync.Mutex // guards what follows
	stopping bool
	listener net.Listener
	handlers int           // requests under way
	drained  chan struct{} // closed once stopping and without handlers
}

// New builds a server that does not listen yet.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxMedia <= 0 {
		o.MaxMedia = media.DefaultMax
	}
	if o.MaxConns <= 0 {
		o.MaxConns = defaultMaxConns()
	}
	s := &Server{
		engine:  o.Engine,
		store:   o.Store,
		network: o.Network,
		version: o.Version,
		guard:   o.Guard,
		log:     o.Log,
		gate:    newGate(),
		codes:   newPictures(maxPictures, engine.QRImage),
		most:    o.MaxConns,
		ready:   o.Ready,
		told:    o.Answered,
		metrics: o.Metrics,
		levels:  o.Levels,
		trace:   o.Trace,
		streams: newStreams(),
		tickets: newTickets(),
		tls:     o.TLS,
		strict:  o.StrictHosts,
		proxies: o.TrustedProxies,
		public:  strings.TrimRight(o.PublicURL, "/"),
		drained: make(chan struct{}),
	}
	s.official, s.largeWebhooks = o.Official, semaphore.NewWeighted(mostWebhooks)
	s.openPaths = make(map[string]int64)
	s.spool, s.maxBody, s.maxMedia = o.Spool, o.MaxBody, o.MaxMedia
	s.library, s.maxLibrary, s.mediaKey = o.Library, o.MaxLibrary, newMediaKey()
	s.challenger = newChallenger(o.Guard)
	s.fetcher, s.files = newFetcher(o.Guard), newShares(mostFiles, mostTenantFiles)
	s.rates, s.hubRate, s.visitors = newRates(o.RateLimit), newHourly(o.HubRate), newAttempts(visitorPaces())
	s.recipients = newLRU[string, engine.JID](recipientsRemembered)
	s.bulk, s.docs, s.dashboard = o.Bulk, newDocsPage(), newDashboardPage()
	s.jobs, s.bulkPatience = newShares(mostBulk, mostTenantBulk), bulkPatience
	s.searches, s.countPatience = newShares(mostSearches, mostTenantSearches), countPatience
	s.again, s.againPatience = newShares(mostRedeliveries, mostTenantRedeliveries), redeliverTime
	if o.ShellKey != "" {
		sum := sha256.Sum256([]byte(o.ShellKey))
		s.shellKey = sum[:]
	}
	if s.vitals = o.Vitals; s.vitals == nil {
		begun := time.Now()
		s.vitals = func() Vitals { return Vitals{StartedAt: begun} }
	}
	s.tryProxy = o.TryProxy
	s.signUp = newSignUp(s, o.SendMail)
	s.sandbox = o.Sandbox
	if s.erase = o.Erase; s.erase == nil {
		s.erase = func() {}
	}
	s.typists = newTypists(func(key engine.SessionKey) (engine.Presence, error) {
		return engine.Use[engine.Presence](o.Engine, key)
	})
	s.base, s.cancel = context.WithCancel(context.Background())
	s.app = fiber.New(fiber.Config{
		AppName:               "wapid",
		DisableStartupMessage: true,
		// Without it Fiber hands out strings that the next request overwrites.
		Immutable:     true,
		CaseSensitive: true,
		BodyLimit:     o.MaxBody,
		// How much of a body is read, and by whom, is told in body.go.
		StreamRequestBody: true,
		ReadTimeout:       headTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		// fasthttp refuses a head that does not fit into its read buffer.
		ReadBufferSize:               maxHeader,
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 s.failEarly,
	})
	s.app.Use(s.around)
	s.register()
	s.harden(s.app.Server())
	return s
}

// harden mends what Fiber's configuration can't reach: answers given during a
// shutdown close their connection, strangers can't send large bodies, and doubts
// about where a request ends, and a method that HTTP does not know, are answered
// like every other error.
func (s *Server) harden(server *fasthttp.Server) {
	server.CloseOnShutdown = true
	server.ConnState = connState
	encrypt(server)
	server.HeaderReceived = s.headerReceived
	next := server.Handler
	server.Handler = func(rc *fasthttp.RequestCtx) {
		declared, err := checkFraming(&rc.Request.Header)
		if err == nil {
			err = s.receive(rc, declared)
		}
		switch {
		case err != nil:
			rc.SetConnectionClose()
			lingerOn(rc.Conn())
		case knownMethod(string(rc.Method())):
			next(rc)
			finishBody(rc, declared)
			return
		default:
			err = engine.Errorf(CodeMethodNotAllowed, "this HTTP method is not known")
		}
		c := s.app.AcquireCtx(rc)
		defer s.app.ReleaseCtx(c)
		_ = s.fail(c, err)
		s.answered(c, RouteNone, time.Now())
	}
}

// knownMethod tells whether Fiber can route a method.
func knownMethod(method string) bool { return slices.Contains(fiber.DefaultMethods, method) }

// Serve answers requests on ln, which it owns from here on, until Shutdown. It
// returns nil after a Shutdown, also after one that came first.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return ln.Close()
	}
	ln = newIntake(ln, s.most, s.log)
	s.listener = ln
	if s.tls != nil {
		ln = encrypted{ln, s.tls}
	}
	s.mu.Unlock()
	err := s.app.Listener(ln)
	if s.isStopping() && errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Shutdown stops taking connections, answers new requests on open ones with
// 503, and waits for the requests under way. When ctx ends first it ends their
// contexts, waits a few seconds more, and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.fetcher.CloseIdleConnections()
	defer s.challenger.CloseIdleConnections()
	defer s.cancel()
	ln := s.refuse()
	s.streams.close()
	defer s.signUp.close()
	defer s.typists.close()
	err := s.app.ShutdownWithContext(ctx)
	if ln != nil {
		// Serve may not have reached Accept yet, and would never learn of the
		// shutdown. Closing twice is harmless.
		_ = ln.Close()
	}
	if err != nil {
		s.cancel()
	}
	patience := time.NewTimer(graceAfterCancel)
	defer patience.Stop()
	select {
	case <-s.drained:
		s.streams.wait()
		return err
	case <-patience.C:
		return errors.Join(err, errors.New("requests are still under way"))
	}
}

// refuse turns new requests away from here on. It returns the listener, nil if
// Serve was not called.
func (s *Server) refuse() net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping && s.handlers == 0 {
		close(s.drained)
	}
	s.stopping = true
	return s.listener
}

// enter counts a request in, unless the server is stopping.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.handlers++
	return true
}

// leave counts a request out.
func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers--
	if s.stopping && s.handlers == 0 {
		close(s.drained)
	}
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
