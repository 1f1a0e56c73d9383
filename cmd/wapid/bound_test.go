package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"wapid/engine/simnet"
)

// BenchmarkBoundSend is what BenchmarkSend is held against: the raw client on
// the same network, its keys in memory, without HTTP, log row or events.
func BenchmarkBoundSend(b *testing.B) {
	network := startNetwork(b)
	client := boundClient(b, network, network.Phone("491510000000"))
	to := types.NewJID("491600000000", types.DefaultUserServer)
	send := func() {
		if _, err := client.SendMessage(b.Context(), to, &waE2E.Message{Conversation: proto.String("hello")}); err != nil {
			b.Fatal(err)
		}
	}
	send() // the first contact costs more
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		send()
		took = append(took, time.Since(start))
	}
	reportPercentiles(b, took)
}

// boundClient is a raw client that is linked to a phone and logged in.
func boundClient(b *testing.B, network *simulated, phone *simnet.Phone) *whatsmeow.Client {
	b.Helper()
	db, err := sqlstore.New(b.Context(), "sqlite3", "file:bound?mode=memory&cache=shared&_foreign_keys=on", nil)
	if err != nil {
		b.Fatal(err)
	}
	client := whatsmeow.NewClient(db.NewDevice(), nil)
	client.ManualHistorySyncDownload = true // its loop would outlive the client
	root, err := hex.DecodeString(network.Describe().NoiseRootKey)
	if err != nil {
		b.Fatal(err)
	}
	before := whatsmeow.WACertPubKey
	whatsmeow.WACertPubKey = [32]byte(root)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(network.Describe().CA))
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", network.Describe().Address)
		},
	}
	client.SetWebsocketHTTPClient(&http.Client{Transport: transport})
	client.SetPreLoginHTTPClient(&http.Client{Transport: transport})
	codes, ready := make(chan string, 1), make(chan struct{}, 1)
	client.AddEventHandler(func(event any) {
		switch event := event.(type) {
		case *events.QR:
			codes <- event.Codes[0]
		case *events.Connected:
			ready <- struct{}{}
		}
	})
	b.Cleanup(func() {
		client.Disconnect()
		transport.CloseIdleConnections()
		db.Close()
		whatsmeow.WACertPubKey = before
	})
	if err := client.Connect(); err != nil {
		b.Fatal(err)
	}
	if _, err := phone.ScanQR(b.Context(), <-codes); err != nil {
		b.Fatal(err)
	}
	<-ready
	return client
}
