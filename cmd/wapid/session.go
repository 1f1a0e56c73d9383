package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wapid/engine/parcel"
)

// sessionCommand is `wapid session …`: it carries sessions from one server to another.
// The daemon of the data directory must run.
type sessionCommand struct {
	Data string `help:"Data directory of the daemon (default ${default})." default:"./data" env:"WAPID_DATA" placeholder:"DIR"`

	Export  sessionExport  `cmd:"" help:"Give a stopped session to another server, as an encrypted file."`
	Import  sessionImport  `cmd:"" help:"Take a session from such a file, and start it."`
	Reclaim sessionReclaim `cmd:"" help:"Take back a session that was exported and runs nowhere else."`
	Adopt   sessionAdopt   `cmd:"" help:"Take sessions from the device store of wuzapi, go-whatsapp-web-multidevice or another program built on whatsmeow."`
}

// moveTimeout bounds an export or an import.
const moveTimeout = 10 * time.Minute

// secrecy is what a file is encrypted with.
type secrecy struct {
	PassphraseFile string `help:"File whose first line is the passphrase; else $$WAPID_PASSPHRASE." placeholder:"FILE"`
}

// passphrase is empty if none was given.
func (s secrecy) passphrase() (string, error) {
	if s.PassphraseFile == "" {
		return os.Getenv("WAPID_PASSPHRASE"), nil
	}
	raw, err := readShort(s.PassphraseFile, 2*parcel.MaxPassphrase)
	if err != nil {
		return "", fmt.Errorf("passphrase: %w", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimRight(line, "\r"), nil
}

type sessionExport struct {
	Tenant  string `arg:"" help:"The tenant."`
	Session string `arg:"" help:"The session, which must be stopped."`
	File    string `arg:"" help:"Where the file goes."`
	secrecy `embed:""`
}

// Run writes the file under a name of its own first: what is there under the wanted
// name is a whole one.
func (c *sessionExport) Run(env *environment, s *sessionCommand) error {
	shell, err := connectShell(env, s.Data)
	if err != nil {
		return err
	}
	passphrase, err := c.passphrase()
	if err != nil {
		return err
	}
	made := passphrase == ""
	if made {
		passphrase = rand.Text()
	}
	if _, err := os.Lstat(c.File); err == nil {
		return fmt.Errorf("%s is there already", c.File)
	}
	body, err := json.Marshal(map[string]string{"passphrase": passphrase})
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(c.File), ".wapid-session-*")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer os.RemoveAll(work)
	part := filepath.Join(work, "session")
	err = shell.stream(http.MethodPost, movePath(c.Tenant, c.Session, "export"), http.Header{"Content-Type": {"application/json"}}, strings.NewReader(string(body)),
		func(answer io.Reader) error { return saveSynced(part, answer) })
	if err != nil {
		return err
	}
	if err := errors.Join(os.Rename(part, c.File), syncDir(filepath.Dir(c.File))); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if made {
		fmt.Fprintf(env.stdout, "Passphrase (shown this once): %s\n", passphrase)
	}
	fmt.Fprintf(env.stdout, "%s: import it on one other server. Here the session does not start any more; delete it when it runs there.\n", c.File)
	return nil
}

type sessionImport struct {
	Tenant  string `arg:"" help:"The tenant that gets the session."`
	Session string `arg:"" help:"What it is called from here on."`
	File    string `arg:"" help:"What export wrote."`
	secrecy `embed:""`
}

// Run hands the file to the daemon.
func (c *sessionImport) Run(env *environment, s *sessionCommand) error {
	shell, err := connectShell(env, s.Data)
	if err != nil {
		return err
	}
	passphrase, err := c.passphrase()
	if err != nil {
		return err
	}
	if passphrase == "" {
		return usageError{errors.New("name the passphrase: --passphrase-file or WAPID_PASSPHRASE")}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer f.Close()
	if err := importParcel(shell, c.Tenant, c.Session, passphrase, f); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s of %s starts. Never import this file anywhere else.\n", c.Session, c.Tenant)
	return nil
}

// importParcel gives an exported session to the daemon.
func importParcel(shell *operatorShell, tenant, session, passphrase string, from io.Reader) error {
	header := http.Header{"Content-Type": {"application/octet-stream"}, "X-Passphrase": {passphrase}}
	return shell.stream(http.MethodPost, movePath(tenant, session, "import"), header, from, func(io.Reader) error { return nil })
}

type sessionReclaim struct {
	Tenant  string `arg:"" help:"The tenant."`
	Session string `arg:"" help:"The session."`
	Yes     bool   `help:"Vouch that no other server uses its device, and none will."`
}

// Run asks the daemon.
func (c *sessionReclaim) Run(env *environment, s *sessionCommand) error {
	if !c.Yes {
		return usageError{errors.New("two servers with the same device destroy each other's sessions: add --yes if no other one has it")}
	}
	shell, err := connectShell(env, s.Data)
	if err != nil {
		return err
	}
	if _, err := shell.call(http.MethodPost, movePath(c.Tenant, c.Session, "reclaim"), nil); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "%s of %s is stopped, and can be started again.\n", c.Session, c.Tenant)
	return nil
}

func movePath(tenant, session, what string) string {
	return tenantPath(tenant, "sessions", session, what)
}

// saveSynced writes a new file that only its owner can read, and returns when it is on the disk.
func saveSynced(path string, from io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.LimitReader(from, 2*parcel.MaxDevice))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
