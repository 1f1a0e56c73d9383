package realtime

import "wapid/engine"

// Dialect says which words the frames have.
type Dialect string

const (
	// Documented is what Whatomate's documentation promises.
	Documented Dialect = "documented"
	// Whatomate is what its server sends to its own pages.
	Whatomate Dialect = "whatomate"
)

// Types of frames.
const (
	typeMessage        = "message:new"
	typeStatus         = "message:status"
	typeContactNew     = "contact:new"
	typeContactUpdated = "contact:updated"
	typeTruncated      = "log:truncated" // ours

	typeNewMessage    = "new_message"
	typeStatusUpdate  = "status_update"
	typeReaction      = "reaction_update"
	typeContactUpdate = "contact_update"
	typePong          = "pong"
)

// frame is one object on the wire.
type frame struct {
	Type    string         `json:"type"`
	Payload any            `json:"payload"`
	Event   engine.EventID `json:"event_id,omitempty"`
}

func encode(kind string, payload any, e engine.EventID) ([]byte, error) {
	raw, err := engine.Canonical(frame{kind, payload, e})
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the frame can't be encoded")
	}
	return raw, nil
}

// Truncated tells that retention has removed events behind a client's cursor.
// Clients that don't know the type pass it over.
func Truncated() ([]byte, error) {
	return encode(typeTruncated, struct{}{}, "")
}
