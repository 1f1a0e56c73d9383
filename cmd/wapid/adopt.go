package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"wapid/engine"
	"wapid/engine/parcel"
	"wapid/engine/whatsapp"
)

// sessionAdopt is `wapid session adopt`. wuzapi and go-whatsapp-web-multidevice both
// keep their devices in a SQLite file with whatsmeow's tables, as this daemon does.
type sessionAdopt struct {
	From    string `arg:"" help:"The device store: a file, or the directory of wuzapi (dbdata/main.db) or go-whatsapp-web-multidevice (storages/whatsapp.db)."`
	Tenant  string `help:"The tenant that gets the sessions (default ${default})." default:"default" placeholder:"ID"`
	Session string `help:"What the session is called; of several, what their names begin with (default ${default})." default:"adopted" placeholder:"ID"`
	Device  string `help:"The one to take, by its number." placeholder:"NUMBER"`
	All     bool   `help:"Take every device of the store."`
}

// storesWithin are where the programs keep their device store in their own directory.
var storesWithin = [...]string{"dbdata/main.db", "storages/whatsapp.db", "main.db", "whatsapp.db"}

// Run copies the store, so that it stays as it is, and imports from the copy.
func (c *sessionAdopt) Run(env *environment, s *sessionCommand) error {
	shell, err := connectShell(env, s.Data)
	if err != nil {
		return err
	}
	path, err := findStore(c.From)
	if err != nil {
		return err
	}
	if err := refuseOpen(path); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "wapid-adopt-*")
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	defer os.RemoveAll(work)
	copied := filepath.Join(work, "store.db")
	if err := copyStore(path, copied); err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	devices, err := c.choose(env.ctx, copied)
	if err != nil {
		return err
	}
	for i, d := range devices {
		name := c.Session
		if len(devices) > 1 {
			name = fmt.Sprintf("%s-%d", name, i+1)
		}
		if err := adoptOne(env.ctx, shell, copied, filepath.Join(work, fmt.Sprint("device-", i)), c.Tenant, name, d); err != nil {
			return fmt.Errorf("%s: %w", d.Person.Phone.User(), err)
		}
		fmt.Fprintf(env.stdout, "%s of %s is +%s, and starts.\n", name, c.Tenant, d.Person.Phone.User())
	}
	fmt.Fprintf(env.stdout, "Never start what used %s again with these devices: two with the same device destroy each other's sessions.\n", path)
	return nil
}

// findStore finds the device store in a program's directory.
func findStore(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("adopt: %w", err)
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, name := range storesWithin {
		within := filepath.Join(path, name)
		if info, err := os.Stat(within); err == nil && info.Mode().IsRegular() {
			return within, nil
		}
	}
	return "", fmt.Errorf("%s holds none of %s: name the device store's file", path, strings.Join(storesWithin[:], ", "))
}

// refuseOpen returns an error if a process of this machine has the file open, as far
// as this one may see.
func refuseOpen(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	wanted, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	open, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	for _, fd := range open {
		var found syscall.Stat_t
		// Most of them are gone already, or are somebody else's.
		if syscall.Stat(fd, &found) == nil && found.Dev == wanted.Dev && found.Ino == wanted.Ino {
			return fmt.Errorf("%s is in use by process %s: stop it first, or both destroy each other's sessions", path, strings.Split(fd, "/")[2])
		}
	}
	return nil
}

// copyStore copies the files of a database that nobody has open: SQLite would merge a
// log that its program has left, and could not open it on a disk that is read-only.
func copyStore(from, to string) error {
	from, err := filepath.EvalSymlinks(from) // a log stands beside the file itself
	if err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if err := copyPlain(from+suffix, to+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

func copyPlain(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// choose lists the devices to take.
func (c *sessionAdopt) choose(ctx context.Context, path string) ([]engine.Identity, error) {
	found, err := whatsapp.Identify(ctx, path)
	if err != nil {
		return nil, err
	}
	if c.Device != "" {
		number := strings.TrimPrefix(c.Device, "+")
		found = slices.DeleteFunc(found, func(id engine.Identity) bool { return id.Person.Phone.User() != number })
	}
	switch {
	case len(found) == 0:
		return nil, errors.New("there is no such device in the store")
	case len(found) > 1 && !c.All:
		numbers := make([]string, len(found))
		for i, id := range found {
			numbers[i] = "+" + id.Person.Phone.User()
		}
		return nil, usageError{fmt.Errorf("the store holds %s: choose one with --device, or add --all", strings.Join(numbers, ", "))}
	}
	return found, nil
}

// adoptOne imports a device of a store's copy; path is where its own file may stand.
func adoptOne(ctx context.Context, shell *operatorShell, from, path, tenant, session string, id engine.Identity) error {
	if err := whatsapp.Extract(ctx, from, id.Device, path); err != nil {
		return err
	}
	passphrase := rand.Text()
	packed, err := os.OpenFile(path+".parcel", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", path)
	}
	if err != nil {
		return err
	}
	defer packed.Close()
	if err := parcel.PackOnce(packed, passphrase, parcel.Head{Device: id.Device}, path); err != nil {
		return err
	}
	if _, err := packed.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return importParcel(shell, tenant, session, passphrase, packed)
}
