package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// settingOf finds out how people are addressed where a message goes. It asks the
// network only for a group whose members whatsmeow has not looked up yet, which
// sending to it would do next.
func (l *link) settingOf(ctx context.Context, to types.JID, m engine.Outgoing) (setting, error) {
	s := setting{
		chat: to, own: personOf(l.own, l.device.LID), now: l.conn.net.opts.Clock(),
	}
	if m.Kind == engine.KindPoll {
		secret, err := messageSecret(l.device.IdentityKey.Priv[:], m.ID)
		if err != nil {
			return s, err
		}
		s.secret = secret
	}
	// Looking a group up makes known who its members are, under both addresses.
	formErr := l.findForm(ctx, &s, m)
	if err := l.meet(ctx, &s, m); err != nil {
		return s, engine.WrapError(engine.CodeStorage, err, "the device store failed; nothing was sent")
	}
	return s, formErr
}

// authorIn names who wrote a message, and its chat, as that chat's devices do.
func (l *link) authorIn(ctx context.Context, chat types.JID, m engine.MessageRef) (in, author types.JID, err error) {
	s, err := l.settingOf(ctx, chat, engine.Outgoing{Target: &m})
	if err != nil && chat.Server == types.GroupServer {
		s.byLID, err = true, nil // a group that the account has left; today's go by LIDs
	}
	if err != nil {
		return types.EmptyJID, types.EmptyJID, err
	}
	author, err = s.author(m)
	return s.chat, author, err
}

// findForm finds out by which of their addresses people go in a chat.
func (l *link) findForm(ctx context.Context, s *setting, m engine.Outgoing) error {
	to := s.chat
	switch to.Server {
	case types.GroupServer:
		if m.Quoted == nil && m.Target == nil && len(m.Mentions) == 0 {
			return nil
		}
		//lint:ignore SA1019 there is no other way to ask for what whatsmeow has cached
		group, err := l.client.DangerousInternals().GetCachedGroupData(ctx, to)
		if err != nil {
			return l.explain(ctx, to, sendFailure{err: err, cause: context.Cause(ctx), group: true})
		}
		s.byLID = group.AddressingMode == types.AddressingModeLID
	case types.DefaultUserServer, types.HiddenUserServer:
		// whatsmeow writes to the LID wherever it is known.
		p, err := l.completed(ctx, personOf(to))
		if err != nil {
			return engine.WrapError(engine.CodeStorage, err, "the device store failed; nothing was sent")
		}
		s.peer = p
		if p.LID != "" {
			s.byLID, s.chat = true, types.NewJID(p.LID.User(), types.HiddenUserServer)
		}
	}
	return nil
}

// meet looks up the other address of everybody whom a message names.
func (l *link) meet(ctx context.Context, s *setting, m engine.Outgoing) error {
	var people []engine.Person
	for _, j := range m.Mentions {
		people = append(people, j.Person())
	}
	for _, ref := range []*engine.MessageRef{m.Target, m.Quoted} {
		if ref != nil {
			people = append(people, ref.Sender)
		}
	}
	if len(people) > 0 {
		s.people = make(map[engine.JID]engine.Person, 2*len(people))
	}
	for _, p := range people {
		p, err := l.completed(ctx, p)
		if err != nil {
			return err
		}
		for _, a := range []engine.JID{p.Phone, p.LID} {
			if a != "" {
				s.people[a] = p
			}
		}
	}
	return nil
}
