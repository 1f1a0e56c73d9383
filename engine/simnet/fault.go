package simnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// FaultKind names a disturbance.
type FaultKind string

// The first group disturbs until it is cleared or used up, the second acts once
// on the connections that are open when it is set.
const (
	FaultLatency         FaultKind = "latency"           // every stanza to the client comes Delay ± Jitter late
	FaultDropBeforeRelay FaultKind = "drop_before_relay" // a client's message is lost with its connection
	FaultDropBeforeAck   FaultKind = "drop_before_ack"   // the message goes on, the connection ends without its ack
	FaultDropAfterAck    FaultKind = "drop_after_ack"    // the connection ends right after the ack
	FaultRefuse          FaultKind = "refuse"            // HTTP 503 for "*", else logins fail with 503
	FaultTempBan         FaultKind = "temp_ban"          // logins fail with 402, Code (default 101) and Expire
	FaultOutdated        FaultKind = "client_outdated"   // logins fail with 405
	FaultLoginFailure    FaultKind = "login_failure"     // logins fail with Code
	FaultTimelock        FaultKind = "timelock"          // first contacts are refused with 463 until Expire
	FaultAckError        FaultKind = "ack_error"         // messages are refused with Code
	FaultMediaGone       FaultKind = "media_gone"        // downloads fail with Code (403, 404 or 410); for "*" only
	FaultUploadRefused   FaultKind = "upload_refused"    // uploads fail with Code; for "*" only
	FaultPasskey         FaultKind = "passkey"           // linking needs the account's passkey
	FaultDeaf            FaultKind = "deaf"              // nothing that a client sends is heard
	FaultSlowPreKeys     FaultKind = "slow_prekeys"      // prekey bundles come Delay late
	FaultNoPreKeys       FaultKind = "no_prekeys"        // the number's devices have no prekey bundle

	FaultClose    FaultKind = "close"    // cuts the connections
	FaultRestart  FaultKind = "restart"  // stream:error 515
	FaultReplaced FaultKind = "replaced" // stream:error conflict replaced
	FaultLogout   FaultKind = "logout"   // unlinks the number's devices (401 device_removed)
)

// Everyone stands for all numbers, Unlinked for the sockets of companions that
// want to be linked (FaultClose, FaultDeaf, FaultLatency and FaultOutdated only).
const (
	Everyone = "*"
	Unlinked = "unlinked"
)

// Fault is one disturbance.
type Fault struct {
	ID     string        `json:"id"`             // given by Set
	Kind   FaultKind     `json:"kind"`           //
	Number string        `json:"number"`         // of the account, its first digits and "*", or Everyone, or Unlinked
	Times  int           `json:"times"`          // how often it acts; 0 until cleared
	Code   int           `json:"code,omitempty"` //
	Delay  time.Duration `json:"delay,omitempty"`
	Jitter time.Duration `json:"jitter,omitempty"`
	Expire time.Duration `json:"expire,omitempty"` // of bans and timelocks, from the moment of Set

	ends time.Time
}

// Faults are the disturbances of a network. Its methods may be called from any
// goroutine and act at once.
type Faults struct {
	server *Server
	mu     sync.Mutex
	list   []*Fault
	count  int
	any    atomic.Bool // false lets the common case skip the lock
}

var errBadFault = errors.New("not a fault")

func newFaults(s *Server) *Faults { return &Faults{server: s} }

// Set adds a disturbance and returns its id. It fails on an unknown kind and
// when a kind lacks what it needs.
func (f *Faults) Set(fault Fault) (string, error) {
	if fault.Number == "" {
		fault.Number = Everyone
	}
	if err := fault.check(); err != nil {
		return "", err
	}
	fault.ends = f.server.clock().Add(fault.Expire)
	f.mu.Lock()
	f.count++
	fault.ID = "fault-" + strconv.Itoa(f.count)
	if !fault.momentary() {
		kept := fault // counts down under the lock
		f.list = append(f.list, &kept)
		f.any.Store(true)
	}
	f.mu.Unlock()
	f.strike(fault)
	return fault.ID, nil
}

