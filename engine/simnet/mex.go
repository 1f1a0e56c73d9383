package simnet

import (
	"encoding/json"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Persisted GraphQL queries, which clients name by number.
const (
	mexUpdateAbout = "9152604461510864"  // Sets the text under the own name (source: whatsmeow user.go).
	mexTimelock    = "23983697327930364" // May the account write to strangers? (source: Baileys Mex.js)
)

// answerMex serves the GraphQL operations that are needed.
func (s *Server) answerMex(st *stream, node *waBinary.Node) *waBinary.Node {
	query, _ := child(node, "query")
	var data any
	switch attrText(query, "query_id") {
	case mexUpdateAbout:
		if !s.updateAbout(st.device.account, content(query)) {
			s.noteUnhandled("rejected: " + describe(node))
			return failure(node, 400, "bad-request")
		}
		data = map[string]any{}
	case mexTimelock:
		active, ends := s.faults.timelock(st.device.account)
		data = map[string]any{"xwa2_fetch_account_reachout_timelock": timelockFacts(active, ends)}
	default:
		return s.notImplemented(node)
	}
	body, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		s.log.DPanic("mex answer can't be encoded")
		return failure(node, 500, "internal-server-error")
	}
	return result(node, waBinary.Node{Tag: "result", Content: body})
}

// updateAbout changes the text under a name; false means that the request is
// malformed.
func (s *Server) updateAbout(acct *account, raw []byte) bool {
	var request struct {
		Variables struct {
			Input struct {
				Text string `json:"text"`
			} `json:"input"`
		} `json:"variables"`
	}
	if err := json.Unmarshal(raw, &request); err != nil {
		return false
	}
	acct.mu.Lock()
	acct.about = request.Variables.Input.Text
	acct.mu.Unlock()
	s.saver.touch()
	return true
}

// timelockFacts describes a reach-out timelock as both its notification and the
// query for it do (source: whatsmeow's events.NotifyAccountReachoutTimelock and
// Baileys' socket.js).
func timelockFacts(active bool, ends time.Time) map[string]any {
	facts := map[string]any{"is_active": active, "enforcement_type": "REACHOUT_TIMELOCK"}
	if active {
		facts["time_enforcement_ends"] = strconv.FormatInt(ends.Unix(), 10)
	}
	return facts
}
