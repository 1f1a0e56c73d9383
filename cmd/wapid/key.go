package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"wapid/engine/whatsapp"
	"wapid/store"
	"wapid/store/seal"
)

// keyCommand is `wapid key`: what an operator does with the key that secrets are
// encrypted with.
type keyCommand struct {
	New    keyNewCommand    `cmd:"" help:"Print a new encryption key."`
	Status keyStatusCommand `cmd:"" help:"Tell whether the secrets in a data directory are encrypted, and with which key."`
	Rotate keyRotateCommand `cmd:"" help:"Exchange the encryption key of a data directory that no daemon uses; encrypts one that is plain."`
	Remove keyRemoveCommand `cmd:"" help:"Decrypt the secrets in a data directory that no daemon uses."`
}

type keyNewCommand struct{}

// Run prints a key, and nothing else: the output can go into a file.
func (c *keyNewCommand) Run(env *environment) error {
	_, err := fmt.Fprintln(env.stdout, seal.NewKey().Text())
	return err
}

// keyedData is a data directory whose encryption a command looks at.
type keyedData struct {
	Data string `help:"Data directory of the daemon (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`
}

// databases fails if the directory does not hold a daemon's two.
func (c keyedData) databases() error {
	for _, name := range []string{store.FileName, whatsapp.FileName} {
		if _, err := os.Stat(filepath.Join(c.Data, name)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no %s in %s: start the daemon there once, or name another directory with --data", name, c.Data)
		} else if err != nil {
			return err
		}
	}
	return checkRestored(c.Data)
}

type keyStatusCommand struct {
	keyedData `embed:""`
}

// Run reads what the databases say, also beside a running daemon.
func (c *keyStatusCommand) Run(env *environment) error {
	if err := c.databases(); err != nil {
		return err
	}
	s, err := inspectSeal(env.ctx, c.Data)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name  string
		state seal.State
	}{{store.FileName, s.own}, {whatsapp.FileName, s.devices}} {
		text := "plain"
		if one.state.Sealed {
			text = "encrypted with key " + one.state.KeyID
		}
		if one.state.Remnants() {
			text += ", but what stood there before has not been wiped yet: the next start tries again"
		}
		fmt.Fprintf(env.stdout, "%s: %s\n", one.name, text)
	}
	return nil
}

type keyRotateCommand struct {
	keyedData   `embed:""`
	keySettings `embed:""`
	Renew       bool `help:"Encrypt everything anew as well, for when the databases and the old key may have been seen together."`
}

// Run wraps the databases' own keys with a new one.
func (c *keyRotateCommand) Run(env *environment) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	if keys.Current == nil {
		return usageError{errors.New("give the new key with --encryption-key or --encryption-key-file, and the one before with --encryption-key-old")}
	}
	change := seal.Keep
	if c.Renew {
		change = seal.Renew
	}
	if err := c.reseal(env, keys, change); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s: the secrets are encrypted with key %s.\n", c.Data, keys.Current.ID())
	return nil
}

type keyRemoveCommand struct {
	keyedData   `embed:""`
	keySettings `embed:""`
}

// Run puts the secrets back as they are without a key.
func (c *keyRemoveCommand) Run(env *environment) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	if err := c.reseal(env, keys, seal.Decrypt); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s: the secrets are no longer encrypted.\n", c.Data)
	return nil
}

// reseal changes both databases, once it is known that the keys fit both. A crash between
// them leaves one done; the same command or the next start does the other.
func (c keyedData) reseal(env *environment, keys seal.Keys, change seal.Change) error {
	if err := c.databases(); err != nil {
		return err
	}
	dir, err := dataDir(c.Data)
	if err != nil {
		return err
	}
	unlock, err := lockData(dir)
	if err != nil {
		return err
	}
	if err := checkKeys(env.ctx, dir, keys); err != nil {
		return errors.Join(err, unlock())
	}
	warn := func(err error) { fmt.Fprintf(env.stderr, "warning: %s\n", oneLine(err)) }
	for _, step := range []func(context.Context, string, seal.Keys, seal.Change, func(error)) error{store.Reseal, whatsapp.Reseal} {
		if err := step(env.ctx, dir, keys, change, warn); err != nil {
			return errors.Join(err, unlock())
		}
	}
	return unlock()
}
