package bound

import (
	"context"
	"maps"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// This file is the half of memory that is about people and chats.

func (m *memory) PutPushName(_ context.Context, user types.JID, name string) (bool, string, error) {
	return m.rename(user, func(c *types.ContactInfo) *string { return &c.PushName }, name)
}

func (m *memory) PutBusinessName(_ context.Context, user types.JID, name string) (bool, string, error) {
	return m.rename(user, func(c *types.ContactInfo) *string { return &c.BusinessName }, name)
}

// rename sets one name of a contact, and tells whether it is another one than
// before and which that was.
func (m *memory) rename(user types.JID, field func(*types.ContactInfo) *string, name string) (bool, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	contact := m.Contacts[user]
	before := *field(&contact)
	if before == name {
		return false, "", nil
	}
	*field(&contact), contact.Found = name, true
	put(&m.Contacts, user, contact)
	return true, before, nil
}

func (m *memory) PutContactName(_ context.Context, user types.JID, full, first string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	contact := m.Contacts[user]
	contact.FullName, contact.FirstName, contact.Found = full, first, true
	put(&m.Contacts, user, contact)
	return nil
}

func (m *memory) PutAllContactNames(ctx context.Context, contacts []store.ContactEntry) error {
	for _, c := range contacts {
		if err := m.PutContactName(ctx, c.JID, c.FullName, c.FirstName); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) PutManyRedactedPhones(_ context.Context, entries []store.RedactedPhoneEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		contact := m.Contacts[e.JID]
		contact.RedactedPhone, contact.Found = e.RedactedPhone, true
		put(&m.Contacts, e.JID, contact)
	}
	return nil
}

func (m *memory) GetContact(_ context.Context, user types.JID) (types.ContactInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Contacts[user], nil
}

func (m *memory) GetAllContacts(context.Context) (map[types.JID]types.ContactInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.Contacts), nil
}

// setting changes what is kept of a chat.
func (m *memory) setting(chat types.JID, change func(*types.LocalChatSettings)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.Settings[chat]
	s.Found = true
	change(&s)
	put(&m.Settings, chat, s)
	return nil
}

func (m *memory) PutMutedUntil(_ context.Context, chat types.JID, until time.Time) error {
	return m.setting(chat, func(s *types.LocalChatSettings) { s.MutedUntil = until })
}

func (m *memory) PutPinned(_ context.Context, chat types.JID, pinned bool) error {
	return m.setting(chat, func(s *types.LocalChatSettings) { s.Pinned = pinned })
}

func (m *memory) PutArchived(_ context.Context, chat types.JID, archived bool) error {
	return m.setting(chat, func(s *types.LocalChatSettings) { s.Archived = archived })
}

func (m *memory) GetChatSettings(_ context.Context, chat types.JID) (types.LocalChatSettings, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Settings[chat], nil
}

func (m *memory) PutMessageSecrets(ctx context.Context, inserts []store.MessageSecretInsert) error {
	for _, i := range inserts {
		if err := m.PutMessageSecret(ctx, i.Chat, i.Sender, i.ID, i.Secret); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) PutMessageSecret(_ context.Context, chat, sender types.JID, id types.MessageID, secret []byte) error {
	key := secretKey{chat.ToNonAD(), sender.ToNonAD(), id}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.Secrets[key]; !there {
		put(&m.Secrets, key, secret)
	}
	return nil
}

func (m *memory) GetMessageSecret(_ context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Secrets[secretKey{chat.ToNonAD(), sender.ToNonAD(), id}], sender.ToNonAD(), nil
}

func (m *memory) PutPrivacyTokens(_ context.Context, tokens ...store.PrivacyToken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, token := range tokens {
		token.User = token.User.ToNonAD()
		known, there := m.Tokens[token.User]
		if there && token.Timestamp.Before(known.Timestamp) {
			continue
		}
		if token.SenderTimestamp.IsZero() {
			token.SenderTimestamp = known.SenderTimestamp
		}
		put(&m.Tokens, token.User, token)
	}
	return nil
}

func (m *memory) GetPrivacyToken(_ context.Context, user types.JID) (*store.PrivacyToken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	token, ok := m.Tokens[user.ToNonAD()]
	if !ok {
		return nil, nil
	}
	return &token, nil
}

func (m *memory) DeleteExpiredPrivacyTokens(_ context.Context, cutoff time.Time) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.Tokens)
	maps.DeleteFunc(m.Tokens, func(_ types.JID, token store.PrivacyToken) bool { return token.Timestamp.Before(cutoff) })
	return int64(before - len(m.Tokens)), nil
}

func (m *memory) PutNCTSalt(_ context.Context, salt []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Salt = salt
	return nil
}

func (m *memory) GetNCTSalt(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Salt, nil
}

func (m *memory) DeleteNCTSalt(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Salt = nil
	return nil
}

func (m *memory) GetOutgoingEvent(_ context.Context, chat, other types.JID, id types.MessageID) (string, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	event, ok := m.Outgoing[outgoingKey{chat, id}]
	if !ok {
		event = m.Outgoing[outgoingKey{other, id}]
	}
	return event.Format, event.Plaintext, nil
}

func (m *memory) AddOutgoingEvent(_ context.Context, chat types.JID, id types.MessageID, format string, plaintext []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	put(&m.Outgoing, outgoingKey{chat, id}, outgoingEvent{format, plaintext})
	return nil
}

func (m *memory) DeleteOldOutgoingEvents(context.Context) error { return nil }
