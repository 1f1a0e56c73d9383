package bench

import (
	"time"

	"wapid/cmd/wapid/bench/load"
	"wapid/cmd/wapid/bench/report"
)

// meters read CPU times at two moments.
type meters struct {
	read   map[report.Metric]load.Meter
	before map[report.Metric]time.Duration
}

// startMeters reads for the first time. A nil meter is left out.
func startMeters(list map[report.Metric]load.Meter) (*meters, error) {
	m := &meters{read: list, before: map[report.Metric]time.Duration{}}
	for metric, meter := range list {
		if meter == nil {
			delete(list, metric)
			continue
		}
		var err error
		if m.before[metric], err = meter(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// into reads again, and writes what was used for each of so many messages, in
// milliseconds.
func (m *meters) into(values report.Values, messages int) error {
	for metric, meter := range m.read {
		after, err := meter()
		if err != nil {
			return err
		}
		values[metric] = milliseconds(after-m.before[metric]) / float64(messages)
	}
	return nil
}

// networkMeter is nil when the network belongs to somebody else.
func (h *harness) networkMeter() load.Meter {
	if h.network == nil {
		return nil
	}
	return func() (time.Duration, error) { return load.ProcessCPU(h.network.pid()) }
}
