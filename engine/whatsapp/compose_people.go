package whatsapp

import (
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// address is a person's address in the form that the chat uses, or in the other
// where only that is known. It is empty for nobody.
func (s setting) address(p engine.Person) types.JID {
	for _, a := range []engine.JID{p.LID, p.Phone} {
		if known, ok := s.people[a]; ok && a != "" {
			p = known
		}
	}
	chosen, other := p.Phone, p.LID
	if s.byLID {
		chosen, other = p.LID, p.Phone
	}
	if chosen == "" {
		chosen = other
	}
	if chosen == "" {
		return types.EmptyJID
	}
	return types.NewJID(chosen.User(), chosen.Server())
}

// author is who wrote a message, as the chat addresses it.
func (s setting) author(ref engine.MessageRef) (types.JID, error) {
	if ref.ID == "" {
		return types.EmptyJID, engine.Errorf(engine.CodeInvalid, "the message that is referred to has no id")
	}
	who := ref.Sender
	if ref.FromMe {
		who = s.own
	}
	jid := s.address(who)
	if jid.IsEmpty() {
		return jid, engine.Errorf(engine.CodeInvalid, "the sender of the message that is referred to is not known")
	}
	return jid, nil
}

// mentioned lists people as the chat addresses them, each once.
func (s setting) mentioned(people []engine.JID) []string {
	var list []string
	for _, j := range people {
		if jid := s.address(j.Person()); !jid.IsEmpty() && !slices.Contains(list, jid.String()) {
			list = append(list, jid.String())
		}
	}
	return list
}

// withMentions names the mentioned people in a text by the address that the
// message mentions them under: clients put a name in place of "@user" only where
// it is the user of a mentioned JID.
func (s setting) withMentions(text string, people []engine.JID) string {
	for _, j := range people {
		p := j.Person()
		if known, ok := s.people[j]; ok {
			p = known
		}
		use := s.address(p)
		for _, form := range []engine.JID{p.Phone, p.LID} {
			if form != "" && form.User() != use.User {
				text = renamed(text, form.User(), use.User)
			}
		}
	}
	return text
}

// renamed replaces "@from" with "@to" where no further digit follows.
func renamed(text, from, to string) string {
	var b strings.Builder
	for {
		at := strings.Index(text, "@"+from)
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		end := at + 1 + len(from)
		b.WriteString(text[:at])
		if end < len(text) && text[end] >= '0' && text[end] <= '9' {
			b.WriteString(text[at:end])
		} else {
			b.WriteString("@" + to)
		}
		text = text[end:]
	}
}
