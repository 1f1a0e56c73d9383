package simnet

import (
	"context"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// MarkRead tells the sender that messages were read. chat is the phone number,
// LID or group that they stand in. It fails with ErrUnknownMessage when the
// phone has none of them.
func (p *Phone) MarkRead(_ context.Context, chat types.JID, ids ...types.MessageID) error {
	return p.markSeen("read", chat, ids)
}

// MarkPlayed tells the sender that voice messages were played; otherwise like
// MarkRead.
func (p *Phone) MarkPlayed(_ context.Context, chat types.JID, ids ...types.MessageID) error {
	return p.markSeen("played", chat, ids)
}

// markSeen sends one receipt for each sender in the chat.
func (p *Phone) markSeen(kind string, chat types.JID, ids []types.MessageID) error {
	byAuthor := make(map[types.JID][]types.MessageID)
	var order []types.JID
	p.mu.Lock()
	for _, id := range ids {
		source := p.sources[id]
		if source == nil {
			continue
		}
		author, _ := attrJID(source, "from")
		if participant, ok := attrJID(source, "participant"); ok {
			author = participant
		}
		author = author.ToNonAD()
		if byAuthor[author] == nil {
			order = append(order, author)
		}
		byAuthor[author] = append(byAuthor[author], id)
	}
	p.mu.Unlock()
	if len(order) == 0 {
		return ErrUnknownMessage
	}
	for _, author := range order {
		list := byAuthor[author]
		receipt := &waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": list[0], "type": kind, "to": author}}
		if chat.Server == types.GroupServer {
			receipt.Attrs["to"], receipt.Attrs["participant"] = chat, author
		}
		if len(list) > 1 {
			items := make([]waBinary.Node, len(list)-1)
			for i, id := range list[1:] {
				items[i] = waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"id": id}}
			}
			receipt.Content = []waBinary.Node{{Tag: "list", Content: items}}
		}
		p.sendReceipt(receipt)
		p.mu.Lock()
		p.noteProgress(progressOf(kind), list...)
		p.mu.Unlock()
	}
	return nil
}

// Typing shows or hides that the phone's user is writing. It fails when there
// is no such account.
func (p *Phone) Typing(_ context.Context, to types.JID, on bool) error {
	if to.Server != types.GroupServer {
		acct, err := p.server.directory.find(to)
		if err != nil {
			return err
		}
		to = acct.lidJID()
	}
	state := waBinary.Node{Tag: "paused"}
	if on {
		state.Tag = "composing"
	}
	p.server.passChatState(origin{p.account, 0}, to, &state)
	return nil
}
