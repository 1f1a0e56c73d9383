package httpapi

import (
	"context"
	"encoding/json"
	"strconv"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
	"wapid/webhooks"
)

// meta is an event as Meta's platform tells it.
func (f *EventFormats) meta(ctx context.Context, v engine.Event) (webhooks.Post, error) {
	facts, err := f.metaFacts(ctx, v)
	if err != nil {
		return webhooks.Post{}, err
	}
	body, tells, err := cloudapi.EncodeEvent(v, facts)
	return webhooks.Post{Body: body, Nothing: !tells}, err
}

// metaFacts reads what the body of an event names. It returns CodeNotFound for what a
// session tells that has no number.
func (f *EventFormats) metaFacts(ctx context.Context, v engine.Event) (facts cloudapi.EventFacts, err error) {
	if v.Type == engine.EventTest {
		return facts, nil
	}
	if facts.WABA, err = f.graphID(ctx, v, store.GraphWABA, ""); err != nil {
		return facts, err
	}
	if v.Type != engine.EventMessage && v.Type != engine.EventMessageStatus {
		return facts, nil
	}
	phone, err := f.store.PhoneObject(ctx, v.Session)
	if err != nil {
		return facts, err
	}
	facts.PhoneID, facts.Phone = graphText(phone.ID), phone.Ref
	if v.Type == engine.EventMessage {
		err = f.messageFacts(ctx, v, &facts)
		return facts, err
	}
	var d engine.MessageStatusData
	if err := readNamed(v, &d, &d.ID); err != nil {
		return facts, err
	}
	facts.ID = cloudapi.WAMID{User: d.To.User(), Outgoing: true, ID: d.ID}.String()
	return facts, nil
}

func (f *EventFormats) messageFacts(ctx context.Context, v engine.Event, facts *cloudapi.EventFacts) error {
	var d engine.MessageData
	if err := readNamed(v, &d, &d.ID); err != nil {
		return err
	}
	facts.ID = cloudapi.WAMID{User: d.From.User(), ID: d.ID}.String()
	if d.HasMedia {
		id, err := f.mediaID(ctx, v, d)
		if err != nil {
			return err
		}
		facts.MediaID = id
	}
	switch {
	case d.Choice != nil && d.Choice.MessageID != "":
		about := mention{id: d.Choice.MessageID, outgoing: true}
		ref, err := f.refer(ctx, v.Session, d, about, facts.Phone)
		facts.ContextID, facts.ContextFrom = ref.id, ref.from
		return err
	case d.Quoted != nil && d.Quoted.MessageID != "":
		ref, err := f.refer(ctx, v.Session, d, mention{id: d.Quoted.MessageID, from: d.Quoted.From}, facts.Phone)
		facts.ContextID, facts.ContextFrom = ref.id, ref.from
		return err
	case d.Reaction != nil:
		ref, err := f.refer(ctx, v.Session, d, mention{id: d.Reaction.MessageID, outgoing: d.Reaction.FromMe}, facts.Phone)
		facts.TargetID = ref.id
		return err
	}
	return nil
}

// mention is a message that another one speaks of, as far as that tells.
type mention struct {
	id       engine.MessageID
	outgoing bool
	from     engine.JID // "" where that is not said
}

// reference is a mention in Meta's words.
type reference struct{ id, from string }

// refer finds a message that another one speaks of in the session's log, for whom it was
// to or from. What the log does not hold any more is named by what the mention says.
func (f *EventFormats) refer(ctx context.Context, key engine.SessionKey, by engine.MessageData, m mention, own string) (reference, error) {
	rows, err := f.store.FindLogged(ctx, key, m.id)
	if err != nil {
		return reference{}, err
	}
	m.outgoing = m.outgoing || m.from.Server() == engine.ServerPhone && m.from.User() == own
	var sender engine.Person
	for _, row := range rows {
		switch {
		case by.IsGroup != row.Chat.IsGroup() || by.IsGroup && row.Chat != by.Chat:
		case row.Direction == engine.Outbound && !isOf(row.Peer, m.from):
			id := cloudapi.WAMID{User: row.Chat.User(), Outgoing: true, ID: m.id}
			return reference{id.String(), own}, nil
		case row.Direction == engine.Inbound && !m.outgoing && (m.from == "" || isOf(row.Peer, m.from)):
			sender = row.Peer
		}
	}
	if m.outgoing {
		with := by.From
		if by.IsGroup {
			with = by.Chat
		}
		return reference{cloudapi.WAMID{User: with.User(), Outgoing: true, ID: m.id}.String(), own}, nil
	}
	if sender == (engine.Person{}) {
		sender = m.from.Person()
	}
	if sender == (engine.Person{}) {
		sender = by.From.Person()
	}
	return reference{cloudapi.WAMID{User: sender.Preferred().User(), ID: m.id}.String(), sender.Phone.User()}, nil
}

// isOf tells whether an address is a person's.
func isOf(p engine.Person, address engine.JID) bool {
	return address != "" && (address == p.Phone || address == p.LID)
}

// mediaID is the id by which the file of an incoming message can be fetched.
func (f *EventFormats) mediaID(ctx context.Context, v engine.Event, d engine.MessageData) (string, error) {
	m := engine.LoggedMessage{Session: v.Session, Direction: engine.Inbound, ID: d.ID, Chat: d.Chat, Peer: d.From.Person()}
	if d.FromLID != "" {
		m.Peer.LID = d.FromLID
	}
	return f.graphID(ctx, v, store.GraphMedia, store.MessageMediaRef(m).String())
}

func (f *EventFormats) graphID(ctx context.Context, v engine.Event, kind store.GraphKind, ref string) (string, error) {
	id, err := f.store.GraphID(ctx, v.Session.Tenant, kind, ref)
	return graphText(id), err
}

// graphText is a graph id as bodies have it.
func graphText(id int64) string { return strconv.FormatInt(id, 10) }

// readData takes an event's data apart. It returns CodeInternal for data that are not
// what their type says.
func readData(v engine.Event, into any) error {
	if err := json.Unmarshal(v.Data, into); err != nil {
		return engine.Errorf(engine.CodeInternal, "an event of type %s can't be read", v.Type)
	}
	return nil
}

// readNamed is readData for an event of a message, whose id is in it: what was damaged in
// the store has none.
func readNamed(v engine.Event, into any, id *engine.MessageID) error {
	if err := readData(v, into); err != nil || *id != "" {
		return err
	}
	return engine.Errorf(engine.CodeInternal, "an event of type %s names no message", v.Type)
}
