package whatsapp

import (
	"cmp"
	"encoding/json"

	"go.mau.fi/whatsmeow/proto/waE2E"

	"wapid/engine"
)

// answerIn reads what a recipient has chosen by a button or from a list of WhatsApp's
// own. Such answers come to questions that another device of the account, or an older
// version, has sent as well. It is false for messages that are none.
func answerIn(m *waE2E.Message) (content, bool) {
	var c engine.ChosenInfo
	switch {
	case m.GetButtonsResponseMessage() != nil:
		b := m.GetButtonsResponseMessage()
		c = engine.ChosenInfo{Style: engine.StyleButton, ID: b.GetSelectedButtonID(), Title: b.GetSelectedDisplayText()}
	case m.GetListResponseMessage() != nil:
		l := m.GetListResponseMessage()
		c = engine.ChosenInfo{Style: engine.StyleList, ID: l.GetSingleSelectReply().GetSelectedRowID(), Title: l.GetTitle(), Description: l.GetDescription()}
	case m.GetTemplateButtonReplyMessage() != nil:
		b := m.GetTemplateButtonReplyMessage()
		c = engine.ChosenInfo{Style: engine.StyleQuickReply, ID: b.GetSelectedID(), Title: b.GetSelectedDisplayText()}
	case m.GetInteractiveResponseMessage().GetNativeFlowResponseMessage() != nil:
		c = flowAnswer(m.GetInteractiveResponseMessage())
	}
	if c.Title = cmp.Or(c.Title, c.ID); c.ID == "" {
		return content{}, false
	}
	return content{kind: engine.KindText, text: c.Title, details: engine.Details{Choice: &c}}, true
}

// flowAnswer reads the answer to a native flow: its parameters are JSON, of which the
// id is what the button or the row was given. Forms have no id.
func flowAnswer(m *waE2E.InteractiveResponseMessage) engine.ChosenInfo {
	var params struct {
		ID          string `json:"id"`
		Title       string `json:"title"`
		DisplayText string `json:"display_text"`
		Description string `json:"description"`
	}
	flow := m.GetNativeFlowResponseMessage()
	if err := json.Unmarshal([]byte(flow.GetParamsJSON()), &params); err != nil {
		return engine.ChosenInfo{} // the sender may say anything
	}
	c := engine.ChosenInfo{Style: engine.StyleButton, ID: params.ID, Title: cmp.Or(params.Title, params.DisplayText, m.GetBody().GetText())}
	if flow.GetName() == "menu_options" || flow.GetName() == flowSelect {
		c.Style, c.Description = engine.StyleList, params.Description
	}
	return c
}
