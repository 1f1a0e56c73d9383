package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"wapid/engine"
	"wapid/engine/media"
	"wapid/engine/whatsapp"
	"wapid/store"
)

// What a start looks after in the data directory before the services begin.

// openSpool opens the directory of files on their way, and removes what a former
// life left there; messages that still wait to be sent keep theirs.
func (a *app) openSpool(ctx context.Context, dir string) error {
	files := filepath.Join(dir, spoolDir)
	if err := a.store.MoveSpooled(ctx, files); err != nil {
		return err
	}
	keep, err := a.store.ListSpooled(ctx)
	if err != nil {
		return err
	}
	if a.spool, err = media.OpenSpool(files); err != nil {
		return err
	}
	if err := a.spool.Clean(keep); err != nil {
		return err
	}
	return a.openLibrary(ctx, dir)
}

// openLibrary opens the directory of files that were uploaded ahead of their messages,
// and removes those that nobody knows: of uploads that a crash cut off, and of files
// that were deleted just before one.
func (a *app) openLibrary(ctx context.Context, dir string) error {
	known, err := a.store.ListMediaPaths(ctx)
	if err != nil {
		return err
	}
	if a.library, err = media.OpenSpool(filepath.Join(dir, mediaDir)); err != nil {
		return err
	}
	for i, path := range known {
		known[i] = a.library.Locate(path)
	}
	return a.library.Clean(known)
}

// checkDevices compares the two databases. Linked devices beside a database
// without a tenant, as every first start makes one, mean that the daemon's own
// was lost: starting would hide that. Single devices that no session knows are left where they are, and
// told.
func (a *app) checkDevices(ctx context.Context) error {
	devices, err := a.network.Devices(ctx)
	if err != nil {
		return err
	}
	tenants, err := a.store.ListTenants(ctx)
	if err != nil {
		return err
	}
	if len(tenants) == 0 && len(devices) > 0 {
		return fmt.Errorf("%s holds %d linked devices, but %s was missing or empty: put it back, or move both away to begin anew",
			whatsapp.FileName, len(devices), store.FileName)
	}
	sessions, err := a.store.ListAllSessions(ctx)
	if err != nil {
		return err
	}
	known := make(map[engine.DeviceID]bool, len(sessions))
	for _, s := range sessions {
		known[s.State.Identity.Device] = true
	}
	unknown := slices.DeleteFunc(devices, func(d engine.DeviceID) bool { return known[d] })
	if len(unknown) > 0 {
		a.log.Warn("the device store holds devices that belong to no session", zap.Int("count", len(unknown)))
	}
	return nil
}
