package simnet

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Config says where a network listens and where it keeps its memory.
type Config struct {
	// Listen is the TLS address of the websocket and of the media host. Empty
	// means a free port on 127.0.0.1.
	Listen string
	// Control is the plain HTTP address of the controls. Empty means a free port
	// on 127.0.0.1, "off" means none. Only loopback addresses are accepted,
	// because whoever reaches it can act for every phone.
	Control string
	// State is the file that keeps the network's memory across restarts. Empty
	// means that everything is forgotten when Run returns.
	State string
	// Log receives what happens; nil discards it. Numbers and message bodies
	// appear at debug level only.
	Log *zap.Logger
	// Clock gives the network's time; nil means time.Now.
	Clock func() time.Time
}

// Description is what a client needs in order to reach and trust a network.
type Description struct {
	Address      string `json:"address"`      // host:port of the TLS listener
	CA           string `json:"ca"`           // PEM of the authority to trust
	NoiseRootKey string `json:"noiseRootKey"` // hex of the 32-byte Noise root key
	Control      string `json:"control"`      // URL of the controls, empty when off
}

// Server is one simulated network. Make it with New and serve with Run; all
// other methods may be called from any goroutine, before and during Run.
type Server struct {
	cfg   Config
	log   *zap.Logger
	clock func() time.Time

	listener net.Listener
	control  net.Listener
	tls      *tls.Config
	ca       *authority
	noise    *noiseIdentity

	directory *directory
	pairings  *pairings
	groups    *groups
	faults    *Faults
	ledger    *ledgerBook
	media     *mediaHost
	channels  channels
	saver     *saver

	tasks tasks

	mu        sync.Mutex
	streams   map[*stream]*device // all connections, with the device of those that have logged in
	unhandled []string
	logged    atomic.Int64 // logged-in sockets
	serial    atomic.Uint64
	watches   atomic.Pointer[[]*Watch] // nil for none
}

// New binds the listeners and reads the state file. It fails when an address
// is in use, when Control isn't a loopback address, and when the state can't be
// read or was written by a newer version.
func New(cfg Config) (*Server, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Control == "" {
		cfg.Control = "127.0.0.1:0"
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, clock: cfg.Clock,
		directory: newDirectory(),
		pairings:  newPairings(),
		groups:    newGroups(),
		ledger:    newLedgerBook(),
		streams:   make(map[*stream]*device),
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.faults = newFaults(s)
	s.media = newMediaHost(s)
	s.saver = newSaver(s, cfg.State)
	if err := s.saver.load(); err != nil {
		return nil, err
	}
	if err := s.prepareIdentity(); err != nil {
		return nil, err
	}
	if err := s.bind(); err != nil {
		return nil, err
	}
	return s, nil
}

// prepareIdentity makes the certificates and Noise keys that the state file
// did not hold.
func (s *Server) prepareIdentity() (err error) {
	if s.ca == nil {
		if s.ca, err = newAuthority(s.clock()); err != nil {
			return err
		}
	}
	if s.noise == nil {
		if s.noise, err = newNoiseIdentity(s.clock()); err != nil {
			return err
		}
	}
	s.tls, err = s.ca.tlsConfig()
	return err
}

func (s *Server) bind() (err error) {
	if s.listener, err = net.Listen("tcp", s.cfg.Listen); err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	if s.cfg.Control == "off" {
		return nil
	}
	if s.control, err = listenLoopback(s.cfg.Control); err != nil {
		_ = s.listener.Close()
		return err
	}
	return nil
}

// listenLoopback refuses to offer the controls to other machines.
func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("control address: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("control address %q is not a loopback address", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for control: %w", err)
	}
	return listener, nil
}

