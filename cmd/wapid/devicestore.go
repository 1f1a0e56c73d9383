package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"wapid/engine/whatsapp"
	"wapid/store"
)

// openNetwork opens the network and its device store. One that a power cut or a
// backup has set back begins every session with another device anew. The store
// is noted as open only after that, and as closed when it is on the disk.
func (a *app) openNetwork(ctx context.Context, options whatsapp.Options) error {
	var err error
	if options.SetBack, err = a.store.DeviceStoreSetBack(ctx, deviceStoreUse(options.DataDir)); err != nil {
		return err
	}
	if options.SetBack {
		a.log.Warn("the device store was restored or copied, or open when the machine stopped: encryption with every contact begins anew")
	}
	if a.network, err = whatsapp.Open(ctx, options); err != nil {
		return err
	}
	use := deviceStoreUse(options.DataDir) // the first start has made the file
	a.closers = append(a.closers, func() error {
		if err := a.network.Close(); err != nil {
			return err
		}
		return a.store.NoteDeviceStoreClosed(context.Background(), use)
	})
	return a.store.NoteDeviceStoreOpen(ctx, use)
}

// deviceStoreUse tells the device store's file by its number in the file system: a
// copy that is put into its place has another one.
func deviceStoreUse(dir string) store.DeviceStoreUse {
	u := store.DeviceStoreUse{Boot: bootID()}
	if info, err := os.Stat(filepath.Join(dir, whatsapp.FileName)); err == nil {
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			u.File = fmt.Sprintf("%d:%d", s.Dev, s.Ino)
		}
	}
	return u
}

// bootID names this start of the machine; empty where the system does not tell.
func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}
