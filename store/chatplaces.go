package store

import (
	"context"
	"database/sql"
	"strings"

	"wapid/engine"
)

// chatPlace is where one index has messages of a chat. The places of a chat have nothing
// in common, and no message stands in places of two chats: those of a number stand under
// the number, those of a LID under the number that stands beside it in other messages.
type chatPlace struct {
	group engine.JID // of groups and channels: the chat's own address
	phone engine.JID // "" for messages that know the LID alone
	lid   engine.JID // "" for messages that know the number alone
}

// personsOnly is what groupsOnly leaves: what somebody wrote in a group belongs to the
// group, though it stands in the index by its sender.
const personsOnly = `(chat LIKE '%@s.whatsapp.net' OR chat LIKE '%@lid')`

// add demands what the index of a place has of it.
func (p chatPlace) add(q *conditions) {
	switch {
	case p.group != "":
		q.add(groupsOnly+` AND chat = ?`, p.group)
	case p.lid != "":
		q.add(hasLID+` AND peer_lid = ?`, p.lid)
		q.add(`peer_phone = ?`, p.phone)
	default:
		q.add(hasPhone+` AND peer_phone = ?`, p.phone)
	}
}

// numberBeside finds the number that stands beside a LID in the newest message that has both.
const numberBeside = `SELECT peer_phone FROM messages WHERE tenant_id = $1 AND peer_lid = $2 AND peer_lid <> '' AND peer_phone <> ''
	ORDER BY created_at DESC LIMIT 1`

// phoneOf is the number of a LID, "" where no message has told it.
func phoneOf(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, lid engine.JID) (phone engine.JID, err error) {
	err = tx.QueryRowContext(ctx, numberBeside, tenant, lid).Scan(&phone)
	if isNoRows(err) {
		return "", nil
	}
	return phone, storageError(err)
}

// chatOf is the one address by which a message's chat is named: a person's number where
// any message has told it. peer is who is on the other side of the message.
func chatOf(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, chat engine.JID, peer engine.Person) (engine.JID, error) {
	if chat.Person() == (engine.Person{}) {
		return chat, nil
	}
	if peer.Phone != "" || peer.LID == "" {
		return peer.Preferred(), nil
	}
	phone, err := phoneOf(ctx, tx, tenant, peer.LID)
	return engine.Person{Phone: phone, LID: peer.LID}.Preferred(), err
}

// chatPlaces says where the messages of a chat are, and under which addresses its
// person is known; nobody for a group's.
func chatPlaces(ctx context.Context, tx *sql.Tx, tenant engine.TenantID, chat engine.JID) (who engine.Person, places []chatPlace, err error) {
	who = chat.Person()
	if who.LID != "" {
		if who.Phone, err = phoneOf(ctx, tx, tenant, who.LID); err != nil {
			return who, nil, err
		}
	}
	switch {
	case who == engine.Person{}:
		return who, []chatPlace{{group: chat}}, nil
	case who.Phone == "":
		return who, []chatPlace{{lid: who.LID}}, nil
	}
	places = []chatPlace{{phone: who.Phone}}
	rows, err := tx.QueryContext(ctx, lidsOfPhone, tenant, who.Phone)
	lids, err := collect(rows, err, scanText)
	if err != nil {
		return who, nil, err
	}
	for _, one := range lids {
		lid := engine.JID(one)
		places = append(places, chatPlace{phone: who.Phone, lid: lid})
		phone, err := phoneOf(ctx, tx, tenant, lid)
		if err != nil {
			return who, nil, err
		}
		if phone == who.Phone {
			places, who.LID = append(places, chatPlace{lid: lid}), lid
		}
	}
	return who, places, nil
}

// chatKeys asks for the places in the log of a session's messages at some places of a
// chat, newest first, from behind a message on, without an end. A direction of "" is both.
func chatKeys(q *conditions, key engine.SessionKey, places []chatPlace, d engine.Direction, after *MessageCursor) string {
	selects := make([]string, len(places))
	for i, at := range places {
		one := conditions{args: q.args}
		one.add(`tenant_id = ?`, key.Tenant)
		one.add(`session_id || '' = ?`, key.ID) // else SQLite would rather walk through all that the session has
		at.add(&one)
		if at.group == "" {
			one.add(personsOnly)
		}
		if d != "" {
			one.add(`direction = ?`, d)
		}
		if after != nil {
			one.add(`(created_at, seq) < (?, ?)`, after.At, after.Seq)
		}
		q.args = one.args
		selects[i] = `SELECT created_at, seq FROM messages` + one.where()
	}
	return strings.Join(selects, ` UNION ALL `) + ` ORDER BY created_at DESC, seq DESC`
}
