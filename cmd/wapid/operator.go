package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// operatorFile is where the daemon leaves word, in its data directory, how a
// command on the same machine reaches it.
const operatorFile = "operator.json"

// operatorAccess is the content of that file. Whoever can read it may do what
// the operator may, so it is private to the daemon's user, as the databases are.
type operatorAccess struct {
	URL string `json:"url"`
	Key string `json:"key"` // valid as long as the daemon runs
}

// newShellKey makes the key of one run of the daemon.
func newShellKey() string { return "shell_" + rand.Text() + rand.Text() }

// write leaves the file in the data directory, in the place of any that a daemon
// before could not remove any more.
func (o operatorAccess) write(dir string) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, operatorFile), append(raw, '\n')); err != nil {
		return fmt.Errorf("access for commands: %w", err)
	}
	return nil
}

// removeOperator takes the file away again.
func removeOperator(dir string) error {
	err := os.Remove(filepath.Join(dir, operatorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readOperator reads what the daemon of a data directory has left. The error of
// a directory without a daemon says so.
func readOperator(dir string) (operatorAccess, error) {
	raw, err := os.ReadFile(filepath.Join(dir, operatorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return operatorAccess{}, noDaemon(dir)
	}
	if err != nil {
		return operatorAccess{}, fmt.Errorf("access to the daemon: %w", err)
	}
	var o operatorAccess
	if err := json.Unmarshal(raw, &o); err != nil || o.URL == "" {
		return operatorAccess{}, fmt.Errorf("%s in %s is damaged: start the daemon again", operatorFile, dir)
	}
	return o, nil
}

func noDaemon(dir string) error {
	return fmt.Errorf("no daemon runs on the data directory %s: start it with wapid serve, or name another one with --data", dir)
}

// reachableURL is where a command on this machine finds a listener. One that
// listens on all addresses is reached over the loopback.
func reachableURL(scheme string, addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return scheme + "://" + addr.String()
	}
	host := "127.0.0.1"
	if tcp.IP.To4() == nil && !acceptsIPv4(tcp) {
		host = "::1"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(host, fmt.Sprint(tcp.Port)))
}

// acceptsIPv4 tells whether a listener on [::] can be reached by IPv4 too, as it
// can wherever the system maps those addresses.
func acceptsIPv4(at *net.TCPAddr) bool {
	conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", at.Port))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
