package httpapi

import (
	"context"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/httpapi/hub"
	"wapid/webhooks"
)

// hub is an event as WhatsApp Hub tells it.
func (f *EventFormats) hub(ctx context.Context, v engine.Event) (webhooks.Post, error) {
	facts, err := f.hubFacts(ctx, v)
	if err != nil {
		return webhooks.Post{}, err
	}
	body, err := hub.EncodeEvent(v, facts)
	if err != nil {
		err = engine.WrapError(engine.CodeInternal, err, "an event can't be encoded")
	}
	return webhooks.Post{Body: body, Nothing: body == nil}, err
}

// hubFacts reads what the body of an event names. A session without a number, such as one
// that was removed since, is told without.
func (f *EventFormats) hubFacts(ctx context.Context, v engine.Event) (facts hub.Facts, err error) {
	if v.Type != engine.EventMessage && v.Type != engine.EventMessageStatus {
		return facts, nil
	}
	own := ""
	phone, err := f.store.PhoneObject(ctx, v.Session)
	switch engine.CodeOf(err) {
	case "":
		own = phone.Ref
		facts.Own.Phone = engine.JID(own + "@" + engine.ServerPhone)
	case engine.CodeNotFound:
	default:
		return facts, err
	}
	if v.Type == engine.EventMessageStatus {
		var d engine.MessageStatusData
		err := readData(v, &d)
		facts.MessageID = cloudapi.WAMID{User: d.To.User(), Outgoing: true, ID: d.ID}.String()
		return facts, err
	}
	var d engine.MessageData
	if err := readData(v, &d); err != nil {
		return facts, err
	}
	facts.MessageID = cloudapi.WAMID{User: d.From.User(), ID: d.ID}.String()
	about, ok := mentionOf(d)
	if !ok {
		return facts, nil
	}
	ref, err := f.refer(ctx, v.Session, d, about, own)
	facts.QuotedID = ref.id
	return facts, err
}

// mentionOf is the message that another one answers, reacts to or changes.
func mentionOf(d engine.MessageData) (m mention, ok bool) {
	switch {
	case d.Choice != nil && d.Choice.MessageID != "":
		return mention{id: d.Choice.MessageID, outgoing: true}, true
	case d.Quoted != nil && d.Quoted.MessageID != "":
		return mention{id: d.Quoted.MessageID, from: d.Quoted.From}, true
	case d.Reaction != nil:
		return mention{id: d.Reaction.MessageID, outgoing: d.Reaction.FromMe}, true
	case d.Edit != nil:
		return mention{id: d.Edit.MessageID, from: d.From}, true
	case d.Revoke != nil && d.Revoke.From != "":
		return mention{id: d.Revoke.MessageID, from: d.Revoke.From}, true
	case d.Revoke != nil:
		return mention{id: d.Revoke.MessageID, from: d.From}, true
	}
	return mention{}, false
}
