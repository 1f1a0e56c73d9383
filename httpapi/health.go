package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// pingTimeout is how long /readyz waits for the database.
const pingTimeout = 2 * time.Second

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
	network := "whatsapp"
	if s.network.Simulated {
		network = "simulated"
	}
	return ok(c, healthResponse{Status: "ok", Version: s.version, Network: network, Sessions: s.engine.Counts()})
}

// readyz says whether the daemon can do its work. While it can't, it answers
// 503 with the reasons.
func (s *Server) readyz(c *fiber.Ctx) error {
	var reasons []string
	ctx, cancel := context.WithTimeout(c.UserContext(), pingTimeout)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		reasons = append(reasons, "the database is not usable")
	}
	if !s.engine.Loaded() {
		reasons = append(reasons, "the sessions are not loaded")
	}
	if len(reasons) > 0 {
		return answer(c, statusOf(CodeNotReady), failure{Error: "the daemon is not ready", Code: CodeNotReady, Reasons: reasons})
	}
	return ok(c, readyResponse{Status: "ok"})
}
