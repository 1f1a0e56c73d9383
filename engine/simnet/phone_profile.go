package simnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// maxChatStates is how many of the latest chat states a phone remembers.
const maxChatStates = 64

// ChatState is what a phone was shown somebody doing in a chat.
type ChatState struct {
	From  types.JID // phone-number form, without a device
	Chat  types.JID // the other side's phone number, or the group
	State string    // "composing" or "paused"
	Media string    // "audio" while a voice note is recorded

	at time.Time // when the phone was told
}

// SetPicture changes the account's picture; nil takes it away.
func (p *Phone) SetPicture(jpeg []byte) {
	var now *profilePicture
	if jpeg != nil {
		now = p.server.newPicture(jpeg)
	}
	p.account.mu.Lock()
	p.account.picture = now
	p.account.mu.Unlock()
	p.server.saver.touch()
	p.server.announcePicture(p.JID(), p.account, now, append(p.account.acquaintances(), p.account))
}

// SetGroupPicture changes a group's picture; nil takes it away. It fails with
// ErrNoGroup. Assumed: every member may, unless the group is locked.
func (p *Phone) SetGroupPicture(group types.JID, jpeg []byte) error {
	var now *profilePicture
	if jpeg != nil {
		now = p.server.newPicture(jpeg)
	}
	s := p.server
	s.groups.mu.Lock()
	g := s.groups.find(group)
	if g == nil || !g.has(p.Number()) || g.Locked && !g.admin(p.Number()) {
		s.groups.mu.Unlock()
		return ErrNoGroup
	}
	g.Picture = now
	var members []*account
	for _, number := range g.numbers() {
		if acct, err := s.directory.number(number); err == nil {
			members = append(members, acct)
		}
	}
	s.groups.mu.Unlock()
	s.saver.touch()
	s.announcePicture(group, p.account, now, members)
	return nil
}

// SetAbout changes the text under the account's name.
func (p *Phone) SetAbout(text string) {
	p.account.mu.Lock()
	p.account.about = text
	p.account.mu.Unlock()
	p.server.saver.touch()
}

// SetPrivacy changes one of the account's privacy settings, such as
// "readreceipts" to "none", and tells the linked devices. It fails for a setting
// that there is not.
func (p *Phone) SetPrivacy(name, value string) error {
	if !slices.ContainsFunc(privacyDefaults[:], func(pair [2]string) bool { return pair[0] == name }) {
		return fmt.Errorf("no privacy setting %q", name)
	}
	p.account.setPrivacy(name, value)
	p.server.saver.touch()
	for _, dev := range p.account.linked() {
		p.server.deliver(p.account, dev.id, p.server.notification("account_sync", p.JID(), waBinary.Node{
			Tag: "privacy", Content: []waBinary.Node{{Tag: "category", Attrs: waBinary.Attrs{"name": name, "value": value}}},
		}))
	}
	return nil
}

// SaveContact puts a person into the phone's address book, which it shares with
// the linked devices, or takes them out with an empty name. It fails for a number
// that nobody has.
func (p *Phone) SaveContact(number, name string) error {
	acct, err := p.server.directory.number(number)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(name, " ")
	// Collection, index and version as in Baileys' chat-utils.js.
	return p.publish(criticalUnblockLow, []string{"contact", acct.pn().String()}, 2, &waSyncAction.SyncActionValue{
		ContactAction: &waSyncAction.ContactAction{
			FullName: proto.String(name), FirstName: proto.String(first),
			LidJID: proto.String(acct.lidJID().String()), SaveOnPrimaryAddressbook: proto.Bool(true),
		},
	})
}

// Blocked lists the numbers that the account has blocked.
func (p *Phone) Blocked() []string { return p.account.blocked() }

// Archived tells whether a chat is put away. A person's chat may be named by
// either address.
func (p *Phone) Archived(chat types.JID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.archived[p.chatName(chat)]
}

// chatName is a chat's name on the phone, whichever address it was called by.
func (p *Phone) chatName(chat types.JID) string {
	if acct, err := p.server.directory.find(chat); err == nil {
		return acct.pn().String()
	}
	return chat.ToNonAD().String()
}

// noteArchived takes over what a companion did with a chat.
func (p *Phone) noteArchived(chat string, archived bool) error {
	jid, err := types.ParseJID(chat)
	if err != nil {
		return errors.New("app state: an archived chat that is no address")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.archived == nil {
		p.archived = make(map[string]bool)
	}
	p.archived[p.chatName(jid)] = archived
	p.notifyChange()
	return nil
}

// SeesOnline tells whether the phone would be shown that an account is online.
func (p *Phone) SeesOnline(who types.JID) bool {
	acct, err := p.server.directory.find(who)
	return err == nil && p.server.available(acct)
}

// readChatState remembers that somebody types, records, or stopped.
func (p *Phone) readChatState(node *waBinary.Node) {
	from, ok := attrJID(node, "from")
	children := node.GetChildren()
	if !ok || len(children) != 1 {
		return
	}
	state := ChatState{Chat: from, State: children[0].Tag, Media: attrText(&children[0], "media")}
	if participant, group := attrJID(node, "participant"); group {
		from = participant
	}
	acct, err := p.server.directory.find(from)
	if err != nil {
		return
	}
	state.From = acct.pn()
	if state.Chat.Server != types.GroupServer {
		state.Chat = state.From
	}
	state.at = p.server.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chatStates = append(p.chatStates, state)
	p.chatStates = p.chatStates[max(0, len(p.chatStates)-maxChatStates):]
	p.notifyChange()
}

// AwaitChatState returns the first of the remembered chat states, past or future,
// that match accepts. It fails with the context's error.
func (p *Phone) AwaitChatState(ctx context.Context, match func(ChatState) bool) (ChatState, error) {
	for {
		p.mu.Lock()
		if i := slices.IndexFunc(p.chatStates, match); i >= 0 {
			found := p.chatStates[i]
			p.mu.Unlock()
			return found, nil
		}
		changed := p.waitChange()
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ChatState{}, fmt.Errorf("await chat state: %w", ctx.Err())
		}
	}
}
