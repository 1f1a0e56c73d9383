package whatsapp

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/store/seal"
)

// sampleSession is about as long as a Signal session between two phones.
const sampleSession = 600

// linkedDevice stores a device, without a network, and opens it as a link does.
func linkedDevice(t testing.TB, d *devices, number int) (*store.Device, *guardedStore) {
	t.Helper()
	own := types.JID{User: fmt.Sprint(447700900000 + number), Device: 7, Server: types.DefaultUserServer}
	device := d.make()
	device.ID, device.LID = &own, types.JID{User: fmt.Sprint(90000 + number), Device: 7, Server: types.HiddenUserServer}
	key := make([]byte, 64)
	device.Account = &waAdv.ADVSignedDeviceIdentity{Details: key, AccountSignature: key, AccountSignatureKey: key[:32], DeviceSignature: key}
	if err := device.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	device, err := d.load(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	never := &throttle{every: purgeEvery, clock: time.Now}
	never.due()
	g, err := guard(device, func(err error) { t.Error(err) }, purges{outgoing: never, hashes: never})
	if err != nil {
		t.Fatal(err)
	}
	return device, g
}

// storeSend makes the calls that whatsmeow's SendMessage makes of the device store for
// a text to somebody who was written to before, to two devices.
func storeSend(t testing.TB, device *store.Device, g *guardedStore, id string) {
	ctx, settle, end := g.outgoing(t.Context())
	defer end()
	to := types.JID{User: "49170555", Server: types.DefaultUserServer}
	lid, err := device.LIDs.GetLIDForPN(ctx, to)
	if err != nil || lid.IsEmpty() {
		t.Error("no LID: ", err)
	}
	if err := device.EventBuffer.AddOutgoingEvent(ctx, lid, id, "wa", make([]byte, 60)); err != nil {
		t.Error(err)
	}
	addresses := []string{lid.SignalAddress().String(), device.LID.ToNonAD().SignalAddress().String()}
	if _, err = device.Sessions.GetManySessions(ctx, addresses); err != nil {
		t.Error(err)
	}
	changed := make(map[string][]byte, len(addresses))
	for _, address := range addresses {
		if ok, err := device.Identities.IsTrustedIdentity(ctx, address, [32]byte{1}); err != nil || !ok {
			t.Error("not trusted: ", err)
		}
		if err := device.Identities.PutIdentity(ctx, address, [32]byte{1}); err != nil {
			t.Error(err)
		}
		changed[address] = make([]byte, sampleSession)
	}
	if err := device.Sessions.PutManySessions(ctx, changed); err != nil {
		t.Error(err)
	}
	if _, err := device.PrivacyTokens.GetPrivacyToken(ctx, lid); err != nil {
		t.Error(err)
	}
	if _, err := device.NCTSalt.GetNCTSalt(ctx); err != nil {
		t.Error(err)
	}
	if err := settle(); err != nil {
		t.Error(err)
	}
}

// storeReceive makes the calls that whatsmeow makes for a message that it decrypts. What
// it returns is called when the message is committed, which is later.
func storeReceive(t testing.TB, device *store.Device, g *guardedStore, hash [32]byte) (stored func() error) {
	ctx := t.Context()
	from := types.JID{User: "49170555", Server: types.DefaultUserServer}
	lid, err := device.LIDs.GetLIDForPN(ctx, from)
	if err != nil {
		t.Error(err)
	}
	if err := device.Sessions.MigratePNToLID(ctx, from, lid); err != nil {
		t.Error(err)
	}
	address := lid.SignalAddress().String()
	if _, err := device.EventBuffer.GetBufferedEvent(ctx, hash); err != nil {
		t.Error(err)
	}
	err = device.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		if _, err := device.Sessions.HasSession(ctx, address); err != nil {
			return err
		}
		if _, err := device.Sessions.GetSession(ctx, address); err != nil {
			return err
		}
		if ok, err := device.Identities.IsTrustedIdentity(ctx, address, [32]byte{1}); err != nil || !ok {
			return fmt.Errorf("not trusted: %w", err)
		}
		if err := device.Identities.PutIdentity(ctx, address, [32]byte{1}); err != nil {
			return err
		}
		if err := device.Sessions.PutSession(ctx, address, make([]byte, sampleSession)); err != nil {
			return err
		}
		return device.EventBuffer.PutBufferedEvent(ctx, hash, make([]byte, 60), time.Unix(1_700_000_000, 0))
	})
	if err != nil {
		t.Error(err)
	}
	id := fmt.Sprintf("3EB0%X", hash[:9])
	if err := device.MsgSecrets.PutMessageSecret(ctx, lid, lid, id, hash[:]); err != nil {
		t.Error(err)
	}
	if err := device.EventBuffer.ClearBufferedEventPlaintext(ctx, hash); err != nil {
		t.Error(err)
	}
	return g.secrets.take(id)
}

// BenchmarkDeviceStore is the device store's part of a repeated send and of a received
// message. cpu-µs is the processor time of the process, for each of them.
func BenchmarkDeviceStore(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkDeviceStore(b, seal.Keys{}) })
	b.Run("sealed", func(b *testing.B) { benchmarkDeviceStore(b, seal.Keys{Current: seal.NewKey()}) })
}

func benchmarkDeviceStore(b *testing.B, keys seal.Keys) {
	for _, sessions := range []int{1, 50} {
		setup := func(b *testing.B) (all []*store.Device, guards []*guardedStore) {
			d, err := openDevices(b.Context(), b.TempDir(), keys, waLog.Noop)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = d.close() })
			for i := range sessions {
				device, g := linkedDevice(b, d, i)
				all, guards = append(all, device), append(guards, g)
			}
			err = all[0].LIDs.PutLIDMapping(b.Context(), types.JID{User: "555", Server: types.HiddenUserServer}, types.JID{User: "49170555", Server: types.DefaultUserServer})
			if err != nil {
				b.Fatal(err)
			}
			for i := range all {
				storeSend(b, all[i], guards[i], "first")
			}
			return all, guards
		}
		run := func(b *testing.B, one func(session int, n int64)) {
			b.ReportAllocs()
			var next atomic.Int64
			var wg sync.WaitGroup
			before := processorTime()
			b.ResetTimer()
			for i := range sessions {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						one(i, n)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64((processorTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
		}
		b.Run(fmt.Sprint("send/", sessions), func(b *testing.B) {
			all, guards := setup(b)
			run(b, func(session int, n int64) { storeSend(b, all[session], guards[session], fmt.Sprintf("3EB0%018X", n)) })
		})
		b.Run(fmt.Sprint("receive/", sessions), func(b *testing.B) {
			all, guards := setup(b)
			before := make([]func() error, sessions)
			run(b, func(session int, n int64) {
				stored := storeReceive(b, all[session], guards[session], [32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
				if before[session] != nil {
					if err := before[session](); err != nil {
						b.Error(err)
					}
				}
				before[session] = stored
			})
		})
	}
}

// processorTime is what the process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
