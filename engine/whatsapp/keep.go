package whatsapp

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow/store"
)

// errKept tells whatsmeow that a device was not deleted.
var errKept = errors.New("the device is deleted when its connection is down")

// keptContainer keeps whatsmeow from taking a device apart at the server's word
// that the account has removed it: Device.Delete exchanges the stores of a device
// under the goroutines that work with them, the fetching of the account's settings
// after the pairing for one. The connection deletes the device's keys itself, as
// soon as whatsmeow has come to rest (see link.takeDown).
type keptContainer struct{ store.DeviceContainer }

// DeleteDevice implements store.DeviceContainer.
func (keptContainer) DeleteDevice(context.Context, *store.Device) error { return errKept }
