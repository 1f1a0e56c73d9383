package main

import (
	"path/filepath"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// TestRestoreInAGroup: a group's members read what a restored session writes to
// it, and it reads them.
func TestRestoreInAGroup(t *testing.T) {
	network, receiver, dir := startNetwork(t), startHooks(t), t.TempDir()
	mine, asha, ben := network.Phone("447700900201"), network.Phone("447700900202"), network.Phone("447700900203")
	d := startDaemon(t, "", network, dir)
	receiver.subscribe(t, &d.api)
	d.pair(t, "main", mine)
	settle(t, network, mine)
	made := d.must(t, 201, "POST", sessionPath("main")+"/groups", map[string]any{"subject": "Orders", "participants": []string{asha.Number(), ben.Number()}})
	id, _ := made.body["group"].(map[string]any)["id"].(string)
	group, err := types.ParseJID(id)
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		t.Helper()
		sent := d.send(t, "main", id, text).text("messageId")
		for _, phone := range []*simnet.Phone{asha, ben} {
			if _, err := arrive(t, phone, func(r simnet.Received) bool { return r.ID == sent && r.Text == text }); err != nil {
				t.Errorf("%q has not arrived: %v", text, err)
			}
		}
	}
	hear := func(phone *simnet.Phone, text string) {
		t.Helper()
		if _, err := phone.SendText(t.Context(), group, text); err != nil {
			t.Fatal(err)
		}
		receiver.await(t, text, func(h hook) bool { return h.Data.Body == text && h.Data.Chat == id })
	}
	say("one")
	hear(asha, "asha before")
	file := filepath.Join(t.TempDir(), "backup")
	runCommand(t, "backup", file, "--data", dir)
	say("two")
	say("three")
	hear(asha, "asha later")
	hear(ben, "ben later")
	d.kill()
	restored := t.TempDir()
	runCommand(t, "restore", file, "--data", restored)
	d = startDaemon(t, "", network, restored)
	d.awaitStatus(t, "main", "ready")
	say("four")
	hear(ben, "ben at last")
	hear(asha, "asha at last")
	say("five")
	d.stop(t)
}
