package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var updateClients = flag.Bool("update-clients", false, "write the table of clients in docs/cloud-api.md anew")

// clientCalls are the rows of the table: what a library was asked to do.
var clientCalls = []struct{ call, row string }{
	{"text", "send a text"}, {"reply", "reply to a message"}, {"upload", "upload a file"}, {"image", "send a file by its id"}, {"link", "send a file by a link"},
	{"fetch", "fetch a file that came in"}, {"remove", "delete a file"}, {"location", "send a place"}, {"contact", "send a card"},
	{"createTemplate", "make a template"}, {"templates", "list templates"}, {"template", "send a template"}, {"buttons", "send buttons"}, {"list", "send a list"},
	{"reaction", "react"}, {"read", "mark as read"}, {"profile", "read the business profile"}, {"numbers", "list the phone numbers"}, {"block", "block somebody"}, {"subscribe", "subscribe to webhooks"},
	{"challenge", "answer the challenge of a subscription"}, {"message", "be told of a message"}, {"picture", "be told of a picture"}, {"choice", "be told of a choice"}, {"emoji", "be told of a reaction"}, {"statuses", "be told of statuses"}, {"failed", "be told that a message failed: 131026"},
	{"verify", "check a signature"}, {"a wrong token", "show a wrong token: 190"}, {"a bad recipient", "show a bad recipient: 131009"}, {"a flow", "show that flows are not supported: 131051"},
}

// Where the table stands.
const (
	clientPage  = "../../docs/cloud-api.md"
	clientBegin = "<!-- clients: the table is written by a test -->\n"
	clientEnd   = "<!-- end of clients -->\n"
)

// holdClientTable compares what the libraries did with the page that says so.
func holdClientTable(t *testing.T, done []*exercised) {
	t.Helper()
	table := clientTable(t, done)
	raw, err := os.ReadFile(clientPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(raw), clientBegin)
	was, after, ended := strings.Cut(rest, clientEnd)
	switch {
	case !begun || !ended:
		t.Errorf("%s has no place for the table of clients", clientPage)
	case *updateClients:
		if err := os.WriteFile(clientPage, []byte(before+clientBegin+table+clientEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
	case was != table:
		t.Errorf("%s says of the clients\n%s\nthey did\n%s\n(go test -run PublishedClients ./cmd/wapid -update-clients writes it)", clientPage, was, table)
	}
}

// clientTable has a column a library; a number stands for why it can't.
func clientTable(t *testing.T, done []*exercised) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprint(&b, "|")
	for _, d := range done {
		fmt.Fprintf(&b, " | %s %s", d.name, clientVersion(t, d.name))
	}
	fmt.Fprintf(&b, " |\n|---|%s\n", strings.Repeat("---|", len(done)))
	var reasons []string
	for _, c := range clientCalls {
		fmt.Fprintf(&b, "| %s", c.row)
		for _, d := range done {
			why, asked := d.did[c.call]
			switch {
			case !asked:
				t.Errorf("%s was not asked to %s", d.name, c.row)
			case why == "":
				fmt.Fprint(&b, " | ✓")
			default:
				n := slices.Index(reasons, why)
				if n < 0 {
					n, reasons = len(reasons), append(reasons, why)
				}
				fmt.Fprintf(&b, " | – (%d)", n+1)
			}
		}
		fmt.Fprint(&b, " |\n")
	}
	b.WriteString("\nWhat a dash stands for, of the library itself:\n\n")
	for i, why := range reasons {
		fmt.Fprintf(&b, "%d. it %s\n", i+1, why)
	}
	return b.String()
}

// clientVersion is the version of a library that is pinned.
func clientVersion(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/clients/package.json")
	var pinned struct {
		Dependencies map[string]string
	}
	if err == nil {
		err = json.Unmarshal(raw, &pinned)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pinned.Dependencies[name]
}

// exerciseStandard has the library of the Standard Webhooks' makers check what the
// daemon signs itself: messages and statuses as they are delivered, and nothing else.
func (b *clientBench) exerciseStandard(t *testing.T) {
	key, phone := b.tenant(t, "15556009999", "")
	tenant := api{base: b.daemon.base, key: key}
	t.Cleanup(tenant.closeIdle)
	port := freePort(t)
	d := startDriver(t, b.dir, "standard.mjs", "", b.authority, map[string]any{"secret": hookSecret, "port": port})
	tenant.must(t, 201, "POST", "/api/account/webhooks", map[string]any{"url": "http://127.0.0.1:" + port + "/", "secret": hookSecret,
		"events": []string{"message", "message.status"}})
	friend := b.network.Phone("15557009999")
	id, err := friend.SendText(t.Context(), phone.JID(), difficult)
	if err != nil {
		t.Fatal(err)
	}
	told := d.await("the message", func(r received) bool { return r.Kind == "message" && r.ID == id })
	if told.Text != difficult {
		t.Errorf("the message is told as %+v", told)
	}
	sent := tenant.send(t, "main", friend.Number(), "an answer")
	d.await("its delivery", func(r received) bool {
		return r.Kind == "message.status" && r.ID == sent.text("messageId") && r.Status == "delivered"
	})
	for _, r := range d.told() {
		if r.Refused {
			t.Errorf("it refused %+v", r)
		}
	}
	if line := d.call("verify", map[string]any{"body": told.Raw, "headers": told.Headers}); line.Error != nil || string(line.Result) != "true" {
		t.Errorf("once more: %s, %+v", line.Result, line.Error)
	}
	line := d.call("verify", map[string]any{"body": strings.Replace(told.Raw, "message", "massage", 1), "headers": told.Headers})
	if line.Error == nil || line.Error.Name != "WebhookVerificationError" {
		t.Errorf("another body: %s, %+v", line.Result, line.Error)
	}
	late := map[string]string{}
	for k, v := range told.Headers {
		late[k] = v
	}
	late["webhook-timestamp"] = fmt.Sprint(time.Now().Add(-time.Hour).Unix())
	if line := d.call("verify", map[string]any{"body": told.Raw, "headers": late}); line.Error == nil {
		t.Errorf("an hour later: %s", line.Result)
	}
}

// tenantGraph calls Meta's API as the tenant does for what a library can't.
func (e *exercise) tenantGraph(code int, path string, body any) answer {
	e.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		e.t.Fatal(err)
	}
	return e.graph(code, path, "application/json", bytes.NewReader(raw))
}

// uploaded uploads the picture for a library that can't, and returns its id.
func (e *exercise) uploaded() string {
	e.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	err := w.WriteField("messaging_product", "whatsapp")
	if err == nil {
		var part io.Writer
		part, err = w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="picture.png"`}, "Content-Type": {"image/png"}})
		if err == nil {
			_, err = part.Write(e.picture)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return e.graph(http.StatusOK, "/v23.0/"+e.phoneID+"/media", w.FormDataContentType(), &form).text("id")
}

func (e *exercise) graph(code int, path, kind string, body io.Reader) answer {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.tenant.base+path, body)
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+e.tenant.key)
	req.Header.Set("Content-Type", kind)
	res, err := e.tenant.http().Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	var a answer
	raw, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(raw, &a.body)
	}
	if err != nil || res.StatusCode != code {
		e.t.Fatalf("%s: %d %s, %v", path, res.StatusCode, raw, err)
	}
	return a
}
