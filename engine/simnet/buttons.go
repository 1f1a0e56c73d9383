package simnet

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// What linked devices may send with buttons is known only from what others report (a
// proposed change of whatsmeow of August 2026, with the acks of the real server):
//
//   - the older messages with buttons are refused with 405; that those with a list are
//     as well is assumed: others only say that they never appear;
//   - a <biz> with a bare <interactive> is refused with 479;
//   - one shape is passed on and shown, the one that showsFlow knows. Any other is
//     refused with 479 here (assumed), so that nothing passes that nobody has seen pass;
//   - a native flow without <biz> is passed on, and no client shows anything of it.
const (
	ackNoButtons = 405
	ackNoFlow    = 479
)

// refusesBusiness is the code by which a message is refused for its <biz>, 0 for none.
func refusesBusiness(node *waBinary.Node) int {
	biz, ok := child(node, "biz")
	switch {
	case !ok || has(biz, "buttons_response") || has(biz, "list_response") || has(biz, "interactive_response"):
		return 0 // an answer (assumed: it is passed on)
	case has(biz, "buttons"), has(biz, "list"):
		return ackNoButtons
	case !showsFlow(biz):
		return ackNoFlow
	}
	return 0
}

var (
	decisionID = regexp.MustCompile(`^[0-9a-f]{40}$`)
	decimal    = regexp.MustCompile(`^[0-9]+$`)
)

// showsFlow tells whether a <biz> is of the one shape that is reported to be shown.
func showsFlow(biz *waBinary.Node) bool {
	interactive, _ := child(biz, "interactive")
	quality, _ := child(biz, "quality_control")
	flow, _ := child(interactive, "native_flow")
	source, _ := child(quality, "decision_source")
	return len(biz.GetChildren()) == 2 &&
		attrText(biz, "actual_actors") == "2" && attrText(biz, "host_storage") == "2" && decimal.MatchString(attrText(biz, "privacy_mode_ts")) &&
		attrText(interactive, "type") == "native_flow" && attrText(interactive, "v") == "1" &&
		attrText(flow, "v") == "9" && attrText(flow, "name") == "mixed" &&
		decisionID.MatchString(attrText(quality, "decision_id")) && attrText(quality, "source_type") == "third_party" &&
		attrText(source, "value") == "df"
}

// Button is a button, or a row of a list, as a phone shows it.
type Button struct {
	ID    string
	Title string
	URL   string // of a link; its ID is empty
}

// buttonsIn are what a phone shows of a message's native flow: nothing unless the
// stanza says that it may.
func buttonsIn(node *waBinary.Node, message *waE2E.Message) (shown []Button) {
	biz, ok := child(node, "biz")
	if !ok || !showsFlow(biz) {
		return nil
	}
	for _, b := range message.GetInteractiveMessage().GetNativeFlowMessage().GetButtons() {
		var params struct {
			ID          string `json:"id"`
			DisplayText string `json:"display_text"`
			URL         string `json:"url"`
			Sections    []struct {
				Rows []struct{ ID, Title string }
			}
		}
		if json.Unmarshal([]byte(b.GetButtonParamsJSON()), &params) != nil {
			continue
		}
		switch b.GetName() {
		case "quick_reply":
			shown = append(shown, Button{ID: params.ID, Title: params.DisplayText})
		case "cta_url":
			shown = append(shown, Button{Title: params.DisplayText, URL: params.URL})
		case "single_select":
			for _, s := range params.Sections {
				for _, row := range s.Rows {
					shown = append(shown, Button{ID: row.ID, Title: row.Title})
				}
			}
		}
	}
	return shown
}

// Tap taps a button of a message that the phone has received, or chooses a row of its
// list. It fails for one that the phone does not show.
func (p *Phone) Tap(ctx context.Context, to types.JID, id types.MessageID, button string) (types.MessageID, error) {
	ref, question, err := p.refer(to, id)
	if err != nil {
		return "", err
	}
	var tapped *Button
	for _, r := range p.Inbox() {
		for _, b := range r.Buttons {
			if r.ID == id && b.ID == button && b.URL == "" {
				tapped = &b
			}
		}
	}
	if tapped == nil {
		return "", errors.New("the phone shows no such button")
	}
	params, err := json.Marshal(map[string]string{"id": tapped.ID, "title": tapped.Title})
	if err != nil {
		return "", err
	}
	name := "quick_reply"
	if question.GetInteractiveMessage().GetNativeFlowMessage().GetButtons()[0].GetName() == "single_select" {
		name = "menu_options" // as forks of Baileys have seen it
	}
	answer := &waE2E.Message{InteractiveResponseMessage: &waE2E.InteractiveResponseMessage{
		Body: &waE2E.InteractiveResponseMessage_Body{Text: proto.String(tapped.Title)},
		InteractiveResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage_{
			NativeFlowResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage{
				Name: proto.String(name), ParamsJSON: proto.String(string(params)), Version: proto.Int32(3),
			},
		},
	}}
	return p.Send(ctx, to, reply(answer, ref, question))
}