func (fault Fault) check() error {
	switch fault.Kind {
	case FaultLatency, FaultSlowPreKeys:
		if fault.Delay <= 0 && fault.Jitter <= 0 {
			return fmt.Errorf("%w: %s needs a delay", errBadFault, fault.Kind)
		}
	case FaultAckError, FaultLoginFailure, FaultUploadRefused:
		if fault.Code <= 0 {
			return fmt.Errorf("%w: %s needs a code", errBadFault, fault.Kind)
		}
	case FaultMediaGone:
		if fault.Code != 403 && fault.Code != 404 && fault.Code != 410 {
			return fmt.Errorf("%w: %s needs the code 403, 404 or 410", errBadFault, fault.Kind)
		}
	case FaultTempBan, FaultTimelock:
		if fault.Expire <= 0 {
			return fmt.Errorf("%w: %s needs an expiry", errBadFault, fault.Kind)
		}
	case FaultDropBeforeRelay, FaultDropBeforeAck, FaultDropAfterAck, FaultRefuse, FaultOutdated, FaultPasskey,
		FaultDeaf, FaultNoPreKeys, FaultClose, FaultRestart, FaultReplaced, FaultLogout:
	default:
		return fmt.Errorf("%w: unknown kind %q", errBadFault, fault.Kind)
	}
	if fault.Times < 0 || fault.Delay < 0 || fault.Jitter < 0 {
		return fmt.Errorf("%w: negative number", errBadFault)
	}
	if fault.Number != Unlinked && !numberPattern(fault.Number) {
		return fmt.Errorf("%w: %w", errBadFault, errNotANumber)
	}
	return nil
}

func (fault Fault) momentary() bool {
	return slices.Contains([]FaultKind{FaultClose, FaultRestart, FaultReplaced, FaultLogout}, fault.Kind)
}

// strike does what a fault does to the connections of the moment.
func (f *Faults) strike(fault Fault) {
	s := f.server
	switch fault.Kind {
	case FaultClose, FaultTempBan, FaultOutdated, FaultLoginFailure:
		f.eachStream(fault, func(st *stream) { st.abort() })
	case FaultRestart:
		f.eachStream(fault, func(st *stream) { st.finish(streamRestart()) })
	case FaultReplaced:
		f.eachStream(fault, func(st *stream) { st.finish(streamConflict("replaced")) })
	case FaultLogout:
		f.eachAccount(fault, func(acct *account) {
			for _, dev := range acct.linked() {
				s.unlink(acct, dev.id)
			}
		})
	case FaultTimelock:
		f.eachAccount(fault, func(acct *account) { s.announceTimelock(acct, true, fault.ends) })
	}
}

func (f *Faults) eachStream(fault Fault, do func(*stream)) {
	f.server.eachStream(func(st *stream, dev *device) {
		if fault.concerns(numberBehind(dev)) {
			do(st)
		}
	})
}

func (f *Faults) eachAccount(fault Fault, do func(*account)) {
	f.server.directory.each(func(acct *account) {
		if fault.concerns(acct.number) {
			do(acct)
		}
	})
}

// concerns says whether a fault is about a number; "" stands for a socket that
// is not linked.
func (fault Fault) concerns(number string) bool {
	return fault.Number == Unlinked && number == "" || concerns(fault.Number, number)
}

// numberPattern says whether a text stands for accounts: a number, the first
// digits of some and a star, or Everyone.
func numberPattern(text string) bool {
	digits, open := strings.CutSuffix(text, "*")
	return isNumber(text) || open && strings.Trim(digits, "0123456789") == ""
}

// concerns says whether a pattern stands for a number among others.
func concerns(pattern, number string) bool {
	if first, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(number, first)
	}
	return pattern == number
}

// numberBehind is "" for no device.
func numberBehind(dev *device) string {
	if dev == nil {
		return ""
	}
	return dev.account.number
}

