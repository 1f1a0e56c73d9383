package simnet

import (
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// flowMessage is a native flow with buttons of the given names and parameters.
func flowMessage(buttons ...[2]string) *waE2E.Message {
	flow := &waE2E.InteractiveMessage_NativeFlowMessage{}
	for _, b := range buttons {
		flow.Buttons = append(flow.Buttons, &waE2E.InteractiveMessage_NativeFlowMessage_NativeFlowButton{Name: &b[0], ButtonParamsJSON: &b[1]})
	}
	return &waE2E.Message{InteractiveMessage: &waE2E.InteractiveMessage{Body: &waE2E.InteractiveMessage_Body{Text: proto.String("Shall we?")},
		InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: flow}}}
}

// shownBiz is the reported shape, with a change.
func shownBiz(change func(biz, interactive, flow, quality, source waBinary.Attrs)) []waBinary.Node {
	biz := waBinary.Attrs{"actual_actors": "2", "host_storage": "2", "privacy_mode_ts": "1790000000"}
	interactive, flow := waBinary.Attrs{"type": "native_flow", "v": "1"}, waBinary.Attrs{"v": "9", "name": "mixed"}
	quality := waBinary.Attrs{"decision_id": strings.Repeat("0a", 20), "source_type": "third_party"}
	source := waBinary.Attrs{"value": "df"}
	if change != nil {
		change(biz, interactive, flow, quality, source)
	}
	return []waBinary.Node{{Tag: "biz", Attrs: biz, Content: []waBinary.Node{
		{Tag: "interactive", Attrs: interactive, Content: []waBinary.Node{{Tag: "native_flow", Attrs: flow}}},
		{Tag: "quality_control", Attrs: quality, Content: []waBinary.Node{{Tag: "decision_source", Attrs: source}}},
	}}}
}

// TestButtonsAreRefusedAsReported: only one shape of a message with buttons passes and
// is shown; a phone can tap what it shows, and nothing else.
func TestButtonsAreRefusedAsReported(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	owner, customer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, owner)
	reply := [2]string{"quick_reply", `{"display_text":"Yes","id":"yes"}`}
	bare := []waBinary.Node{{Tag: "biz", Content: []waBinary.Node{{Tag: "interactive", Attrs: waBinary.Attrs{"type": "native_flow", "v": "1"}}}}}
	for name, send := range map[string]struct {
		message *waE2E.Message
		beside  []waBinary.Node
		refused string // the error's end; "" if it passes
		shows   int
	}{
		"the shape that is shown": {flowMessage(reply, [2]string{"cta_url", `{"display_text":"Map","url":"https://example.com"}`}, [2]string{"flow", `{}`}), shownBiz(nil), "", 2},
		"a list":                  {flowMessage([2]string{"single_select", `{"title":"T","sections":[{"title":"S","rows":[{"id":"yes","title":"A"},{"id":"b","title":"B"}]}]}`}), shownBiz(nil), "", 2},
		"without biz":             {flowMessage(reply), nil, "", 0},
		"a bare interactive":      {flowMessage(reply), bare, "479", 0},
		"no decision": {flowMessage(reply), shownBiz(func(_, _, _, quality, _ waBinary.Attrs) {
			delete(quality, "decision_id")
		}), "479", 0},
		"another flow":        {flowMessage(reply), shownBiz(func(_, _, flow, _, _ waBinary.Attrs) { flow["name"] = "flow" }), "479", 0},
		"no host":             {flowMessage(reply), shownBiz(func(biz, _, _, _, _ waBinary.Attrs) { delete(biz, "host_storage") }), "479", 0},
		"another interactive": {flowMessage(reply), shownBiz(func(_, interactive, _, _, _ waBinary.Attrs) { interactive["v"] = "2" }), "479", 0},
		"another source":      {flowMessage(reply), shownBiz(func(_, _, _, _, source waBinary.Attrs) { source["value"] = "x" }), "479", 0},
		"the older buttons":   {&waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{ContentText: proto.String("?")}}, nil, "405", 0},
		"the older list":      {&waE2E.Message{ListMessage: &waE2E.ListMessage{Title: proto.String("?")}}, nil, "405", 0},
	} {
		extra := whatsmeow.SendRequestExtra{}
		if send.beside != nil {
			extra.AdditionalNodes = &send.beside
		}
		sent, err := c.SendMessage(ctx, customer.JID(), send.message, extra)
		if send.refused != "" {
			if err == nil || !strings.HasSuffix(err.Error(), send.refused) {
				t.Errorf("%s: %v, want %s", name, err, send.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := customer.Await(ctx, func(r Received) bool { return r.ID == sent.ID })
		if err != nil || len(got.Buttons) != send.shows || (got.Text == "") != (send.shows == 0) {
			t.Errorf("%s: the phone shows %q with %v (%v)", name, got.Text, got.Buttons, err)
		}
		id, err := customer.Tap(ctx, owner.JID(), sent.ID, "yes")
		if (err == nil) != (send.shows > 0) {
			t.Errorf("%s: tapping: %v", name, err)
		}
		if _, err := customer.Tap(ctx, owner.JID(), sent.ID, ""); err == nil {
			t.Errorf("%s: a link answers", name)
		}
		if send.shows == 0 {
			continue
		}
		answer := await(c, func(e *events.Message) bool { return e.Info.ID == id }).Message.GetInteractiveResponseMessage()
		if !strings.Contains(answer.GetNativeFlowResponseMessage().GetParamsJSON(), `"id":"yes"`) || answer.GetContextInfo().GetStanzaID() != sent.ID {
			t.Errorf("%s: the answer is %v", name, answer)
		}
	}
}
