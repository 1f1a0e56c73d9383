package main

import (
	"encoding/json"
	"fmt"
	"testing"
)

// took is what an answer says of how long something took.
type took struct{ Count int }

// TestWhatHappenedIsCounted: what passed through a real session stands in the
// statistics, once, also after a stop, and the operator sees how the daemon is.
func TestWhatHappenedIsCounted(t *testing.T) {
	network, receiver, dir := startNetwork(t), startHooks(t), t.TempDir()
	network.SetAbsent("447700900199")
	asOperator := func(c *appConfig) { c.AdminKey = testAdminKey }
	a := startAppWith(t, network, dir, nil, asOperator)
	receiver.subscribeTo(t, &a.api, "message", "message.status")
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	id := a.send(t, "main", "447700900124", "counted").text("messageId")
	eventually(t, "the message is told as delivered", func() bool { return fmt.Sprint(receiver.statuses(id)) == "[sent delivered]" })
	if _, err := theirs.SendText(t.Context(), mine.JID(), "counted as well"); err != nil {
		t.Fatal(err)
	}
	receiver.await(t, "the answer", func(h hook) bool { return h.Event == "message" && h.Data.Body == "counted as well" })
	a.must(t, 400, "POST", sessionPath("main")+"/send", map[string]any{"to": "447700900199", "message": "to nobody"})
	a.stop()

	a = startAppWith(t, network, dir, nil, asOperator)
	var stats struct {
		Total struct {
			Sent, Received, Failed, Unknown, Refused, FailedTries int
			SendTime, ReceiptTime, DeliveryTime                   took
		}
	}
	read := func(client *api, path string, into any) {
		t.Helper()
		raw, err := json.Marshal(client.must(t, 200, "GET", path, nil).body)
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	operator := &api{base: a.base, admin: testAdminKey}
	for client, path := range map[*api]string{&a.api: "/api/account/stats", operator: "/api/admin/stats"} {
		read(client, path, &stats)
		if got, want := fmt.Sprint(stats.Total), "{1 1 0 0 1 0 {1} {1} {3}}"; got != want {
			t.Errorf("%s tells %s, want %s", path, got, want)
		}
	}
	var overview struct {
		Ready        bool
		StartedAt    string
		Disk, Memory map[string]float64
	}
	read(operator, "/api/admin/overview", &overview)
	if !overview.Ready || overview.StartedAt == "" {
		t.Errorf("the operator is told %+v", overview)
	}
	for _, name := range []string{"free", "size", "database", "deviceStore"} {
		if overview.Disk[name] <= 0 {
			t.Errorf("nothing is known of %s", name)
		}
	}
	for _, name := range []string{"resident", "heap", "goroutines"} {
		if overview.Memory[name] <= 0 {
			t.Errorf("nothing is known of %s", name)
		}
	}
}
