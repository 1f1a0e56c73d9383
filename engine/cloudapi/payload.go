package cloudapi

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"wapid/engine"
)

// payload is what the log keeps of a message for this network: how Meta calls it, and
// its file.
type payload struct {
	WAMID string `json:"wamid,omitempty"`
	Media string `json:"media,omitempty"`  // Meta's id of the file
	Hash  string `json:"sha256,omitempty"` // of the file, hexadecimal
}

func (p payload) marshal() ([]byte, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "what Meta said of a message can't be encoded")
	}
	return raw, nil
}

// parsePayload reads what the log holds; the zero value stands for a message of which
// Meta has said nothing, or that has come over another network.
func parsePayload(raw []byte) (p payload) {
	if json.Unmarshal(raw, &p) != nil {
		return payload{}
	}
	return p
}

// hexHash is a file's SHA-256 in hexadecimal: Meta tells it in base64 in webhooks and in
// hexadecimal elsewhere. It is empty for anything else.
func hexHash(s string) string {
	if raw, err := hex.DecodeString(s); err == nil && len(raw) == 32 {
		return hex.EncodeToString(raw)
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := e.DecodeString(s); err == nil && len(raw) == 32 {
			return hex.EncodeToString(raw)
		}
	}
	return ""
}
