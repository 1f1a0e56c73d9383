package simnet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.mau.fi/whatsmeow/util/keys"
	"go.uber.org/zap"
)

// stateVersion is written into the state file; a newer one is refused.
const stateVersion = 1

// saveDelay is how long a change may wait before it is written. A network that
// is killed forgets at most this much, which no real network does: tests that
// kill the far side as well must stop it properly.
const saveDelay = 2 * time.Second

// savedNetwork is the state file: everything but connections, faults and the
// ledger. It holds private keys of the phones and is readable for its owner
// only.
type savedNetwork struct {
	Version  int             `json:"version"`
	CA       *authority      `json:"ca"`
	Noise    savedNoise      `json:"noise"`
	Absent   []string        `json:"absent,omitempty"`
	Accounts []savedAccount  `json:"accounts"`
	Groups   json.RawMessage `json:"groups,omitempty"`
}

type savedNoise struct {
	Root   []byte `json:"root"`
	Static []byte `json:"static"` // private
	Chain  []byte `json:"chain"`
}

// saver writes the state file: soon after a change and when the network stops.
// Without a path it does nothing.
type saver struct {
	server *Server
	path   string
	dirty  chan struct{}
}

func newSaver(s *Server, path string) *saver {
	return &saver{server: s, path: path, dirty: make(chan struct{}, 1)}
}

// touch notes that something changed. It never blocks and takes no lock.
func (v *saver) touch() {
	if v.path == "" {
		return
	}
	select {
	case v.dirty <- struct{}{}:
	default:
	}
}

// run saves after changes until ctx ends. A large state is saved less often, so
// that saving takes no more than a fifth of the time.
func (v *saver) run(ctx context.Context) {
	for {
		select {
		case <-v.dirty:
		case <-ctx.Done():
			return
		}
		start := time.Now()
		if err := v.save(); err != nil {
			v.server.log.Error("state not saved", zap.Error(err))
		}
		timer := time.NewTimer(max(saveDelay, 4*time.Since(start)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// save writes the state beside the file and then takes its place, so that a
// crash leaves either the old state or the new one.
func (v *saver) save() (err error) {
	if v.path == "" {
		return nil
	}
	state, err := v.snapshot()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(v.path), filepath.Base(v.path)+".*")
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // The error that counts is already there.
		}
	}()
	out := bufio.NewWriter(file)
	err = errors.Join(json.NewEncoder(out).Encode(state), out.Flush(), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), v.path)
	}
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

func (v *saver) snapshot() (*savedNetwork, error) {
	s := v.server
	state := &savedNetwork{
		Version: stateVersion, CA: s.ca, Absent: s.directory.listAbsent(),
		Noise: savedNoise{Root: s.noise.Root[:], Static: s.noise.Static.Priv[:], Chain: s.noise.Chain},
	}
	var failed error
	state.Groups, failed = s.groups.save()
	s.directory.each(func(acct *account) {
		saved, err := acct.save()
		failed = errors.Join(failed, err)
		state.Accounts = append(state.Accounts, saved)
	})
	return state, failed
}

// load reads the state file into a server that isn't running. No file means a
// new network. It fails when the file is damaged or of a newer version.
func (v *saver) load() error {
	if v.path == "" {
		return nil
	}
	raw, err := os.ReadFile(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var state savedNetwork
	if err = json.Unmarshal(raw, &state); err != nil {
		return fmt.Errorf("read state %s: %w", v.path, err)
	}
	if state.Version > stateVersion {
		return fmt.Errorf("state %s has version %d, this program knows up to %d", v.path, state.Version, stateVersion)
	}
	if err = v.server.restore(&state); err != nil {
		return fmt.Errorf("state %s: %w", v.path, err)
	}
	return nil
}

var errDamagedState = errors.New("damaged")

func (s *Server) restore(state *savedNetwork) error {
	if state.CA == nil || len(state.Noise.Root) != 32 || len(state.Noise.Static) != 32 {
		return errDamagedState
	}
	s.ca = state.CA
	s.noise = &noiseIdentity{
		Root: [32]byte(state.Noise.Root), Chain: state.Noise.Chain,
		Static: keys.NewKeyPairFromPrivateKey([32]byte(state.Noise.Static)),
	}
	s.directory.setAbsent(state.Absent)
	if err := s.groups.restore(state.Groups); err != nil {
		return err
	}
	// Accounts refer to each other: all must be there before any is filled.
	for _, saved := range state.Accounts {
		acct := newAccount(saved.Number, saved.LID)
		s.directory.byNumber[saved.Number], s.directory.byLID[saved.LID] = acct, acct
	}
	for _, saved := range state.Accounts {
		if err := s.restoreAccount(saved); err != nil {
			return fmt.Errorf("account: %w", err)
		}
	}
	return nil
}
