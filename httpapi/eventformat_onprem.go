package httpapi

import (
	"context"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
	"wapid/webhooks"
)

// onprem is an event as the On-Premises API tells it.
func (f *EventFormats) onprem(ctx context.Context, v engine.Event) (webhooks.Post, error) {
	facts, err := f.onpremFacts(ctx, v)
	if err != nil {
		return webhooks.Post{}, err
	}
	body, tells, err := onprem.EncodeEvent(v, facts)
	return webhooks.Post{Body: body, Nothing: !tells}, err
}

// onpremFacts reads what the body of an event names.
func (f *EventFormats) onpremFacts(ctx context.Context, v engine.Event) (facts onprem.EventFacts, err error) {
	switch v.Type {
	case engine.EventMessage:
		var d engine.MessageData
		if err := readData(v, &d); err != nil {
			return facts, err
		}
		return f.onpremMessage(ctx, v, d)
	case engine.EventMessageStatus:
		var d engine.MessageStatusData
		if err := readData(v, &d); err != nil {
			return facts, err
		}
		facts.ID = onprem.SentID(d.ID).String()
		if d.Status == engine.MessageSent {
			facts.NoSent, err = f.tellsNoSent(ctx, v.Session)
		}
	}
	return facts, err
}

// tellsNoSent tells whether the number of a session leaves out that messages were sent.
func (f *EventFormats) tellsNoSent(ctx context.Context, key engine.SessionKey) (bool, error) {
	phone, err := f.store.PhoneObject(ctx, key)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	o, err := f.store.FindOnPremSettings(ctx, key.Tenant, phone.Ref)
	return !o.SentStatus, err
}

func (f *EventFormats) onpremMessage(ctx context.Context, v engine.Event, d engine.MessageData) (facts onprem.EventFacts, err error) {
	facts.ID = onpremID(incomingOf(v, d)).String()
	if d.HasMedia {
		id, err := f.store.GraphID(ctx, v.Session.Tenant, store.GraphMedia, store.MessageMediaRef(incomingOf(v, d)).String())
		if err != nil {
			return facts, err
		}
		facts.MediaID = onprem.ReceivedMediaID(id)
	}
	switch {
	case d.Choice != nil && d.Choice.MessageID != "":
		facts.ContextID, facts.ContextFrom, err = f.onpremMention(ctx, v, d, d.Choice.MessageID, true, "")
	case d.Quoted != nil && d.Quoted.MessageID != "":
		facts.ContextID, facts.ContextFrom, err = f.onpremMention(ctx, v, d, d.Quoted.MessageID, false, d.Quoted.From)
	case d.Reaction != nil:
		facts.TargetID, _, err = f.onpremMention(ctx, v, d, d.Reaction.MessageID, d.Reaction.FromMe, "")
	case d.Revoke != nil:
		facts.TargetID, _, err = f.onpremMention(ctx, v, d, d.Revoke.MessageID, false, d.Revoke.From)
	}
	return facts, err
}

// incomingOf is the message of an event, as far as it names it.
func incomingOf(v engine.Event, d engine.MessageData) engine.LoggedMessage {
	m := engine.LoggedMessage{Session: v.Session, Direction: engine.Inbound, ID: d.ID, Chat: d.Chat, Peer: d.From.Person()}
	if d.FromLID != "" {
		m.Peer.LID = d.FromLID
	}
	return m
}

// onpremMention names a message that another one speaks of, and who wrote it. It looks
// for it in the session's log; what that does not hold any more is named by what the
// mention itself says. from is "" where that says nothing, and then it is the sender's
// own unless it was sent from here.
func (f *EventFormats) onpremMention(ctx context.Context, v engine.Event, by engine.MessageData, id engine.MessageID, sent bool, from engine.JID) (name, number string, err error) {
	rows, err := f.store.FindLogged(ctx, v.Session, id)
	if err != nil {
		return "", "", err
	}
	for _, m := range rows {
		switch {
		case m.Chat.IsGroup() != by.IsGroup || by.IsGroup && m.Chat != by.Chat:
		case m.Direction == engine.Outbound && !isOf(m.Peer, from):
			return onprem.SentID(id).String(), f.numberOf(ctx, v.Session), nil
		case m.Direction == engine.Inbound && !sent && (from == "" || isOf(m.Peer, from)):
			return onpremID(m).String(), m.Peer.Phone.User(), nil
		}
	}
	if sent {
		return onprem.SentID(id).String(), f.numberOf(ctx, v.Session), nil
	}
	unknown := incomingOf(v, by)
	unknown.ID = id
	if from != "" {
		unknown.Peer = from.Person()
	}
	return onpremID(unknown).String(), unknown.Peer.Phone.User(), nil
}

// numberOf is a session's own number, "" where it is not known.
func (f *EventFormats) numberOf(ctx context.Context, key engine.SessionKey) string {
	phone, err := f.store.PhoneObject(ctx, key)
	if err != nil {
		return ""
	}
	return phone.Ref
}
