package bound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"go.mau.fi/whatsmeow"
)

// network is where the simulated network is and how to trust it.
type network struct {
	control string
	socket  *http.Client // of all websockets
	media   *http.Client
}

// openNetwork reads the file that `wapid sim --describe` wrote, and has the
// whole process trust that network's Noise key.
func openNetwork(file string) (*network, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var d struct {
		Address      string `json:"address"`
		CA           string `json:"ca"`
		NoiseRootKey string `json:"noiseRootKey"`
		Control      string `json:"control"`
	}
	if err = json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("network file %s: %w", file, err)
	}
	key, err := hex.DecodeString(d.NoiseRootKey)
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("network file %s: noiseRootKey is not 32 bytes in hexadecimal", file)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(d.CA)) {
		return nil, fmt.Errorf("network file %s: no certificate", file)
	}
	if d.Control == "" {
		return nil, errors.New("the network has no controls: nobody could scan a QR code")
	}
	whatsmeow.WACertPubKey = [32]byte(key)
	transport := func() *http.Transport {
		return &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", d.Address)
			},
			MaxIdleConnsPerHost: 16,
		}
	}
	socket := transport()
	socket.DisableKeepAlives = true // a websocket keeps its connection for itself
	return &network{control: d.Control, socket: &http.Client{Transport: socket}, media: &http.Client{Transport: transport()}}, nil
}

func (n *network) close() {
	n.socket.CloseIdleConnections()
	n.media.CloseIdleConnections()
}
