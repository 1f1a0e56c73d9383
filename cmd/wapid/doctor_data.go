package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"wapid/engine"
	"wapid/engine/cloudapi"
	"wapid/engine/whatsapp"
	"wapid/store"
	"wapid/store/seal"
)

// Bounds of what the doctor calls enough.
const (
	roomWanted = 1 << 30   // bytes on the disk
	logWanted  = 256 << 20 // bytes of a write-ahead log that is no cause for worry
	mostSkew   = 2 * time.Minute
)

const askDaemon = "wapid health --ready asks it in full"

// lookAround finds the data directory, and whether a daemon runs on it. It makes nothing.
func (p *patient) lookAround() ([]remark, error) {
	var err error
	if p.dir, err = filepath.Abs(p.Data); err != nil {
		return nil, err
	}
	info, err := os.Stat(p.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []remark{warn("data directory", "the first start makes it; is --data right?", "%s is not there", p.dir)}, nil
	case err != nil:
		return []remark{fail("data directory", "run as the daemon's user", "%s can't be looked at", p.dir)}, nil
	case !info.IsDir():
		return []remark{fail("data directory", "name a directory with --data", "%s is no directory", p.dir)}, nil
	}
	p.there = true
	if _, err := os.Stat(filepath.Join(p.dir, "wapid.lock")); err != nil {
		return []remark{well("daemon", "none has run here yet")}, nil
	}
	unlock, err := lockData(p.dir)
	if err == nil {
		if err := unlock(); err != nil {
			return nil, err
		}
		return []remark{well("daemon", "none is running on %s", p.dir)}, nil
	}
	if !strings.Contains(err.Error(), "another daemon") {
		return []remark{fail("daemon", "the data directory needs a file system with locks, and to be the daemon's user's", "the directory can't be locked")}, nil
	}
	p.running = true
	return []remark{p.askDaemon()}, nil
}

// meetSandbox asks the network that a running sandbox has left word of, and allows what a
// sandbox does: its sessions and webhooks are nothing to the network outside.
func (p *patient) meetSandbox(found []remark) ([]remark, error) {
	file := filepath.Join(p.dir, sandboxNetwork)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	var err error
	if p.endpoint, err = whatsapp.ReadEndpoint(file); err != nil {
		return nil, err
	}
	own := *p.doctorCommand
	own.EgressAllow = strings.Trim(own.EgressAllow+","+loopback, ",")
	p.doctorCommand = &own
	return append(found, well("sandbox", "this is one: its simulated network is asked, in the place of WhatsApp")), nil
}

// askDaemon asks the daemon that runs whether it can do its work.
func (p *patient) askDaemon() remark {
	access, err := readOperator(p.dir)
	if err != nil {
		return warn("daemon", "it may just be starting", "one is running, but has left no word where")
	}
	ctx, cancel := context.WithTimeout(p.env.ctx, checkLimit)
	defer cancel()
	if err := askHealth(ctx, new(strings.Builder), localClient(checkLimit), access.URL+"/readyz"); err != nil {
		return fail("daemon", askDaemon, "one is running, and is not ready: %s", plainly(err))
	}
	return well("daemon", "one is running and ready")
}

// checkRoomAndOwner looks at the directory itself.
func checkRoomAndOwner(_ context.Context, p *patient) []remark {
	if !p.there {
		return nil
	}
	const name = "data directory"
	var bad []remark
	if err := checkRestored(p.dir); err != nil {
		bad = append(bad, fail(name, "do the restore again with --force", "a restore into it was interrupted"))
	}
	info, err := os.Stat(p.dir)
	if err != nil {
		return append(bad, fail(name, "run as the daemon's user", "it can't be looked at"))
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		bad = append(bad, fail(name, "run as the daemon's user, or chown it", "it belongs to another user"))
	} else if err := syscall.Access(p.dir, 2); err != nil {
		bad = append(bad, fail(name, "make it writable for the daemon's user", "it can't be written"))
	}
	if info.Mode().Perm()&0o077 != 0 {
		bad = append(bad, warn(name, "chmod 700 "+p.dir, "others may look into it (mode %o)", info.Mode().Perm()))
	}
	for _, file := range []string{store.FileName, whatsapp.FileName, operatorFile} {
		if info, err := os.Stat(filepath.Join(p.dir, file)); err == nil && info.Mode().Perm()&0o077 != 0 {
			bad = append(bad, fail(name, "chmod 600 "+filepath.Join(p.dir, file), "others may read %s (mode %o)", file, info.Mode().Perm()))
		}
	}
	return append(bad, checkDisk(p.dir, len(bad) > 0)...)
}

