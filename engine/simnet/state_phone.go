package simnet

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// savedPhone is a phone in the state file. Its passkey is not kept: a new one
// takes its place.
type savedPhone struct {
	Keys    []byte            `json:"keys"` // see keyring.MarshalBinary
	Offline bool              `json:"offline,omitempty"`
	Silent  bool              `json:"silent,omitempty"`
	Inbox   []savedReceived   `json:"inbox,omitempty"`
	Outbox  []savedSent       `json:"outbox,omitempty"`
	Mailbox [][]byte          `json:"mailbox,omitempty"`
	Tokens  map[string][]byte `json:"tokens,omitempty"`
	Stowed  map[string]bool   `json:"archived,omitempty"`
	App     json.RawMessage   `json:"app,omitempty"`

	Progress map[types.MessageID]Progress `json:"progress,omitempty"`
}

type savedReceived struct {
	Received
	Message []byte `json:"message"`
	Sender  string `json:"sender"` // number
	Source  []byte `json:"source"` // the stanza without its content
}

type savedSent struct {
	ID        types.MessageID         `json:"id"`
	Chat      types.JID               `json:"chat"`
	To        types.JID               `json:"to"`
	Time      time.Time               `json:"time"`
	Message   []byte                  `json:"message"`
	Delivered map[types.JID]time.Time `json:"delivered,omitempty"`
	Read      map[types.JID]time.Time `json:"read,omitempty"`
	Played    map[types.JID]time.Time `json:"played,omitempty"`
	Retries   int                     `json:"retries,omitempty"`
}

func (p *Phone) save() (*savedPhone, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	keys, err := p.keys.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("save keys: %w", err)
	}
	saved := &savedPhone{Keys: keys, Offline: p.offline, Silent: p.silent, Stowed: maps.Clone(p.archived), Progress: maps.Clone(p.progress)}
	if p.app != nil {
		if saved.App, err = json.Marshal(p.app); err != nil {
			return nil, fmt.Errorf("save app state: %w", err)
		}
	}
	for _, r := range p.inbox {
		source := p.sources[r.ID]
		if source == nil || r.Message == nil {
			continue // Asked for again just now: it comes as a new message.
		}
		one := savedReceived{Received: *r, Sender: r.FromPN.User}
		one.Received.Message = nil
		if one.Message, err = proto.Marshal(r.Message); err != nil {
			return nil, fmt.Errorf("save message: %w", err)
		}
		if one.Source, err = packStanza(source); err != nil {
			return nil, err
		}
		saved.Inbox = append(saved.Inbox, one)
	}
	for _, m := range p.outbox {
		one := savedSent{ID: m.ID, Chat: m.Chat, To: m.to, Time: m.Time, Retries: m.Retries,
			Delivered: maps.Clone(m.Delivered), Read: maps.Clone(m.Read), Played: maps.Clone(m.Played)}
		if one.Message, err = proto.Marshal(m.message); err != nil {
			return nil, fmt.Errorf("save message: %w", err)
		}
		saved.Outbox = append(saved.Outbox, one)
	}
	for _, node := range p.mailbox {
		raw, err := packStanza(node)
		if err != nil {
			return nil, err
		}
		saved.Mailbox = append(saved.Mailbox, raw)
	}
	if len(p.tokens) > 0 {
		saved.Tokens = make(map[string][]byte, len(p.tokens))
	}
	for acct, token := range p.tokens {
		saved.Tokens[acct.number] = token
	}
	return saved, nil
}

func (p *Phone) restore(saved *savedPhone) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.keys.UnmarshalBinary(saved.Keys); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	p.offline, p.silent, p.archived, p.progress = saved.Offline, saved.Silent, saved.Stowed, saved.Progress
	if len(saved.App) > 0 {
		p.app = &appState{}
		if err := json.Unmarshal(saved.App, p.app); err != nil {
			return fmt.Errorf("app state: %w", err)
		}
	}
	p.received = make(map[receivedKey]*Received, len(saved.Inbox))
	p.sources = make(map[types.MessageID]*waBinary.Node, len(saved.Inbox))
	for _, one := range saved.Inbox {
		r := one.Received
		r.Message = &waE2E.Message{}
		if err := proto.Unmarshal(one.Message, r.Message); err != nil {
			return fmt.Errorf("message: %w", err)
		}
		source, err := unpackStanza(one.Source)
		if err != nil {
			return err
		}
		p.received[receivedKey{r.Chat.String(), one.Sender, r.ID}] = &r
		p.sources[r.ID] = source
		p.inbox = append(p.inbox, &r)
	}
	for _, one := range saved.Outbox {
		m := &sentMessage{to: one.To, message: &waE2E.Message{}, Outgoing: Outgoing{
			ID: one.ID, Chat: one.Chat, Time: one.Time, Retries: one.Retries,
			Delivered: one.Delivered, Read: one.Read, Played: one.Played,
		}}
		if err := proto.Unmarshal(one.Message, m.message); err != nil {
			return fmt.Errorf("message: %w", err)
		}
		m.Text = textOf(m.message)
		p.outbox = append(p.outbox, m)
	}
	for number, token := range saved.Tokens {
		if acct := p.server.directory.byNumber[number]; acct != nil {
			if p.tokens == nil {
				p.tokens = make(map[*account][]byte)
			}
			p.tokens[acct] = token
		}
	}
	for _, raw := range saved.Mailbox {
		node, err := unpackStanza(raw)
		if err != nil {
			return err
		}
		p.mailbox = append(p.mailbox, node)
	}
	return nil
}
