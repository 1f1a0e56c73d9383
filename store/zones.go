package store

import (
	"sync"
	"time"
)

// zones keeps the time zones that were looked up: reading one from the disk
// costs far more than what it is needed for.
type zones struct{ byName sync.Map }

// find returns UTC for a name that is no time zone: tenants are checked when
// they are written, so that is a zone that this machine does not know.
func (z *zones) find(name string) *time.Location {
	if zone, ok := z.byName.Load(name); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC
	}
	z.byName.Store(name, zone)
	return zone
}
