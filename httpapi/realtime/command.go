package realtime

import "encoding/json"

// Answer reads what a client says: {"type":"ping"} is answered with a pong. All else
// that Whatomate's pages say, such as which contact they show, changes nothing here,
// and what is none of it is passed over as its server does. The answer is nil then.
func Answer(said []byte) []byte {
	var command struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(said, &command) != nil || command.Type != "ping" {
		return nil
	}
	return []byte(`{"type":"` + typePong + `","payload":null}`)
}
