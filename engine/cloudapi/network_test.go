package cloudapi

import (
	"testing"

	"go.uber.org/goleak"

	"wapid/engine"
	"wapid/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNetwork: what every network must do, as far as one without devices can.
func TestNetwork(t *testing.T) {
	worlds := map[*testing.T]*meta{}
	world := func(t *testing.T) *meta {
		if worlds[t] == nil {
			worlds[t] = newMeta(t)
		}
		return worlds[t]
	}
	enginetest.Exercise(t, enginetest.Harness{
		Open:  func(t *testing.T) engine.Network { return world(t).net },
		Phone: func(t *testing.T) enginetest.Phone { return world(t).account() },
	})
}
