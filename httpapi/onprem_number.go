package httpapi

import (
	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
)

// onpremNumber is the session that a key stands for: in this API each number has a key
// of its own. A key that is limited to one session means that; any other means the only
// one that it reaches. It returns *onprem.Error where there is not exactly one.
func (s *Server) onpremNumber(p store.Principal) (engine.SessionKey, error) {
	if err := s.loaded(); err != nil {
		return engine.SessionKey{}, err
	}
	if len(p.Sessions) == 1 {
		return engine.SessionKey{Tenant: p.Tenant, ID: p.Sessions[0]}, nil
	}
	var found []engine.SessionKey
	for _, snap := range s.engine.List(p.Tenant) {
		if p.Reaches(snap.Key.ID) {
			found = append(found, snap.Key)
		}
	}
	switch len(found) {
	case 0:
		return engine.SessionKey{}, onprem.Errorf(onprem.CodeNotFound, "the account has no number: make a session and link it")
	case 1:
		return found[0], nil
	}
	return engine.SessionKey{}, onprem.Errorf(onprem.CodeDenied, "the key reaches %d numbers: use a key that is limited to one, as "+
		"POST /api/v2/partners/{partner_id}/channels/{channel_id}/api_keys makes it", len(found))
}

// onpremLinked is onpremNumber for what needs a number that is linked, though it may not
// be connected just now. It returns *onprem.Error for one that is not.
func (s *Server) onpremLinked(p store.Principal) (engine.SessionKey, engine.Person, error) {
	key, err := s.onpremNumber(p)
	if err != nil {
		return key, engine.Person{}, err
	}
	snap, err := s.engine.Snapshot(key)
	switch {
	case err != nil:
		return key, engine.Person{}, err
	case snap.State.Reason == engine.ReasonMoved:
		return key, engine.Person{}, onprem.Errorf(onprem.CodeNotReady, "the number was moved to another server")
	case snap.State.Identity.Device == "":
		return key, engine.Person{}, onprem.Errorf(onprem.CodeNotReady, "the number is not linked: scan the QR code of its session")
	case snap.State.Reason == engine.ReasonBanned:
		return key, engine.Person{}, onprem.Errorf(onprem.CodeLocked, "WhatsApp has banned the number for a while")
	}
	return key, snap.State.Identity.Person, nil
}

// onpremDone is the answer to what has nothing to tell.
func onpremDone(c *fiber.Ctx) error { return ok(c, onprem.Done{}) }
