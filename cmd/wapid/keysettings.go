package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"wapid/engine/whatsapp"
	"wapid/store"
	"wapid/store/seal"
)

// keySettings say what secrets are encrypted with. A file keeps the key out of the list
// of processes, and can be mounted by what starts the daemon.
type keySettings struct {
	EncryptionKey        string `help:"Encrypt device keys, webhook secrets and proxies with this key: 32 random bytes in base64 or hexadecimal, as wapid key new prints them." name:"encryption-key" env:"WAPID_ENCRYPTION_KEY" placeholder:"KEY"`
	EncryptionKeyFile    string `help:"File that holds the encryption key, instead of --encryption-key." name:"encryption-key-file" env:"WAPID_ENCRYPTION_KEY_FILE" placeholder:"FILE"`
	EncryptionKeyOld     string `help:"The encryption key before, when --encryption-key is a new one." name:"encryption-key-old" env:"WAPID_ENCRYPTION_KEY_OLD" placeholder:"KEY"`
	EncryptionKeyOldFile string `help:"File that holds the encryption key before." name:"encryption-key-old-file" env:"WAPID_ENCRYPTION_KEY_OLD_FILE" placeholder:"FILE"`
}

// Validate refuses keys that are none. Files are read when they are needed.
func (k keySettings) Validate() error {
	for _, one := range []struct{ flag, text, file string }{
		{"--encryption-key", k.EncryptionKey, k.EncryptionKeyFile},
		{"--encryption-key-old", k.EncryptionKeyOld, k.EncryptionKeyOldFile},
	} {
		if one.text != "" && one.file != "" {
			return fmt.Errorf("%s and %s-file can't be given both", one.flag, one.flag)
		}
		if one.text == "" {
			continue
		}
		if _, err := seal.ParseKey(one.text); err != nil {
			return fmt.Errorf("%s: %w", one.flag, err)
		}
	}
	if k.EncryptionKey == "" && k.EncryptionKeyFile == "" && (k.EncryptionKeyOld != "" || k.EncryptionKeyOldFile != "") {
		return errors.New("--encryption-key-old is of use beside a new --encryption-key only")
	}
	return nil
}

// keys reads the keys.
func (k keySettings) keys() (keys seal.Keys, err error) {
	if keys.Current, err = readKey("--encryption-key", k.EncryptionKey, k.EncryptionKeyFile); err != nil {
		return keys, err
	}
	keys.Old, err = readKey("--encryption-key-old", k.EncryptionKeyOld, k.EncryptionKeyOldFile)
	return keys, err
}

// maxKeyFile is more than any key takes, in bytes.
const maxKeyFile = 4096

func readKey(flag, text, file string) (*seal.Key, error) {
	if file != "" {
		raw, err := readShort(file, maxKeyFile)
		if err != nil {
			return nil, fmt.Errorf("%s-file: %w", flag, err)
		}
		if len(raw) > maxKeyFile {
			return nil, fmt.Errorf("%s-file: %s is too long to be a key", flag, file)
		}
		flag, text = flag+"-file", string(raw)
	} else if text == "" {
		return nil, nil
	}
	key, err := seal.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return key, nil
}

// readShort reads a file up to one byte more than limit: a path that is mistyped may
// lead to one that has no end.
func readShort(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// sealState is what the two databases of a data directory say of their encryption.
type sealState struct{ own, devices seal.State }

func inspectSeal(ctx context.Context, dir string) (s sealState, err error) {
	if s.own, err = store.InspectSeal(ctx, dir); err != nil {
		return s, fmt.Errorf("%s: %w", store.FileName, err)
	}
	if s.devices, err = whatsapp.InspectSeal(ctx, dir); err != nil {
		return s, fmt.Errorf("%s: %w", whatsapp.FileName, err)
	}
	return s, nil
}

// sealed tells whether any of the two is encrypted: after a crash in the middle of a
// change one may be that is to be and the other not yet.
func (s sealState) sealed() bool { return s.own.Sealed || s.devices.Sealed }

// check returns a *seal.Refusal if the keys don't open both.
func (s sealState) check(keys seal.Keys) error {
	if err := keys.Check(store.SealPlan(), s.own); err != nil {
		return err
	}
	return keys.Check(whatsapp.SealPlan(), s.devices)
}

// keyIDs names the keys that are in use.
func (s sealState) keyIDs() string {
	switch {
	case !s.sealed():
		return ""
	case s.own.KeyID == s.devices.KeyID, !s.devices.Sealed:
		return s.own.KeyID
	case !s.own.Sealed:
		return s.devices.KeyID
	}
	return s.own.KeyID + " and " + s.devices.KeyID
}

// checkKeys refuses keys that don't fit a data directory, before anything is changed
// there.
func checkKeys(ctx context.Context, dir string, keys seal.Keys) error {
	s, err := inspectSeal(ctx, dir)
	if err != nil {
		return err
	}
	return s.check(keys)
}
