package whatsapp

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// Buttons of WhatsApp's own, as a "native flow". What linked devices may send of them
// is documented nowhere. Reported by others (a proposed change of whatsmeow of August
// 2026 with the acks of the real server, and forks of Baileys):
//
//   - without a <biz> node the server takes the message, and nobody is shown anything;
//   - the older buttons message is refused with 405, a <biz> with a bare <interactive>
//     with 479;
//   - one shape of <biz>, that of bizNode, is delivered and shown: with quick replies,
//     links and a list to choose from; forms never are.
//
// None of this was seen by us. A copy that whatsmeow makes for a device that could not
// decrypt the first goes without the node, so that device shows nothing.

// Names of a native flow's buttons.
const (
	flowReply  = "quick_reply"
	flowSelect = "single_select"
	flowLink   = "cta_url"
)

// composeNative makes the message with buttons. The node of bizNode goes beside it.
func composeNative(m engine.Outgoing) (*waE2E.Message, error) {
	c := m.Choices
	flow := &waE2E.InteractiveMessage_NativeFlowMessage{MessageVersion: proto.Int32(1)}
	add := func(name string, params any) error {
		raw, err := json.Marshal(params)
		if err != nil {
			return engine.WrapError(engine.CodeInternal, err, "a button can't be written down")
		}
		flow.Buttons = append(flow.Buttons, &waE2E.InteractiveMessage_NativeFlowMessage_NativeFlowButton{
			Name: proto.String(name), ButtonParamsJSON: proto.String(string(raw)),
		})
		return nil
	}
	var err error
	if c.Style == engine.StyleList && len(c.Options) > 0 {
		err = add(flowSelect, selection(c))
	} else {
		for _, o := range c.Options {
			err = cmp.Or(err, add(flowReply, flowButton{DisplayText: o.Title, ID: o.ID}))
		}
	}
	if c.Link != nil {
		err = cmp.Or(err, add(flowLink, flowButton{DisplayText: c.Link.Title, URL: c.Link.URL, MerchantURL: c.Link.URL}))
	}
	if err != nil {
		return nil, err
	}
	message := &waE2E.InteractiveMessage{
		Body:               &waE2E.InteractiveMessage_Body{Text: proto.String(m.Text)},
		InteractiveMessage: &waE2E.InteractiveMessage_NativeFlowMessage_{NativeFlowMessage: flow},
	}
	if c.Header != "" {
		message.Header = &waE2E.InteractiveMessage_Header{Title: proto.String(c.Header), HasMediaAttachment: proto.Bool(false)}
	}
	if c.Footer != "" {
		message.Footer = &waE2E.InteractiveMessage_Footer{Text: proto.String(c.Footer)}
	}
	return &waE2E.Message{InteractiveMessage: message}, nil
}

// flowButton are the parameters of a button.
type flowButton struct {
	DisplayText string `json:"display_text"`
	ID          string `json:"id,omitempty"`
	URL         string `json:"url,omitempty"`
	MerchantURL string `json:"merchant_url,omitempty"`
}

// flowList are the parameters of a list.
type flowList struct {
	Title    string        `json:"title"`
	Sections []flowSection `json:"sections"`
}

type flowSection struct {
	Title string    `json:"title"`
	Rows  []flowRow `json:"rows"`
}

type flowRow struct {
	Header      string `json:"header"`
	Title       string `json:"title"`
	Description string `json:"description"`
	ID          string `json:"id"`
}

func selection(c *engine.Choices) flowList {
	list := flowList{Title: cmp.Or(c.Button, "☰")}
	for _, o := range c.Options {
		if n := len(list.Sections); n == 0 || list.Sections[n-1].Title != o.Section {
			list.Sections = append(list.Sections, flowSection{Title: o.Section})
		}
		last := &list.Sections[len(list.Sections)-1]
		last.Rows = append(last.Rows, flowRow{Title: o.Title, Description: o.Description, ID: o.ID})
	}
	return list
}

// besides are the nodes that a message's stanza needs beside what whatsmeow puts there,
// nil for none.
func besides(message *waE2E.Message, s setting) *[]waBinary.Node {
	if message.InteractiveMessage == nil {
		return nil
	}
	return &[]waBinary.Node{bizNode(strconv.FormatInt(s.now.Unix(), 10))}
}

// bizNode is what lets clients show the buttons of a message.
func bizNode(seconds string) waBinary.Node {
	var decision [20]byte
	_, _ = rand.Read(decision[:]) // never fails
	return waBinary.Node{
		Tag:   "biz",
		Attrs: waBinary.Attrs{"actual_actors": "2", "host_storage": "2", "privacy_mode_ts": seconds},
		Content: []waBinary.Node{
			{Tag: "interactive", Attrs: waBinary.Attrs{"type": "native_flow", "v": "1"}, Content: []waBinary.Node{
				{Tag: "native_flow", Attrs: waBinary.Attrs{"v": "9", "name": "mixed"}},
			}},
			{Tag: "quality_control", Attrs: waBinary.Attrs{"decision_id": hex.EncodeToString(decision[:]), "source_type": "third_party"}, Content: []waBinary.Node{
				{Tag: "decision_source", Attrs: waBinary.Attrs{"value": "df"}},
			}},
		},
	}
}