// Run serves until ctx ends. It returns when every goroutine has stopped and
// the state is saved; the error is nil after an ordinary stop. A Server runs
// once.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	clients := s.httpServer(s.clientHandler())
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- clients.Serve(tls.NewListener(s.listener, s.tls)) })
	servers := []*http.Server{clients}
	if s.control != nil {
		control := s.httpServer(s.controlHandler())
		serving.Go(func() { failed <- control.Serve(s.control) })
		servers = append(servers, control)
	}
	serving.Go(func() { s.saver.run(ctx) })
	s.directory.each(func(acct *account) {
		if phone := acct.existingPhone(); phone != nil {
			phone.wake() // What the state file left in its mailbox.
		}
	})

	var failure error
	select {
	case <-ctx.Done():
	case err := <-failed:
		if !errors.Is(err, http.ErrServerClosed) {
			failure = fmt.Errorf("serve: %w", err)
		}
	}
	cancel()
	for _, server := range servers {
		_ = server.Close() // Only listeners and idle connections; nothing to lose.
	}
	s.tasks.close()
	s.eachStream(func(st *stream, _ *device) { st.abort() })
	s.tasks.wait()
	serving.Wait()
	return errors.Join(failure, s.saver.save(), s.media.close())
}

func (s *Server) httpServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 20 * time.Second,
		ErrorLog:          zap.NewStdLog(s.log.Named("http")),
	}
}

// Describe returns the addresses and keys that clients need.
func (s *Server) Describe() Description {
	d := Description{
		Address:      s.listener.Addr().String(),
		CA:           string(s.ca.RootPEM),
		NoiseRootKey: hex.EncodeToString(s.noise.Root[:]),
	}
	if s.control != nil {
		d.Control = "http://" + s.control.Addr().String()
	}
	return d
}

// SetAbsent says which numbers are not on WhatsApp, replacing the earlier set.
// An absent number can be reached neither by number nor by LID, and its linked
// devices can't log in; what it had comes back when it is no longer absent.
func (s *Server) SetAbsent(numbers ...string) { s.directory.setAbsent(numbers) }

// CheckNumbers returns an error that names the first of the numbers which is none:
// a number is 7 to 15 digits of which the first isn't 0. SetAbsent takes such
// texts, but nobody will ever ask for them.
func CheckNumbers(numbers ...string) error {
	for _, number := range numbers {
		if !isNumber(number) {
			return fmt.Errorf("%q: %w", number, errNotANumber)
		}
	}
	return nil
}

// Unhandled lists the stanzas that the server did not understand or had to
// reject as malformed, one entry for each, without their contents. A test that
// trusts the simulation asserts that it is empty.
func (s *Server) Unhandled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.unhandled...)
}

// Faults disturbs the network.
func (s *Server) Faults() *Faults { return s.faults }

// Connections counts the sockets that are logged in.
func (s *Server) Connections() int { return int(s.logged.Load()) }

// maxUnhandled bounds the memory that a misbehaving client can fill.
const maxUnhandled = 1000

func (s *Server) noteUnhandled(what string) {
	s.log.Warn("stanza not handled", zap.String("stanza", what))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unhandled) < maxUnhandled {
		s.unhandled = append(s.unhandled, what)
	}
}

// nextID makes a stanza id that this network has not used before.
func (s *Server) nextID(prefix string) string {
	return fmt.Sprintf("%s-%d-%d", prefix, s.clock().Unix(), s.serial.Add(1))
}

func (s *Server) addStream(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[st] = nil
}

// loggedIn notes whose connection a stream has turned out to be, for those who ask
// from other goroutines than its own.
func (s *Server) loggedIn(st *stream, dev *device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[st] = dev
}

func (s *Server) removeStream(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, st)
}

// eachStream goes through the connections of this moment; the device is nil where
// nobody has logged in.
func (s *Server) eachStream(do func(*stream, *device)) {
	s.mu.Lock()
	all := maps.Clone(s.streams)
	s.mu.Unlock()
	for st, dev := range all {
		do(st, dev)
	}
}

// tasks counts the goroutines that the server owns, and refuses new ones once
// it is closed, so that waiting for them ends.
type tasks struct {
	mu     sync.Mutex
	closed bool
	group  sync.WaitGroup
}

// begin takes a place; the caller must call done when it reports true.
func (t *tasks) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.group.Add(1)
	return true
}

func (t *tasks) done() { t.group.Done() }

// spawn runs f in a goroutine of the server's; false means that it stops.
func (t *tasks) spawn(f func()) bool {
	if !t.begin() {
		return false
	}
	go func() {
		defer t.done()
		f()
	}()
	return true
}

func (t *tasks) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// stopping says whether close was called.
func (t *tasks) stopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

func (t *tasks) wait() { t.group.Wait() }
