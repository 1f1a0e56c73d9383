package bound

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// lost515 is how long a client that was linked may take to log in. whatsmeow can
// miss the end of its first connection and then waits for ever; connecting again
// mends that.
const lost515 = 5 * time.Second

// client is one raw whatsmeow client with the settings that whatsmeow has by
// itself, but for the HTTP clients, which all of them share.
type client struct {
	*whatsmeow.Client
	fleet *fleet
	codes chan string // QR codes, until it is linked
	up    atomic.Bool // it has logged in since this was last cleared
}

func (f *fleet) newClient(device *store.Device) *client {
	c := &client{Client: whatsmeow.NewClient(device, nil), fleet: f, codes: make(chan string, 1)}
	c.SetWebsocketHTTPClient(f.network.socket)
	c.SetPreLoginHTTPClient(f.network.socket)
	c.SetMediaHTTPClient(f.network.media)
	c.AddEventHandler(c.handle)
	return c
}

func (c *client) handle(event any) {
	switch event := event.(type) {
	case *events.QR:
		select {
		case c.codes <- event.Codes[0]:
		default:
		}
	case *events.Connected:
		c.up.Store(true)
		c.fleet.announce()
	case *events.Message:
		c.fleet.inbound.note(event.Message.GetConversation())
	}
}

// link lets a phone of the simulated network scan the client's code, and
// returns once the client is logged in.
func (c *client) link(ctx context.Context, number string) error {
	if err := c.Connect(); err != nil {
		return err
	}
	var code string
	select {
	case code = <-c.codes:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := c.fleet.control(ctx, "/phones/"+number+"/scan", map[string]string{"qr": code}); err != nil {
		return err
	}
	for !c.up.Load() {
		late, cancel := context.WithTimeout(ctx, lost515)
		err := c.fleet.await(late, c.up.Load)
		cancel()
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !c.IsConnected() {
			if err = c.Connect(); err != nil {
				return err
			}
		}
	}
	return nil
}

// text sends one text.
func (c *client) text(ctx context.Context, to, body string) error {
	_, err := c.SendMessage(ctx, types.NewJID(to, types.DefaultUserServer), &waE2E.Message{Conversation: proto.String(body)})
	return err
}

// image uploads a picture and sends it.
func (c *client) image(ctx context.Context, to string, data []byte) error {
	up, err := c.Upload(ctx, data, whatsmeow.MediaImage)
	if err != nil {
		return err
	}
	_, err = c.SendMessage(ctx, types.NewJID(to, types.DefaultUserServer), &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, Mimetype: proto.String("image/jpeg"),
		FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256, FileLength: &up.FileLength,
	}})
	return err
}

// control posts to the simulated network's controls.
func (f *fleet) control(ctx context.Context, path string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.network.control+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the network's controls answered %d: %s", resp.StatusCode, answer)
	}
	return err
}
