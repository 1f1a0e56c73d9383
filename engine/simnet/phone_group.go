package simnet

import (
	"errors"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

var errNoGroup = errors.New("no such group")

func (p *Phone) sendGroup(types.JID, types.MessageID, *waE2E.Message) (types.MessageID, error) {
	return "", errNoGroup
}

func (p *Phone) resendGroup(*sentMessage, *account, types.JID, int) error { return errNoGroup }
