package whatsapp

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
)

var _ engine.Directory = (*conn)(nil)

// Check implements engine.Directory with one question for all numbers: neither
// whatsmeow nor Baileys splits it.
func (c *conn) Check(ctx context.Context, phones []string) ([]engine.Registration, error) {
	var found []engine.Registration
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		asked := make([]string, len(phones))
		for i, phone := range phones {
			asked[i] = "+" + phone
		}
		answers, err := l.client.IsOnWhatsApp(ctx, asked)
		if err == nil {
			found = registrationsOf(phones, answers)
		}
		return err
	})
	return found, err
}

// registrationsOf puts the server's answers beside the numbers that were asked
// for, which it repeats in each. The account's own number may differ from the one
// asked for, where a country has changed how it writes them. A number that the
// server leaves out has no account.
func registrationsOf(phones []string, answers []types.IsOnWhatsAppResponse) []engine.Registration {
	byQuery := make(map[string]types.IsOnWhatsAppResponse, len(answers))
	for _, a := range answers {
		byQuery[strings.TrimPrefix(a.Query, "+")] = a
	}
	list := make([]engine.Registration, len(phones))
	for i, phone := range phones {
		list[i] = engine.Registration{Phone: phone}
		if a := byQuery[phone]; a.IsIn {
			list[i].OnWhatsApp, list[i].Person = true, personOf(a.JID, a.PhoneNumber)
		}
	}
	return list
}

// Contacts implements engine.Directory: the address book that the phone shares
// with its devices, and the names of those who wrote. It asks the network nothing.
func (c *conn) Contacts(ctx context.Context) ([]engine.Acquaintance, error) {
	var list []engine.Acquaintance
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		stored, err := l.device.Contacts.GetAllContacts(ctx)
		if err != nil {
			return engine.WrapError(engine.CodeStorage, err, "the contacts could not be read")
		}
		list, err = l.acquaintances(ctx, stored)
		return err
	})
	return list, err
}

// acquaintances makes one of the two entries that a person may have, one for
// each address. Those without any name, as strangers met in groups, and the
// account itself are left out.
func (l *link) acquaintances(ctx context.Context, stored map[types.JID]types.ContactInfo) ([]engine.Acquaintance, error) {
	var numbers []types.JID
	for jid := range stored {
		if jid.Server == types.DefaultUserServer {
			numbers = append(numbers, jid)
		}
	}
	lids, err := l.device.LIDs.GetManyLIDsForPNs(ctx, numbers)
	if err != nil {
		return nil, err
	}
	own := l.own.ToNonAD()
	known := make(map[engine.Person]engine.Acquaintance, len(stored))
	for jid, info := range stored {
		person := personOf(jid, lids[jid])
		if jid.Server == types.HiddenUserServer {
			if person, err = l.completed(ctx, person); err != nil {
				return nil, err
			}
		}
		a := known[person]
		a.Person = person
		a.Name = firstOf(a.Name, firstOf(info.FullName, info.FirstName))
		a.PushName = firstOf(a.PushName, info.PushName)
		a.BusinessName = firstOf(a.BusinessName, info.BusinessName)
		named := a.Name != "" || a.PushName != "" || a.BusinessName != ""
		if named && person != (engine.Person{}) && person.Phone != engine.JID(own.String()) {
			known[person] = a
		}
	}
	return slices.Collect(maps.Values(known)), nil
}

// Avatar implements engine.Directory.
func (c *conn) Avatar(ctx context.Context, of engine.JID, preview bool) (engine.Avatar, error) {
	var avatar engine.Avatar
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		jid, err := l.addressed(ctx, of)
		if err == nil && jid.Server == types.NewsletterServer {
			err = engine.Errorf(engine.CodeNotSupported, "pictures of channels can't be fetched")
		}
		if err == nil {
			avatar, err = l.avatar(ctx, jid, preview)
		}
		return err
	})
	return avatar, err
}

func (l *link) avatar(ctx context.Context, of types.JID, preview bool) (engine.Avatar, error) {
	info, err := l.client.GetProfilePictureInfo(ctx, of, &whatsmeow.GetProfilePictureParams{Preview: preview})
	switch code := refusedWith(err); {
	case errors.Is(err, whatsmeow.ErrProfilePictureNotSet), errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized),
		code == 401, code == 403, code == 404, err == nil && info == nil:
		return engine.Avatar{}, engine.WrapError(engine.CodeNotFound, err, "there is no picture, or it is hidden from this account")
	case err != nil:
		return engine.Avatar{}, err
	}
	return engine.Avatar{ID: info.ID, URL: info.URL}, nil
}

// Blocked implements engine.Directory.
func (c *conn) Blocked(ctx context.Context) ([]engine.Person, error) {
	var people []engine.Person
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		list, err := l.client.GetBlocklist(ctx)
		if err != nil {
			return err
		}
		people = make([]engine.Person, 0, len(list.JIDs))
		for _, jid := range list.JIDs {
			person, err := l.completed(ctx, personOf(jid))
			if err != nil {
				return err
			}
			people = append(people, person)
		}
		return nil
	})
	return people, err
}

// Block implements engine.Directory. It returns CodeNotOnWhatsApp for a number
// without an account.
func (c *conn) Block(ctx context.Context, who engine.JID, blocked bool) error {
	return c.change(ctx, func(ctx context.Context, l *link) error {
		jid, err := l.personAt(ctx, who)
		if err != nil {
			return err
		}
		action := events.BlocklistChangeActionUnblock
		if blocked {
			action = events.BlocklistChangeActionBlock
		}
		_, err = l.client.UpdateBlocklist(ctx, jid, action)
		if refusedWith(err) == 404 {
			return engine.WrapError(engine.CodeRecipientInvalid, err, "WhatsApp knows nobody under this address")
		}
		return err
	})
}

// Me implements engine.Directory. The names are read from the device store, since
// whatsmeow changes those in memory without a lock.
func (c *conn) Me(ctx context.Context) (engine.Profile, error) {
	var me engine.Profile
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		device, err := c.net.devices.load(ctx, l.own)
		if err != nil {
			return err
		}
		own := l.own.ToNonAD()
		me = engine.Profile{
			Person: personOf(own, device.LID), PushName: device.PushName, BusinessName: device.BusinessName, Platform: device.Platform,
		}
		info, err := l.client.GetUserInfo(ctx, []types.JID{own})
		if err != nil {
			return err
		}
		me.About = info[own].Status
		avatar, err := l.avatar(ctx, own, false)
		if err != nil && engine.CodeOf(err) != engine.CodeNotFound {
			return err
		}
		me.AvatarURL = avatar.URL
		return nil
	})
	return me, err
}
