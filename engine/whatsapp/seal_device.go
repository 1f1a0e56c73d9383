package whatsapp

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/util/keys"
)

// sealedContainer writes devices down with their keys sealed. whatsmeow changes names
// and addresses of a device later, and never its keys.
type sealedContainer struct {
	store.DeviceContainer
	devices *devices
}

// keeper is the container that devices are written down with.
func (d *devices) keeper() store.DeviceContainer {
	if d.box == nil {
		return d.container
	}
	return sealedContainer{d.container, d}
}

// PutDevice implements store.DeviceContainer.
func (c sealedContainer) PutDevice(ctx context.Context, device *store.Device) error {
	if device.ID == nil {
		return c.DeviceContainer.PutDevice(ctx, device) // refuses
	}
	masked := *device
	masked.NoiseKey, masked.IdentityKey = new(keys.KeyPair), new(keys.KeyPair)
	masked.NoiseKey.Priv, masked.IdentityKey.Priv = new([32]byte), new([32]byte)
	masked.SignedPreKey = &keys.PreKey{KeyPair: *masked.NoiseKey, KeyID: device.SignedPreKey.KeyID, Signature: device.SignedPreKey.Signature}
	masked.AdvSecretKey = make([]byte, 32)
	name := device.ID.String()
	sealed := c.devices.box.Seal(deviceKeys(device), kindDevice, name)
	err := c.devices.tables.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := c.DeviceContainer.PutDevice(ctx, &masked); err != nil {
			return err
		}
		_, err := c.devices.tables.Exec(ctx, `INSERT INTO wapid_sealed_devices (jid, sealed) VALUES ($1, $2) ON CONFLICT (jid) DO NOTHING`, name, sealed)
		return err
	})
	if err != nil || device.Initialized {
		return err
	}
	// The copy has got the stores of a device that is known now.
	device.SetAllStores(masked.EventBuffer.(store.AllSessionSpecificStores))
	device.LIDs, device.Initialized = masked.LIDs, true
	return c.devices.attach(device)
}

// unseal puts the keys of a device that was read into their places.
func (d *devices) unseal(ctx context.Context, device *store.Device) error {
	if d.box == nil {
		return nil
	}
	var sealed []byte
	name := device.ID.String()
	if err := d.db.QueryRowContext(ctx, `SELECT sealed FROM wapid_sealed_devices WHERE jid = $1`, name).Scan(&sealed); err != nil {
		return err
	}
	all, err := d.box.Open(sealed, kindDevice, name)
	if err != nil {
		return err
	}
	if len(all) < 3*32 {
		return fmt.Errorf("a device's keys have %d bytes", len(all))
	}
	device.NoiseKey = keys.NewKeyPairFromPrivateKey([32]byte(all))
	device.IdentityKey = keys.NewKeyPairFromPrivateKey([32]byte(all[32:]))
	device.SignedPreKey.KeyPair = *keys.NewKeyPairFromPrivateKey([32]byte(all[64:]))
	device.AdvSecretKey = all[96:]
	return nil
}
