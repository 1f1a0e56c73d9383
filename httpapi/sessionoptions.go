package httpapi

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// optionsRequest are a session's options in a request. What is absent stays as
// it is; null, and "" for a text, clears.
type optionsRequest struct{ Proxy, Typing, DelayMin, DelayMax, Interactive clearable }

type patchSessionRequest struct {
	Name     clearable `json:"name"`
	Proxy    clearable `json:"proxy"`
	Typing   clearable `json:"typing"`
	DelayMin clearable `json:"delayMin"` // milliseconds
	DelayMax clearable `json:"delayMax"` // milliseconds
	// Interactive is how choices are shown.
	Interactive clearable `json:"interactive"`
}

// clearable is a value of a request that can be told from one that is absent
// even if it is null. Its type is looked at when it is read.
type clearable struct {
	given bool
	raw   []byte
}

// UnmarshalJSON implements json.Unmarshaler. It is called for null too.
func (v *clearable) UnmarshalJSON(raw []byte) error {
	v.given, v.raw = true, bytes.Clone(raw)
	return nil
}

// readClearable decodes a value into its zero value, which null leaves; nil stands for one
// that is absent. It returns CodeInvalid, saying what the value must be.
func readClearable[T any](v clearable, name, kind string) (*T, error) {
	if !v.given {
		return nil, nil
	}
	value := new(T)
	if err := json.Unmarshal(v.raw, value); err != nil {
		return nil, engine.Errorf(engine.CodeInvalid, "%q must be %s", name, kind)
	}
	return value, nil
}

// changeOf checks options. It returns CodeInvalid, and CodeEgressRefused for a
// proxy whose address is refused; one that is a name is judged when it is dialled.
func (s *Server) changeOf(req optionsRequest) (change engine.SessionChange, err error) {
	if change.Proxy, err = readClearable[string](req.Proxy, "proxy", "a string"); err != nil {
		return change, err
	}
	if proxy := change.Proxy; proxy != nil && *proxy != "" {
		if err := s.checkProxy(*proxy); err != nil {
			return change, err
		}
	}
	if change.Typing, err = readClearable[bool](req.Typing, "typing", "a boolean"); err != nil {
		return change, err
	}
	if change.DelayMin, err = readDelay(req.DelayMin, "delayMin"); err != nil {
		return change, err
	}
	if change.DelayMax, err = readDelay(req.DelayMax, "delayMax"); err != nil {
		return change, err
	}
	change.Interactive, err = readClearable[engine.Interactive](req.Interactive, "interactive", "text, poll or native")
	return change, err
}

// readDelay reads a pause in milliseconds.
func readDelay(v clearable, name string) (*time.Duration, error) {
	ms, err := readClearable[int64](v, name, "a whole number of milliseconds")
	if err != nil || ms == nil {
		return nil, err
	}
	if most := engine.MaxDelay.Milliseconds(); *ms < 0 || *ms > most {
		return nil, engine.Errorf(engine.CodeInvalid, "%s must be a number of milliseconds from 0 to %d", name, most)
	}
	delay := time.Duration(*ms) * time.Millisecond
	return &delay, nil
}

// sessionOptions are a session's options in an answer.
type sessionOptions struct {
	Proxy    string `json:"proxy,omitempty"` // without its password
	Typing   bool   `json:"typing"`
	DelayMin int64  `json:"delayMin"` // milliseconds
	DelayMax int64  `json:"delayMax"` // milliseconds
	// Interactive is absent for text.
	Interactive engine.Interactive `json:"interactive,omitempty"`
}

// shownOptions is nil for a session without options.
func shownOptions(o engine.SessionOptions) *sessionOptions {
	if o == (engine.SessionOptions{}) {
		return nil
	}
	return &sessionOptions{
		Proxy: engine.RedactProxy(o.Proxy), Typing: o.Typing,
		DelayMin: o.DelayMin.Milliseconds(), DelayMax: o.DelayMax.Milliseconds(),
		Interactive: o.Interactive,
	}
}

// patchSession is PATCH /api/whatsapp/session/{id}. It answers with the session's
// status.
func (s *Server) patchSession(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req patchSessionRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	change, err := s.changeOf(optionsRequest{Proxy: req.Proxy, Typing: req.Typing, DelayMin: req.DelayMin, DelayMax: req.DelayMax,
		Interactive: req.Interactive})
	if err != nil {
		return err
	}
	name, err := readClearable[string](req.Name, "name", "a string")
	if err != nil {
		return err
	}
	if name != nil {
		if *name, err = parseSessionName(*name); err != nil {
			return err
		}
		change.Name = name
	}
	if change == (engine.SessionChange{}) {
		return engine.Errorf(engine.CodeInvalid, "give at least one of name, proxy, typing, delayMin, delayMax and interactive")
	}
	if change.Proxy != nil && *change.Proxy != "" {
		if err := s.linkable(c, key); engine.CodeOf(err) == engine.CodeNotSupported {
			return errNoProxyThere()
		} else if err != nil {
			return err
		}
	}
	snap, err := s.engine.Configure(c.UserContext(), key, change)
	if err != nil {
		return err
	}
	return s.answerStatus(c, snap)
}

// restartSession is POST /api/whatsapp/session/{id}/restart.
func (s *Server) restartSession(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	if err := decodeNothing(c); err != nil {
		return err
	}
	snap, err := s.engine.Restart(c.UserContext(), key)
	if err != nil {
		return err
	}
	return s.answerStatus(c, snap)
}

// decodeNothing takes no body, or one without fields.
func decodeNothing(c *fiber.Ctx) error {
	if len(bytes.TrimSpace(c.BodyRaw())) == 0 {
		return nil
	}
	return decode(c, new(struct{}))
}
