package httpapi

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

const (
	ticketLife        = time.Minute
	mostTenantTickets = 1000 // that wait to be used
)

// tickets stand for keys where a browser can't send one: in the URL of a stream.
// Each opens one, soon after it was made, so that one that is found in a log is worth
// nothing. They are kept in memory, by their hashes, and are safe for concurrent use.
type tickets struct {
	mu    sync.Mutex
	held  map[[sha256.Size]byte]*list.Element
	order *list.List // of ticket, the one that ends first in front
	of    map[engine.TenantID]int
}

// ticket says whose key opens a stream.
type ticket struct {
	hash    [sha256.Size]byte
	who     store.Principal
	expires time.Time
}

func newTickets() *tickets {
	return &tickets{held: make(map[[sha256.Size]byte]*list.Element), order: list.New(), of: make(map[engine.TenantID]int)}
}

// issue makes a ticket for a key. It returns CodeRateLimited if the tenant has too
// many that wait to be used.
func (ts *tickets) issue(p store.Principal, now time.Time) (text string, expires time.Time, err error) {
	text, expires = rand.Text(), now.Add(ticketLife)
	one := ticket{hash: sha256.Sum256([]byte(text)), who: p, expires: expires}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.expire(now)
	if ts.of[p.Tenant] >= mostTenantTickets {
		return "", time.Time{}, &engine.Error{Code: engine.CodeRateLimited, Message: "too many tickets wait to be used", RetryAfter: ticketLife}
	}
	ts.held[one.hash] = ts.order.PushBack(one)
	ts.of[p.Tenant]++
	return text, expires, nil
}

// redeem takes a ticket, which is worth nothing afterwards. It returns CodeUnauthorized.
func (ts *tickets) redeem(text string, now time.Time) (ticket, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.expire(now)
	found, held := ts.held[sha256.Sum256([]byte(text))]
	if !held {
		return ticket{}, engine.Errorf(engine.CodeUnauthorized, "the ticket is not valid: it opens one stream, within a minute")
	}
	return ts.remove(found), nil
}

// expire removes what has ended. The caller holds mu.
func (ts *tickets) expire(now time.Time) {
	for e := ts.order.Front(); e != nil; e = ts.order.Front() {
		if one, _ := e.Value.(ticket); one.expires.After(now) {
			return
		}
		ts.remove(e)
	}
}

func (ts *tickets) remove(e *list.Element) ticket {
	one, _ := ts.order.Remove(e).(ticket)
	delete(ts.held, one.hash)
	if ts.of[one.who.Tenant]--; ts.of[one.who.Tenant] == 0 {
		delete(ts.of, one.who.Tenant)
	}
	return one
}

// ticketResponse is a ticket with a cursor behind everything that is in the log now.
type ticketResponse struct {
	Ticket    string         `json:"ticket"`
	ExpiresAt int64          `json:"expiresAt"` // unix milliseconds
	After     engine.EventID `json:"after"`
}

// issueTicket is POST /api/whatsapp/events/ticket.
func (s *Server) issueTicket(c *fiber.Ctx, p store.Principal) error {
	if err := decodeNothing(c); err != nil {
		return err
	}
	newest, err := s.store.NewestEvent(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	text, expires, err := s.tickets.issue(p, time.Now())
	if err != nil {
		return err
	}
	return ok(c, ticketResponse{Ticket: text, ExpiresAt: expires.UnixMilli(), After: newest})
}

// redeemTicket tells whose key a ticket stands for, and uses it up. It returns
// CodeUnauthorized, also if the key has ended since, CodeStorage, and
// CodeRateLimited for one that is not valid once the caller's address has tried too
// many. A valid one always passes: nobody guesses it, and behind a proxy many share
// the address of somebody who tries.
func (s *Server) redeemTicket(c *fiber.Ctx, text string) (p store.Principal, err error) {
	one, refused := s.tickets.redeem(text, time.Now())
	err = s.rates.attempt(s.clientAddress(c), refused == nil, func() error {
		if refused != nil {
			return refused
		}
		p, err = s.store.RenewPrincipal(c.UserContext(), one.who)
		return err
	})
	return p, err
}
