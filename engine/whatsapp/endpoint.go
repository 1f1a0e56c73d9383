package whatsapp

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// Endpoint says where a simulated WhatsApp network is and whom to trust there.
// The real network needs none.
type Endpoint struct {
	Address      string         // host:port that every WhatsApp host is dialled at
	Roots        *x509.CertPool // the only certificate authorities that are trusted
	NoiseRootKey [32]byte       // signs the server's Noise certificates
}

// maxEndpointFile bounds what ReadEndpoint reads: a real file has about 1 kB.
const maxEndpointFile = 1 << 20

// ReadEndpoint reads a network description of the form
// {"address","ca","noiseRootKey"}: host:port, PEM and 64 hexadecimal digits.
// Other fields, such as the URL of a simulator's controls, are for others. The
// error names the file and its one defect.
func ReadEndpoint(path string) (*Endpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("network file: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxEndpointFile+1))
	if err != nil {
		return nil, fmt.Errorf("network file %s: %w", path, err)
	}
	e, err := parseEndpoint(raw)
	if err != nil {
		return nil, fmt.Errorf("network file %s: %w", path, err)
	}
	return e, nil
}

func parseEndpoint(raw []byte) (*Endpoint, error) {
	if len(raw) > maxEndpointFile {
		return nil, errors.New("it is larger than 1 MiB")
	}
	var file struct {
		Address      string `json:"address"`
		CA           string `json:"ca"`
		NoiseRootKey string `json:"noiseRootKey"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("it is not the expected JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON object")
	}
	e := &Endpoint{Address: file.Address, Roots: x509.NewCertPool()}
	host, port, err := net.SplitHostPort(file.Address)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || portErr != nil || n == 0 {
		return nil, fmt.Errorf("address %q is not host:port", file.Address)
	}
	if !e.Roots.AppendCertsFromPEM([]byte(file.CA)) {
		return nil, errors.New("ca holds no PEM certificate")
	}
	key, err := hex.DecodeString(file.NoiseRootKey)
	if err != nil || len(key) != len(e.NoiseRootKey) {
		return nil, errors.New("noiseRootKey is not 64 hexadecimal digits")
	}
	e.NoiseRootKey = [32]byte(key)
	return e, nil
}

// host is the host part of the address; parseEndpoint has checked that it has one.
func (e *Endpoint) host() string {
	host, _, _ := net.SplitHostPort(e.Address)
	return host
}

// dialAddress maps what a client wants to dial to what is dialled: a literal
// loopback address, which a simulated media host announces, stays as it is;
// anything else is the simulated network.
func (e *Endpoint) dialAddress(addr string) string {
	if ap, err := netip.ParseAddrPort(addr); err == nil && ap.Addr().IsLoopback() {
		return addr
	}
	return e.Address
}