// Clear ends disturbances; without ids all of them. Ids that are no longer
// there are ignored.
func (f *Faults) Clear(ids ...string) {
	f.mu.Lock()
	var ended []*Fault
	f.list = slices.DeleteFunc(f.list, func(fault *Fault) bool {
		gone := len(ids) == 0 || slices.Contains(ids, fault.ID)
		if gone {
			ended = append(ended, fault)
		}
		return gone
	})
	f.any.Store(len(f.list) > 0)
	f.mu.Unlock()
	for _, fault := range ended {
		if fault.Kind == FaultTimelock {
			f.eachAccount(*fault, func(acct *account) { f.server.announceTimelock(acct, false, time.Time{}) })
		}
	}
}

// List returns the disturbances that are in force.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Fault, len(f.list))
	for i, fault := range f.list {
		list[i] = *fault
	}
	return list
}

// pick finds a fault of a kind for a number and uses it up once.
func (f *Faults) pick(kind FaultKind, number string) (Fault, bool) {
	if !f.any.Load() {
		return Fault{}, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.list {
		if fault.Kind != kind || !fault.concerns(number) {
			continue
		}
		if fault.Expire > 0 && f.server.clock().After(fault.ends) {
			continue
		}
		if fault.Times == 1 {
			f.list = slices.Delete(f.list, i, i+1)
			f.any.Store(len(f.list) > 0)
		} else if fault.Times > 1 {
			fault.Times--
		}
		return *fault, true
	}
	return Fault{}, false
}

func (f *Faults) take(kind FaultKind, number string) bool {
	_, ok := f.pick(kind, number)
	return ok
}

func (f *Faults) now() time.Time { return time.Now() }

// refusing says whether no connection is let in at all.
func (f *Faults) refusing() bool {
	_, ok := f.pick(FaultRefuse, "\x00nobody")
	return ok
}

func (f *Faults) refusingLogin(number string) bool { return f.take(FaultRefuse, number) }

// loginFailure is the answer to a login that must fail, nil for none.
func (f *Faults) loginFailure(number string) *waBinary.Node {
	if fault, ok := f.pick(FaultTempBan, number); ok {
		code := fault.Code
		if code == 0 {
			code = 101 // Sent too many messages to people who hadn't saved the number.
		}
		return banFailure(code, fault.ends.Sub(f.server.clock()))
	}
	if f.take(FaultOutdated, number) {
		return connectFailure(failureOutdated)
	}
	if fault, ok := f.pick(FaultLoginFailure, number); ok {
		return connectFailure(fault.Code)
	}
	return nil
}

// due is when a stanza may be written, zero for at once.
func (f *Faults) due(st *stream) time.Time {
	fault, ok := f.pick(FaultLatency, numberBehind(st.device))
	if !ok {
		return time.Time{}
	}
	wait := fault.Delay
	if fault.Jitter > 0 {
		wait += rand.N(2*fault.Jitter) - fault.Jitter
	}
	return f.now().Add(wait)
}

func (f *Faults) deaf(st *stream) bool { return f.take(FaultDeaf, numberBehind(st.device)) }

func (f *Faults) ackError(number string) int {
	fault, _ := f.pick(FaultAckError, number)
	return fault.Code
}

func (f *Faults) slowPreKeys(number string) time.Duration {
	fault, _ := f.pick(FaultSlowPreKeys, number)
	return fault.Delay
}

func (f *Faults) emptyBundle(number string) bool { return f.take(FaultNoPreKeys, number) }

func (f *Faults) mediaGone() int {
	fault, _ := f.pick(FaultMediaGone, "\x00nobody")
	return fault.Code
}

func (f *Faults) uploadRefused() int {
	fault, _ := f.pick(FaultUploadRefused, "\x00nobody")
	return fault.Code
}

// timelock tells whether an account is restricted and until when, without using
// the restriction up.
func (f *Faults) timelock(acct *account) (active bool, ends time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.list {
		expired := fault.Expire > 0 && f.server.clock().After(fault.ends)
		if fault.Kind == FaultTimelock && fault.concerns(acct.number) && !expired {
			return true, fault.ends
		}
	}
	return false, time.Time{}
}

// timelocked says whether an account is restricted, and tells its devices when
// they may write again.
func (f *Faults) timelocked(acct *account) bool {
	fault, ok := f.pick(FaultTimelock, acct.number)
	if ok {
		f.server.announceTimelock(acct, true, fault.ends)
	}
	return ok
}
