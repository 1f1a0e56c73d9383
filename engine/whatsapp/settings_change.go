package whatsapp

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// settingsTries is how often a change of the account's settings is tried while
// other devices of the account change them as well.
const settingsTries = 5

// errSettingsMoved says that the server has changes that the device has not seen.
var errSettingsMoved = errors.New("the account's settings have changed meanwhile")

// changeSettings writes a setting that all devices of the account share, made
// under the phone's key. It returns CodeNetworkRefused if the server takes it in
// none of settingsTries.
//
// whatsmeow's SendAppState is not used: it reads the device's picture of the
// settings without the lock under which what others have changed is written into
// it. A change that is made of half a picture is no change that other devices can
// verify, and the server, which can't read it, takes it all the same.
func (l *link) changeSettings(ctx context.Context, key []byte, change appstate.PatchInfo) error {
	for range settingsTries {
		err := l.sendSettings(ctx, key, change)
		if err != nil && !errors.Is(err, errSettingsMoved) {
			return err
		}
		// What the server has, this change included, becomes the device's picture.
		stale := l.client.FetchAppState(ctx, change.Type, false, false)
		if stale != nil && explainQuery(stale, context.Cause(ctx), false).Code == engine.CodeNetworkRefused {
			stale = l.client.FetchAppState(ctx, change.Type, true, false)
		}
		if err == nil {
			return nil // with an old picture the next change is told that they have moved
		}
		if stale != nil {
			return stale
		}
	}
	return engine.WrapError(engine.CodeNetworkRefused, errSettingsMoved, "other devices of the account change its settings all the time")
}

// lockedWork is the key of a context's work that is to be done while whatsmeow
// holds its lock on the settings.
type lockedWork struct{}

// sendSettings makes a change of the device's picture and sends it. It does so
// where whatsmeow reads that picture under its lock, which has no other way in: a
// fetch that fetches nothing, as the settings have been fetched before.
func (l *link) sendSettings(ctx context.Context, key []byte, change appstate.PatchInfo) error {
	var err error
	done := false
	locked := context.WithValue(ctx, lockedWork{}, func() {
		if !done {
			done = true
			err = l.sendSettingsLocked(ctx, key, change)
		}
	})
	if fetched := l.client.FetchAppState(locked, change.Type, false, true); !done {
		return errors.Join(errSettingsMoved, fetched) // never taken for a success
	}
	return err // what the fetch says beyond that, the next one says again
}

// GetAppStateVersion is what a fetch of the settings begins with.
func (g *guardedStore) GetAppStateVersion(ctx context.Context, name string) (uint64, [128]byte, error) {
	if work, ok := ctx.Value(lockedWork{}).(func()); ok {
		work()
	}
	return g.AllSessionSpecificStores.GetAppStateVersion(ctx, name)
}

func (l *link) sendSettingsLocked(ctx context.Context, key []byte, change appstate.PatchInfo) error {
	version, hash, err := l.device.AppState.GetAppStateVersion(ctx, string(change.Type))
	if err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the device store failed")
	}
	maker := appstate.NewProcessor(l.device, l.client.Log.Sub("AppState"))
	patch, err := maker.EncodePatch(ctx, key, appstate.HashState{Version: version, Hash: hash}, change)
	if err != nil {
		return err
	}
	//lint:ignore SA1019 there is no other way to send an iq
	answer, err := l.client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "w:sync:app:state", Type: "set", To: types.ServerJID,
		Content: []waBinary.Node{{Tag: "sync", Content: []waBinary.Node{{
			Tag:     "collection",
			Attrs:   waBinary.Attrs{"name": string(change.Type), "version": version, "return_snapshot": false},
			Content: []waBinary.Node{{Tag: "patch", Content: patch}},
		}}}},
	})
	if err != nil {
		return err
	}
	collection, ok := answer.GetOptionalChildByTag("sync", "collection")
	if !ok {
		return engine.Errorf(engine.CodeNetworkRefused, "WhatsApp's answer could not be used")
	}
	if collection.AttrGetter().OptionalString("type") != "error" {
		return nil
	}
	failure := collection.GetChildByTag("error")
	if failure.AttrGetter().OptionalInt("code") == 409 {
		return errSettingsMoved
	}
	return engine.Errorf(engine.CodeNetworkRefused, "WhatsApp refused the change of the account's settings")
}
