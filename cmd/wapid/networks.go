package main

import (
	"context"
	"time"

	"wapid/engine"
	"wapid/engine/cloudapi"
	"wapid/engine/whatsapp"
	"wapid/webhooks"
)

// How long Meta's official API may take for a call, and for a file with its transfer.
const (
	officialCall = time.Minute
	officialFile = 45 * time.Minute
)

// networks are the two networks as the engine's one: a session with credentials of Meta's
// official API speaks over that, every other one as a linked device.
type networks struct {
	linked   *whatsapp.Network
	official *cloudapi.Network
}

var (
	_ engine.Network = networks{}
	_ engine.Mover   = networks{}
)

// openOfficial makes Meta's official API a network. Every address that a tenant names, or
// that Meta's API names for a file, passes the guard.
func (a *app) openOfficial(guard *webhooks.Guard, c appConfig) *cloudapi.Network {
	calls, files := guard.Client(officialCall, 0), guard.Client(officialFile, 3)
	a.closers = append(a.closers, func() error {
		calls.CloseIdleConnections()
		files.CloseIdleConnections()
		return nil
	})
	return cloudapi.New(cloudapi.Options{Store: a.store, Calls: calls, Files: files, Log: c.Log.Named("cloudapi"), Clock: c.Clock})
}

// Pair implements engine.Network.
func (n networks) Pair(ctx context.Context, line engine.Line, h engine.Handler) (engine.Conn, error) {
	official, err := n.official.Knows(ctx, line.Session)
	switch {
	case err != nil:
		return nil, err
	case official:
		return n.official.Pair(ctx, line, h)
	}
	return n.linked.Pair(ctx, line, h)
}

// Open implements engine.Network.
func (n networks) Open(ctx context.Context, line engine.Line, device engine.DeviceID, h engine.Handler) (engine.Conn, error) {
	if cloudapi.IsDevice(device) {
		return n.official.Open(ctx, line, device, h)
	}
	return n.linked.Open(ctx, line, device, h)
}

// Forget implements engine.Network.
func (n networks) Forget(ctx context.Context, device engine.DeviceID) error {
	if cloudapi.IsDevice(device) {
		return n.official.Forget(ctx, device)
	}
	return n.linked.Forget(ctx, device)
}

// NewMessageID implements engine.Network. An id of WhatsApp's own clients serves both.
func (n networks) NewMessageID() engine.MessageID { return n.linked.NewMessageID() }

// Info implements engine.Network: what is told of the daemon is the version of its linked
// devices.
func (n networks) Info() engine.NetworkInfo { return n.linked.Info() }

// Export implements engine.Mover.
func (n networks) Export(ctx context.Context, device engine.DeviceID, path string) error {
	if cloudapi.IsDevice(device) {
		return errNothingToMove()
	}
	return n.linked.Export(ctx, device, path)
}

// Identify implements engine.Mover.
func (n networks) Identify(ctx context.Context, path string) ([]engine.Identity, error) {
	return n.linked.Identify(ctx, path)
}

// Import implements engine.Mover.
func (n networks) Import(ctx context.Context, path string, device engine.DeviceID) error {
	if cloudapi.IsDevice(device) {
		return errNothingToMove()
	}
	return n.linked.Import(ctx, path, device)
}

// Renew implements engine.Mover. There is no encryption to begin anew.
func (n networks) Renew(ctx context.Context, device engine.DeviceID) error {
	if cloudapi.IsDevice(device) {
		return nil
	}
	return n.linked.Renew(ctx, device)
}

func errNothingToMove() error {
	return engine.Errorf(engine.CodeNotSupported, "a session of Meta's official API has no device that could be moved")
}
