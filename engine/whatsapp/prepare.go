package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

var _ engine.Preparer = (*conn)(nil)

// Prepare implements engine.Preparer with at most two questions: one for the LIDs of
// the numbers that have none in the device store yet, and one for the devices of all,
// the account's own among them. whatsmeow keeps the first in the store and the second
// in the client's memory, where SendMessage finds both. What it knows already it does
// not ask for.
//
// The client's lists of devices stay until it is told of a change, or until the
// connection ends, as those of messages without Prepare do: about 230 bytes each.
// While the second question is open a message of the session waits for its answer,
// because whatsmeow asks under the lock of those lists.
func (c *conn) Prepare(ctx context.Context, to []engine.JID) ([]engine.Registration, error) {
	var found []engine.Registration
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		people, unknown, err := l.sorted(ctx, to)
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			var lids []types.JID
			if found, lids, err = l.introduceAll(ctx, unknown); err != nil {
				return err
			}
			people = append(people, lids...)
		}
		if len(people) == 0 {
			return nil
		}
		// sendDM of whatsmeow asks for the recipient and for the account's own LID.
		_, err = l.client.GetUserDevices(ctx, append(people, l.device.GetLID().ToNonAD()))
		return err
	})
	return found, err
}

// sorted tells the LIDs of people from the numbers (digits) whose LID is not known.
func (l *link) sorted(ctx context.Context, to []engine.JID) (lids []types.JID, unknown []string, err error) {
	var numbers []types.JID
	for _, who := range to {
		jid, err := types.ParseJID(string(who))
		if err != nil || jid.User == "" {
			return nil, nil, engine.WrapError(engine.CodeInvalid, err, "this is not a valid WhatsApp address")
		}
		switch jid.Server {
		case types.HiddenUserServer:
			lids = append(lids, jid)
		case types.DefaultUserServer:
			numbers = append(numbers, jid)
		}
	}
	if len(numbers) == 0 {
		return lids, nil, nil
	}
	known, err := l.device.LIDs.GetManyLIDsForPNs(ctx, numbers)
	if err != nil {
		return nil, nil, err
	}
	for _, number := range numbers {
		if lid := known[number]; !lid.IsEmpty() {
			lids = append(lids, lid)
		} else {
			unknown = append(unknown, number.User)
		}
	}
	return lids, unknown, nil
}

// introduceAll asks for the LIDs of numbers (digits), all at once.
func (l *link) introduceAll(ctx context.Context, phones []string) ([]engine.Registration, []types.JID, error) {
	asked := make([]string, len(phones))
	for i, phone := range phones {
		asked[i] = "+" + phone
	}
	answers, err := l.client.IsOnWhatsApp(ctx, asked)
	if err != nil {
		return nil, nil, err
	}
	var lids []types.JID
	for _, a := range answers {
		if a.IsIn && a.JID.Server == types.HiddenUserServer {
			lids = append(lids, a.JID.ToNonAD())
		}
	}
	return registrationsOf(phones, answers), lids, nil
}