// fileSystems are those that a data directory should not be on, by their numbers in
// statfs(2), and why.
func fileSystems() map[int64]string {
	return map[int64]string{
		0x6969:     "NFS: its locks and syncs can't be relied on",
		0x517b:     "SMB: its locks and syncs can't be relied on",
		0xff534d42: "CIFS: its locks and syncs can't be relied on",
		0xfe534d42: "SMB2: its locks and syncs can't be relied on",
		0x01021997: "9p, a shared folder: its locks and syncs can't be relied on",
		0x65735546: "FUSE: whether it locks and syncs depends on what is behind it",
		0x01021994: "tmpfs: it is gone with the next start of the machine",
		0x794c7630: "overlayfs, a container's own layer: it is gone with the container",
	}
}

// checkDisk looks at the file system that holds the directory.
func checkDisk(dir string, unwell bool) []remark {
	const name = "data directory"
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return []remark{fail(name, "look at the disk", "its file system does not answer")}
	}
	room := disk.Bavail * uint64(disk.Bsize)
	var bad []remark
	switch {
	case room < leastRoom:
		bad = append(bad, fail(name, "make room", "%d MiB are left on the disk", room>>20))
	case room < roomWanted:
		bad = append(bad, warn(name, "make room", "%d MiB are left on the disk", room>>20))
	}
	if why, known := fileSystems()[int64(disk.Type)&0xffffffff]; known {
		bad = append(bad, warn(name, "put it on a local disk", "it is on %s", why))
	}
	if len(bad) == 0 && !unwell {
		bad = append(bad, well(name, "%s, private, %d GiB are free", dir, room>>30))
	}
	return bad
}

func checkOwnDatabase(ctx context.Context, p *patient) []remark {
	return p.checkDatabase(ctx, store.FileName, func(schema int) (string, *remark) {
		latest := store.LatestSchema()
		if schema > latest {
			f := fail(store.FileName, "use the wapid that wrote it or a newer one", "it has schema %d, this wapid knows schemas up to %d", schema, latest)
			return "", &f
		}
		if schema < latest {
			return fmt.Sprintf("schema %d, which the next start brings to %d", schema, latest), nil
		}
		return fmt.Sprintf("schema %d", schema), nil
	})
}

func checkDeviceStore(ctx context.Context, p *patient) []remark {
	return p.checkDatabase(ctx, whatsapp.FileName, func(int) (string, *remark) {
		found, err := whatsapp.Inspect(ctx, p.dir)
		if err != nil {
			f := fail(whatsapp.FileName, "restore a backup", "its tables are not a device store's")
			return "", &f
		}
		if found.Schema > found.Known {
			f := fail(whatsapp.FileName, "use the wapid that wrote it or a newer one", "it has schema %d, this wapid knows schemas up to %d", found.Schema, found.Known)
			return "", &f
		}
		return fmt.Sprintf("schema %d, %d devices", found.Schema, len(found.Devices)), nil
	})
}

// checkDatabase looks for damage, and at the size of the write-ahead log.
func (p *patient) checkDatabase(ctx context.Context, name string, schema func(int) (string, *remark)) []remark {
	info, err := os.Stat(filepath.Join(p.dir, name))
	if err != nil {
		return []remark{skipped(name, "it is not there yet")}
	}
	version, err := store.LookAt(ctx, p.dir, name)
	if errors.Is(err, context.DeadlineExceeded) {
		return []remark{skipped(name, "its %d MiB could not be read within %v; the daemon reads all of it at every start and once a day", info.Size()>>20, checkLimit)}
	}
	if err != nil {
		return []remark{fail(name, "stop the daemon, keep a copy, and restore a backup", "%s", plainly(err))}
	}
	says, bad := schema(version)
	if bad != nil {
		return []remark{*bad}
	}
	found := []remark{well(name, "no damage, %s, %d MiB", says, info.Size()>>20)}
	if log, err := os.Stat(filepath.Join(p.dir, name+"-wal")); err == nil && log.Size() > logWanted {
		found = append(found, warn(name, "look for a process that has read it for long, such as a backup", "its write-ahead log has %d MiB", log.Size()>>20))
	}
	return found
}

