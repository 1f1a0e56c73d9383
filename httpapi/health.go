package httpapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// readyTimeout is how long /readyz waits for all that it asks.
const readyTimeout = 3 * time.Second

type healthResponse struct {
	Status  string `json:"status"`
	Version string `json:"version"`
	// Network is "whatsapp", or "simulated" where nothing leaves this machine.
	Network  string                `json:"network"`
	Sessions map[engine.Status]int `json:"sessions"`
}

type readyResponse struct {
	Status string `json:"status"`
}

// healthz says that the process answers, and what it looks after. It tells
// nothing of any tenant.
func (s *Server) healthz(c *fiber.Ctx) error {
	return ok(c, healthResponse{Status: "ok", Version: s.version, Network: s.networkName(), Sessions: s.engine.Counts()})
}

func (s *Server) networkName() string {
	if s.network.Simulated {
		return "simulated"
	}
	return "whatsapp"
}

// readyz says whether the daemon can do its work. While it can't, it answers
// 503 with the reasons.
func (s *Server) readyz(c *fiber.Ctx) error {
	reasons := s.unready(c.UserContext())
	if len(reasons) > 0 {
		return answer(c, statusOf(CodeNotReady), failure{
			Error: "the daemon is not ready", Code: CodeNotReady, Reasons: reasons, RequestID: requestID(c),
		})
	}
	return ok(c, readyResponse{Status: "ok"})
}

// unready asks everything at once that the daemon needs for its work, and says
// in the caller's words what it lacks.
func (s *Server) unready(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	checks := append([]func(context.Context) error{s.pingStore, s.checkLoaded}, s.ready...)
	failures := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { failures[i] = check(ctx) })
	}
	wg.Wait()
	var reasons []string
	for _, err := range failures {
		if err == nil {
			continue
		}
		reason := "a part of the daemon is not usable" // other errors may tell secrets
		if e, ok := errors.AsType[*engine.Error](err); ok {
			reason = e.Message
		}
		reasons = append(reasons, reason)
	}
	return reasons
}

func (s *Server) pingStore(ctx context.Context) error {
	err := s.store.Ping(ctx)
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return engine.WrapError(engine.CodeStorage, err, "the database is not usable: "+e.Message)
	}
	return err
}

func (s *Server) checkLoaded(context.Context) error {
	if !s.engine.Loaded() {
		return engine.Errorf(engine.CodeStopping, "the sessions are not loaded")
	}
	return nil
}
