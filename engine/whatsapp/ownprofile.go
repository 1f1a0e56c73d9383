package whatsapp

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

var _ engine.OwnProfile = (*conn)(nil)

// Versions of the stanzas about businesses, as Baileys sends them (chats.js, business.js).
const (
	businessReadVersion   = "244"
	businessChangeVersion = "3"
)

// Business implements engine.OwnProfile. whatsmeow's own GetBusinessProfile leaves out the
// description and the websites.
func (c *conn) Business(ctx context.Context) (engine.Business, error) {
	var b engine.Business
	err := c.read(ctx, func(ctx context.Context, l *link) error {
		answer, err := l.askBusiness(ctx, "get", waBinary.Node{
			Tag: "business_profile", Attrs: waBinary.Attrs{"v": businessReadVersion},
			Content: []waBinary.Node{{Tag: "profile", Attrs: waBinary.Attrs{"jid": l.own.ToNonAD()}}},
		})
		if err != nil {
			return err
		}
		profile, ok := answer.GetOptionalChildByTag("business_profile", "profile")
		if !ok {
			return engine.Errorf(engine.CodeNotFound, "the account is no WhatsApp Business account")
		}
		b = businessOf(profile)
		return nil
	})
	return b, err
}

func businessOf(profile waBinary.Node) (b engine.Business) {
	b.Address, b.Description, b.Email = textIn(profile, "address"), textIn(profile, "description"), textIn(profile, "email")
	for _, website := range profile.GetChildrenByTag("website") {
		if address := textOf(website); address != "" {
			b.Websites = append(b.Websites, address)
		}
	}
	b.Category = textIn(profile, "categories", "category")
	return b
}

// textIn is the text of a node below another one, "" if there is none.
func textIn(node waBinary.Node, path ...string) string {
	found, ok := node.GetOptionalChildByTag(path...)
	if !ok {
		return ""
	}
	return textOf(found)
}

func textOf(node waBinary.Node) string {
	switch text := node.Content.(type) {
	case []byte:
		return string(text)
	case string:
		return text
	}
	return ""
}

// ChangeBusiness implements engine.OwnProfile, with what Baileys sends: websites are
// replaced together, and everything else that is left out stays.
func (c *conn) ChangeBusiness(ctx context.Context, change engine.BusinessChange) error {
	return c.change(ctx, func(ctx context.Context, l *link) error {
		_, err := l.askBusiness(ctx, "set", waBinary.Node{
			Tag:     "business_profile",
			Attrs:   waBinary.Attrs{"v": businessChangeVersion, "mutation_type": "delta"},
			Content: businessNodes(change),
		})
		return err
	})
}

func businessNodes(change engine.BusinessChange) (nodes []waBinary.Node) {
	for _, member := range []struct {
		tag  string
		text *string
	}{{"address", change.Address}, {"email", change.Email}, {"description", change.Description}} {
		if member.text != nil {
			nodes = append(nodes, waBinary.Node{Tag: member.tag, Content: []byte(*member.text)})
		}
	}
	if change.Websites != nil {
		for _, address := range *change.Websites {
			nodes = append(nodes, waBinary.Node{Tag: "website", Content: []byte(address)})
		}
		if len(*change.Websites) == 0 { // assumed: an empty one takes them away, as an empty text does with the others
			nodes = append(nodes, waBinary.Node{Tag: "website", Content: []byte{}})
		}
	}
	return nodes
}

func (l *link) askBusiness(ctx context.Context, kind whatsmeow.DangerousInfoQueryType, content waBinary.Node) (*waBinary.Node, error) {
	//lint:ignore SA1019 there is no other way to send an iq
	return l.client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "w:biz", Type: kind, To: types.ServerJID, Content: []waBinary.Node{content},
	})
}

// SetAbout implements engine.OwnProfile.
func (c *conn) SetAbout(ctx context.Context, text string) error {
	return c.change(ctx, func(ctx context.Context, l *link) error {
		return l.client.SetStatusMessage(ctx, types.SetStatusInput{Text: &text})
	})
}

// SetPicture implements engine.OwnProfile. whatsmeow has this for groups; of the account
// itself it differs in that nobody is named (source: Baileys chats.js).
func (c *conn) SetPicture(ctx context.Context, jpeg []byte) error {
	return c.change(ctx, func(ctx context.Context, l *link) error {
		_, err := l.client.SetGroupPhoto(ctx, types.EmptyJID, jpeg)
		if errors.Is(err, whatsmeow.ErrInvalidImageFormat) {
			return engine.WrapError(engine.CodeMediaInvalid, err, "WhatsApp does not take this picture: it must be a square JPEG")
		}
		return err
	})
}
