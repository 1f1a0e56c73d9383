package cloudapi

import (
	"strings"
	"testing"

	"wapid/engine"
)

// TestCompose: what Meta is sent, of every kind.
func TestCompose(t *testing.T) {
	const to = engine.JID("4915100000001@s.whatsapp.net")
	file := &engine.Attachment{FileName: "plan.pdf", MIME: "application/pdf", Upload: &engine.Upload{Ref: []byte("4711")}}
	yes, no := engine.Choice{ID: "y", Title: "Yes"}, engine.Choice{ID: "n", Title: "No", Description: "not today", Section: "Others"}
	ask := func(style engine.ChoiceStyle, options ...engine.Choice) *engine.Choices {
		return &engine.Choices{Style: style, Header: "Order", Footer: "Shop", Options: options, Form: engine.InteractiveNative}
	}
	bodies := map[string]outgoing{}
	for name, m := range map[string]engine.Outgoing{
		"text":        {Kind: engine.KindText, Text: "Grüße 👋"},
		"preview":     {Kind: engine.KindText, Text: "https://example.com", Preview: &engine.LinkPreview{}},
		"bsuid":       {To: "US.13491208655302741918@bsuid", Kind: engine.KindText, Text: "hi"},
		"reply":       {Kind: engine.KindText, Text: "yes", Quoted: &engine.MessageRef{ID: "x"}},
		"image":       {Kind: engine.KindImage, Text: "look", Attachment: file},
		"video":       {Kind: engine.KindVideo, Attachment: file},
		"audio":       {Kind: engine.KindAudio, Text: "only logged", Attachment: file},
		"voice":       {Kind: engine.KindVoice, Attachment: file},
		"document":    {Kind: engine.KindDocument, Text: "the plan", Attachment: file},
		"sticker":     {Kind: engine.KindSticker, Attachment: file},
		"location":    {Kind: engine.KindLocation, Location: &engine.Location{Latitude: -33.45, Longitude: -70.66, Name: "Café", Address: "Main St"}},
		"contacts":    {Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Eve", Phone: "4915100000009"}, {Phone: "4915100000008"}}},
		"reaction":    {Kind: engine.KindReaction, Text: "👍", Target: &engine.MessageRef{ID: "x"}},
		"unreaction":  {Kind: engine.KindReaction, Target: &engine.MessageRef{ID: "x"}},
		"buttons":     {Kind: engine.KindText, Text: "Shall we?", Choices: ask(engine.StyleButton, yes, no)},
		"list":        {Kind: engine.KindText, Text: "Which?", Choices: ask(engine.StyleList, yes, no)},
		"manybuttons": {Kind: engine.KindText, Text: "Which?", Choices: ask(engine.StyleButton, yes, yes, no, no)},
		"link":        {Kind: engine.KindText, Text: "See", Choices: &engine.Choices{Link: &engine.ChoiceLink{Title: "Open", URL: "https://example.com"}, Form: engine.InteractiveNative}},
		"belowfile":   {Kind: engine.KindImage, Text: "Like it?", Attachment: file, Choices: ask(engine.StyleButton, yes, no)},
		"numbered":    {Kind: engine.KindText, Text: "Which?\n1. Yes", Choices: &engine.Choices{Options: []engine.Choice{yes}, Form: engine.InteractiveText}},
	} {
		if m.To == "" {
			m.To = to
		}
		m.ID = "3EB0A"
		body, err := compose(m, "wamid.X")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		bodies[name] = body
	}
	golden(t, "outgoing.json", bodies)
	for name, c := range map[string]struct {
		m    engine.Outgoing
		want engine.Code
	}{
		"a group":          {engine.Outgoing{To: "120363000000000000@g.us", Kind: engine.KindText, Text: "x"}, engine.CodeNotSupported},
		"a LID":            {engine.Outgoing{To: "1@lid", Kind: engine.KindText, Text: "x"}, engine.CodeNotSupported},
		"a channel":        {engine.Outgoing{To: "1@newsletter", Kind: engine.KindText, Text: "x"}, engine.CodeNotSupported},
		"a poll":           {engine.Outgoing{To: to, Kind: engine.KindPoll, Poll: &engine.Poll{}}, engine.CodeNotSupported},
		"an edit":          {engine.Outgoing{To: to, Kind: engine.KindEdit, Text: "x"}, engine.CodeNotSupported},
		"a revocation":     {engine.Outgoing{To: to, Kind: engine.KindRevoke}, engine.CodeNotSupported},
		"view once":        {engine.Outgoing{To: to, Kind: engine.KindImage, ViewOnce: true, Attachment: file}, engine.CodeNotSupported},
		"mentions":         {engine.Outgoing{To: to, Kind: engine.KindText, Text: "@1", Mentions: []engine.JID{to}}, engine.CodeNotSupported},
		"a long text":      {engine.Outgoing{To: to, Kind: engine.KindText, Text: strings.Repeat("ä", maxText+1)}, engine.CodeInvalid},
		"a long caption":   {engine.Outgoing{To: to, Kind: engine.KindImage, Text: strings.Repeat("ä", maxCaption+1), Attachment: file}, engine.CodeInvalid},
		"eleven options":   {engine.Outgoing{To: to, Kind: engine.KindText, Text: "x", Choices: ask(engine.StyleList, make([]engine.Choice, maxRows+1)...)}, engine.CodeInvalid},
		"a list, a file":   {engine.Outgoing{To: to, Kind: engine.KindImage, Text: "x", Attachment: file, Choices: ask(engine.StyleList, yes)}, engine.CodeInvalid},
		"options, a voice": {engine.Outgoing{To: to, Kind: engine.KindVoice, Attachment: file, Choices: ask(engine.StyleButton, yes)}, engine.CodeNotSupported},
		"no upload":        {engine.Outgoing{To: to, Kind: engine.KindImage, Attachment: &engine.Attachment{}}, engine.CodeInternal},
		"no location":      {engine.Outgoing{To: to, Kind: engine.KindLocation}, engine.CodeInvalid},
	} {
		if _, err := compose(c.m, ""); engine.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	longest := engine.Outgoing{To: to, Kind: engine.KindText, Text: strings.Repeat("ä", maxText)}
	if _, err := compose(longest, ""); err != nil {
		t.Errorf("the longest text: %v", err)
	}
}

// TestNumbers: what can be a number of Meta's, and what is kept of its verify token.
func TestNumbers(t *testing.T) {
	good := Number{PhoneNumberID: "123456789012345", AccessToken: "EAA", AppSecret: "0123"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Number){
		"no id":            func(n *Number) { n.PhoneNumberID = "" },
		"a phone number":   func(n *Number) { n.PhoneNumberID = "+15550100" },
		"a long id":        func(n *Number) { n.PhoneNumberID = strings.Repeat("1", 21) },
		"a path":           func(n *Number) { n.PhoneNumberID = "../1" },
		"a wrong account":  func(n *Number) { n.WABA = "x" },
		"no token":         func(n *Number) { n.AccessToken = "" },
		"a token in lines": func(n *Number) { n.AccessToken = "a\r\nb" },
		"a long token":     func(n *Number) { n.AccessToken = strings.Repeat("a", MaxSecret+1) },
		"no secret":        func(n *Number) { n.AppSecret = "" },
		"a secret in ä":    func(n *Number) { n.AppSecret = "ä" },
	} {
		n := good
		change(&n)
		if err := n.Check(); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, b := NewDevice(), NewDevice(); a == b || !IsDevice(a) || IsDevice("919876543210:1@s.whatsapp.net") || IsDevice("") {
		t.Errorf("devices %s and %s", a, b)
	}
	if h := HashVerifyToken("x"); len(h) != 64 || h == HashVerifyToken("y") {
		t.Errorf("hash %s", h)
	}
}