// checkEncryption tells whether the secrets are encrypted, and whether the keys fit.
func checkEncryption(ctx context.Context, p *patient) []remark {
	const name = "encryption"
	if p.keysErr != nil {
		return []remark{fail(name, "wapid key new makes a key", "%s", plainly(p.keysErr))}
	}
	var s sealState
	var err error
	if p.there {
		if s, err = inspectSeal(ctx, p.dir); err != nil {
			return []remark{skipped(name, "the databases can't be read")}
		}
	}
	err = s.check(p.keys)
	switch refusal, refused := errors.AsType[*seal.Refusal](err); {
	case refused && p.keys.Current == nil && p.running:
		return []remark{well(name, "on, with key %s; the doctor was not given it", s.keyIDs())}
	case refused:
		return []remark{fail(name, "give the key that the directory is encrypted with", "%s", refusal)}
	case !s.sealed() && p.keys.Current != nil:
		return []remark{well(name, "the next start encrypts what is plain, with key %s", p.keys.Current.ID())}
	case !s.sealed():
		return []remark{warn(name, "make a key with wapid key new and start with --encryption-key-file", "off: who can read the files or a backup has the accounts")}
	case s.own.Remnants() || s.devices.Remnants():
		return []remark{warn(name, "restart the daemon while no backup runs, with as much room as the databases take", "on, but what was plain before has not been wiped from the files")}
	case !s.own.Sealed || !s.devices.Sealed:
		return []remark{warn(name, "restart the daemon with the key", "one database is encrypted and the other is not yet")}
	}
	if inside(p.dir, p.EncryptionKeyFile) {
		return []remark{warn(name, "keep the key elsewhere: it goes wherever the directory goes", "on, but the key lies in the data directory")}
	}
	return []remark{well(name, "on, with key %s", s.keyIDs())}
}

// inside tells whether a file lies in a directory.
func inside(dir, file string) bool {
	if file == "" {
		return false
	}
	abs, err := filepath.Abs(file)
	return err == nil && strings.HasPrefix(abs, dir+string(filepath.Separator))
}

// inspect reads what the daemon's database holds, with the keys if there are some.
func (p *patient) inspect(ctx context.Context) (store.Inspection, error) {
	if !p.there {
		return store.Inspection{}, fs.ErrNotExist
	}
	if _, err := os.Stat(filepath.Join(p.dir, store.FileName)); err != nil {
		return store.Inspection{}, err
	}
	return store.Inspect(ctx, p.dir, p.keys)
}

// checkDevices compares the two databases, and the newest event with the clock.
func checkDevices(ctx context.Context, p *patient) []remark {
	const name = "devices"
	own, err := p.inspection()
	if err != nil {
		return []remark{skipped(name, "%s can't be read (%s)", store.FileName, why(err)), skipped("clock", "%s can't be read", store.FileName)}
	}
	devices, err := whatsapp.Inspect(ctx, p.dir)
	if err != nil {
		return []remark{skipped(name, "%s can't be read", whatsapp.FileName), p.checkClock(own)}
	}
	return []remark{compareDevices(own, devices), p.checkClock(own)}
}

func compareDevices(own store.Inspection, devices whatsapp.Inspection) remark {
	const name = "devices"
	stored := make(map[engine.DeviceID]bool, len(devices.Devices))
	for _, device := range devices.Devices {
		stored[device] = true
	}
	linked, lost, official := 0, 0, 0
	for _, s := range own.Sessions {
		switch device := s.State.Identity.Device; {
		case device == "":
		case cloudapi.IsDevice(device):
			official++ // has credentials and no device
		default:
			linked++
			if !stored[device] {
				lost++
			}
			delete(stored, device)
		}
	}
	switch {
	case own.Tenants == 0 && len(devices.Devices) > 0:
		return fail(name, "put wapid.db back from a backup", "%d linked devices beside a database without tenants", len(devices.Devices))
	case lost > 0:
		return fail(name, "link them again, or restore both databases from one backup", "%d of %d linked sessions have no device", lost, linked)
	case len(stored) > 0:
		return warn(name, "remove them on the phones, under linked devices", "%d devices belong to no session", len(stored))
	}
	also := ""
	if official > 0 {
		also = fmt.Sprintf("; %d speak over Meta's official API and need none", official)
	}
	return well(name, "%d sessions, %d of them linked, each with its device%s", len(own.Sessions), linked, also)
}

// checkClock compares the clock with the newest event.
func (p *patient) checkClock(own store.Inspection) remark {
	if ahead := own.Newest.Sub(p.env.clock()); ahead > mostSkew {
		return fail("clock", "set the clock, by NTP", "the newest event is %v in the future", ahead.Round(time.Second))
	}
	if p.env.clock().Year() < 2025 {
		return fail("clock", "set the clock, by NTP", "it says %s", p.env.clock().Format(time.DateOnly))
	}
	return well("clock", "not behind what is stored")
}

// why is the reason for which a check is skipped.
func why(err error) string {
	if _, ok := errors.AsType[*seal.Refusal](err); ok {
		return "it is encrypted, and the key was not given"
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "it is not there yet"
	}
	return plainly(err)
}
