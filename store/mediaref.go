package store

import (
	"context"
	"database/sql"
	"strings"

	"wapid/engine"
)

// MediaRef is what the decimal id of a file stands for: one of the library, or that of a
// message. As text it is the ref of a graph object of kind media.
type MediaRef struct {
	File MediaFileID // "" for the file of a message

	Session   engine.SessionID
	Direction engine.Direction
	Message   engine.MessageID
	// Origin tells messages apart to which several senders gave the same id.
	Origin string
}

const (
	fileRef    = "file:"
	messageRef = "message:"
)

// MessageMediaRef names the file of a logged message.
func MessageMediaRef(m engine.LoggedMessage) MediaRef {
	r := MediaRef{Session: m.Session.ID, Direction: m.Direction, Message: m.ID}
	if m.Direction == engine.Inbound {
		r.Origin = originOf(m, m.Peer.Phone)
		if m.Peer.LID != "" {
			r.Origin = originOf(m, m.Peer.LID)
		}
	}
	return r
}

// String writes "file:<id>" or "message:<session>/<direction>/<id>/<origin>".
func (r MediaRef) String() string {
	if r.File != "" {
		return fileRef + string(r.File)
	}
	return messageRef + strings.Join([]string{string(r.Session), string(r.Direction), string(r.Message), r.Origin}, "/")
}

// ParseMediaRef reads what String has written; ok is false for anything else. Of the
// parts only the id of a message may hold slashes.
func ParseMediaRef(text string) (r MediaRef, ok bool) {
	if id, found := strings.CutPrefix(text, fileRef); found {
		return MediaRef{File: MediaFileID(id)}, id != ""
	}
	rest, ok := strings.CutPrefix(text, messageRef)
	if !ok {
		return MediaRef{}, false
	}
	session, rest, two := strings.Cut(rest, "/")
	direction, rest, three := strings.Cut(rest, "/")
	last := strings.LastIndexByte(rest, '/')
	if !two || !three || last < 0 {
		return MediaRef{}, false
	}
	r = MediaRef{Session: engine.SessionID(session), Direction: engine.Direction(direction),
		Message: engine.MessageID(rest[:last]), Origin: rest[last+1:]}
	return r, r.Session != "" && r.Message != "" && (r.Direction == engine.Inbound || r.Direction == engine.Outbound)
}

// FindMessageOf returns the message whose file a reference names, or CodeNotFound. A
// sender may have become known by another address since the reference was made.
func (s *Store) FindMessageOf(ctx context.Context, tenant engine.TenantID, r MediaRef) (engine.LoggedMessage, error) {
	found, err := s.FindLogged(ctx, engine.SessionKey{Tenant: tenant, ID: r.Session}, r.Message)
	if err != nil {
		return engine.LoggedMessage{}, err
	}
	for _, m := range found {
		if m.Direction != r.Direction || !m.Kind.HasMedia() || len(m.Payload) == 0 {
			continue
		}
		if r.Direction == engine.Outbound || r.Origin == originOf(m, m.Peer.LID) || r.Origin == originOf(m, m.Peer.Phone) {
			return m, nil
		}
	}
	return engine.LoggedMessage{}, engine.Errorf(engine.CodeNotFound, "there is no such file")
}

// ForgetMediaID removes the decimal id of a file, which stays where it is. It returns
// CodeNotFound if there is none.
func (s *Store) ForgetMediaID(ctx context.Context, tenant engine.TenantID, r MediaRef) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`DELETE FROM graph_objects WHERE tenant_id = $1 AND kind = $2 AND ref = $3`, tenant, GraphMedia, r.String()))
		if err == nil && n == 0 {
			return engine.Errorf(engine.CodeNotFound, "there is no such file")
		}
		return err
	})
}
