package simnet

import (
	"bytes"
	"context"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// SendMedia encrypts and uploads a file and sends the message that describes
// it. It fails for an unknown kind and where Send does.
func (p *Phone) SendMedia(ctx context.Context, to types.JID, media Media) (types.MessageID, error) {
	stored, err := p.upload(media.Kind, media.Data)
	if err != nil {
		return "", err
	}
	message, err := mediaMessage(media, stored)
	if err != nil {
		return "", err
	}
	return p.Send(ctx, to, message)
}

// upload encrypts a file and puts it on the media host.
func (p *Phone) upload(kind MediaKind, data []byte) (storedMedia, error) {
	class, err := mediaClassOf(kind)
	if err != nil {
		return storedMedia{}, err
	}
	sealed, err := sealMedia(class, data)
	if err != nil {
		return storedMedia{}, err
	}
	path, err := p.server.media.store(bytes.NewReader(sealed.body), nil)
	if err != nil {
		return storedMedia{}, err
	}
	return storedMedia{sealedMedia: sealed, url: p.server.media.url(path), directPath: path, at: p.server.clock()}, nil
}

// Download fetches and decrypts the file of a received message. It fails when
// the message has none, when the media host has lost it, and when it isn't what
// the message describes.
func (p *Phone) Download(_ context.Context, received Received) ([]byte, error) {
	kind, stored, ok := mediaOf(received.Message)
	if !ok {
		return nil, fmt.Errorf("%w: no file", ErrUnknownMessage)
	}
	body, ok := p.server.media.fetch(stored.directPath)
	if !ok {
		return nil, fmt.Errorf("%w: not on the media host", errBadMedia)
	}
	class, err := mediaClassOf(kind)
	if err != nil {
		return nil, err
	}
	return openMedia(class, stored.sealedMedia, body)
}

// answerMediaRetry uploads a file again when a linked device found it gone,
// and tells the device where (source: whatsmeow mediaretry.go).
func (p *Phone) answerMediaRetry(receipt *waBinary.Node) {
	id := attrText(receipt, "id")
	from, _ := attrJID(receipt, "from")
	rmr, hasRMR := child(receipt, "rmr")
	iv, request := childContent(receipt, "encrypt", "enc_iv"), childContent(receipt, "encrypt", "enc_p")
	if !hasRMR {
		return // About a history sync: the device asks for that anew.
	}
	note := p.server.notification("mediaretry", p.JID(), *rmr)
	note.Attrs["id"] = id
	kind, stored, ok := p.mediaByID(id)
	if !ok {
		// Code 2 means that the phone has no such file (whatsmeow errors.go).
		note.Content = []waBinary.Node{*rmr, {Tag: "error", Attrs: waBinary.Attrs{"code": "2"}}}
		p.server.deliver(p.account, from.Device, note)
		return
	}
	if err := openMediaRetry(id, stored.key, iv, request); err != nil {
		p.server.noteUnhandled("phone: media retry: " + err.Error())
		return
	}
	path := ""
	if !p.hasLost(id) {
		path, _ = p.server.media.again(stored.directPath)
	}
	newIV, answer, err := sealMediaRetry(id, stored.key, path)
	if err != nil {
		p.server.noteUnhandled("phone: media retry of " + string(kind) + ": " + err.Error())
		return
	}
	note.Content = []waBinary.Node{*rmr, {Tag: "encrypt", Content: []waBinary.Node{
		{Tag: "enc_p", Content: answer}, {Tag: "enc_iv", Content: newIV},
	}}}
	p.server.deliver(p.account, from.Device, note)
}

// ExpireFile makes the media host drop the file of a message, as it does after
// some weeks. The phone still has its own copy. It fails with ErrUnknownMessage.
func (p *Phone) ExpireFile(id types.MessageID) error {
	_, stored, ok := p.mediaByID(id)
	if !ok || !p.server.media.expire(stored.directPath) {
		return ErrUnknownMessage
	}
	return nil
}

// LoseFile makes the phone forget the file of a message, as an owner does who
// clears its storage: it can't upload it again. It fails with ErrUnknownMessage.
// The loss is not written to the state file.
func (p *Phone) LoseFile(id types.MessageID) error {
	if _, _, ok := p.mediaByID(id); !ok {
		return ErrUnknownMessage
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost == nil {
		p.lost = make(map[types.MessageID]bool)
	}
	p.lost[id] = true
	return nil
}

func (p *Phone) hasLost(id types.MessageID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost[id]
}

// mediaByID finds the file of a message that the phone sent or received.
func (p *Phone) mediaByID(id types.MessageID) (MediaKind, storedMedia, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.findSent(id); m != nil {
		return mediaOf(m.message)
	}
	for _, r := range p.inbox {
		if r.ID == id && r.Message != nil {
			return mediaOf(r.Message)
		}
	}
	return "", storedMedia{}, false
}
