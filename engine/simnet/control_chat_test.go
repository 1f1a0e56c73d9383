package simnet

import (
	"errors"
	"net/http"
	"testing"

	"go.mau.fi/whatsmeow/types"
)

// TestControlActsAndGroups lets three phones talk in a group by HTTP alone.
func TestControlActsAndGroups(t *testing.T) {
	net := startNetwork(t, Config{})
	group := must(t, net, "POST", "/phones/"+owner+"/groups", map[string]any{"subject": "Team", "members": []string{customer}})["group"].(string)
	said := must(t, net, "POST", "/phones/"+owner+"/send", map[string]any{"to": group, "text": "hello"})["id"].(string)
	inbox := func(number string) {
		t.Helper()
		if _, err := net.Phone(number).Await(testContext(t), func(r Received) bool { return r.ID == said }); err != nil {
			t.Fatal(err)
		}
	}
	inbox(customer)
	act := func(number string, body map[string]any) string {
		t.Helper()
		body["to"] = group
		return must(t, net, "POST", "/phones/"+number+"/act", body)["id"].(string)
	}
	for _, body := range []map[string]any{
		{"kind": "reply", "id": said, "text": "hi"},
		{"kind": "react", "id": said, "text": "👍"},
		{"kind": "mention", "text": "@" + owner, "people": []string{owner}},
		{"kind": "forward", "id": said},
		{"kind": "disappearing", "text": "soon gone", "after": 60},
		{"kind": "location", "place": map[string]any{"latitude": 1.5, "longitude": 2, "name": "Here"}},
		{"kind": "live_location", "place": map[string]any{"latitude": 1.5, "longitude": 2}, "sequence": 1},
		{"kind": "contacts", "contacts": []map[string]any{{"name": "Ann", "number": friend}}},
	} {
		said = act(customer, body)
		inbox(owner)
	}
	typo := act(customer, map[string]any{"kind": "reply", "id": said, "text": "tpyo"})
	said = act(customer, map[string]any{"kind": "edit", "id": typo, "text": "typo"})
	inbox(owner)
	said = act(customer, map[string]any{"kind": "revoke", "id": typo})
	inbox(owner)

	poll := act(owner, map[string]any{"kind": "poll", "text": "lunch?", "options": []string{"soup", "bread"}, "choices": 1})
	said = poll
	inbox(customer)
	said = act(customer, map[string]any{"kind": "vote", "id": poll, "options": []string{"bread"}})
	inbox(owner)
	votes := must(t, net, "GET", "/phones/"+owner+"/votes/"+poll, nil)["votes"].(map[string]any)
	if picked, _ := votes[customer].([]any); len(picked) != 1 || picked[0] != "bread" {
		t.Errorf("votes %v", votes)
	}

	path := "/phones/" + owner + "/groups/" + group
	link := must(t, net, "GET", path, nil)["link"].(string)
	if joined := must(t, net, "POST", "/phones/"+friend+"/join", map[string]any{"link": link}); joined["group"] != group || joined["waiting"] != false {
		t.Errorf("joined %v", joined)
	}
	for _, body := range []map[string]any{
		{"action": "promote", "people": []string{friend}}, {"action": "demote", "people": []string{friend}},
		{"action": "subject", "text": "New name"}, {"action": "description", "text": "What for"},
		{"action": "announce", "on": true}, {"action": "announce", "on": false}, {"action": "lock", "on": true},
		{"action": "approval", "on": true}, {"action": "remove", "people": []string{friend}}, {"action": "reset_link"},
	} {
		must(t, net, "POST", path, body)
	}
	renewed := must(t, net, "GET", path, nil)["link"].(string)
	if asked := must(t, net, "POST", "/phones/"+friend+"/join", map[string]any{"link": renewed}); asked["waiting"] != true {
		t.Errorf("asked %v", asked)
	}
	must(t, net, "POST", path, map[string]any{"action": "decide", "people": []string{friend}, "on": true})
	said = must(t, net, "POST", "/phones/"+owner+"/send", map[string]any{"to": group, "text": "welcome"})["id"].(string)
	inbox(friend)
	must(t, net, "POST", "/phones/"+friend+"/groups/"+group, map[string]any{"action": "leave"})

	for _, tt := range []struct {
		method, path string
		body         any
		want         int
	}{
		{"POST", "/phones/" + owner + "/act", map[string]any{"kind": "sing", "to": group}, http.StatusBadRequest},
		{"POST", "/phones/" + owner + "/act", map[string]any{"kind": "react", "to": group, "id": "none"}, http.StatusNotFound},
		{"POST", "/phones/" + owner + "/act", map[string]any{"kind": "react", "to": "me", "id": "none"}, http.StatusBadRequest},
		{"POST", "/phones/" + owner + "/act", map[string]any{"kind": "contacts", "to": group}, http.StatusBadRequest},
		{"POST", "/phones/" + owner + "/act", map[string]any{"kind": "poll", "to": group, "text": "?"}, http.StatusBadRequest},
		{"POST", path, map[string]any{"action": "explode"}, http.StatusBadRequest},
		{"POST", path, map[string]any{"action": "add", "people": []string{"nobody"}}, http.StatusBadRequest},
		{"GET", "/phones/" + friend + "/groups/" + group, nil, http.StatusNotFound},
		{"GET", "/phones/" + owner + "/groups/" + owner, nil, http.StatusBadRequest},
		{"POST", "/phones/" + friend + "/join", map[string]any{"link": link}, http.StatusConflict},
		{"GET", "/phones/" + owner + "/votes/none", nil, http.StatusNotFound},
	} {
		if status, answer := call(t, net, tt.method, tt.path, tt.body); status != tt.want || answer["error"] == nil {
			t.Errorf("%s %s %v: %d %v, want %d", tt.method, tt.path, tt.body, status, answer, tt.want)
		}
	}
	left, err := types.ParseJID(group)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = net.Phone(friend).SendText(testContext(t), left, "x"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("wrote to a group that it left: %v", err)
	}
}

// TestControlCalls: a phone calls, hangs up, and can't call itself.
func TestControlCalls(t *testing.T) {
	net := startNetwork(t, Config{})
	path := "/phones/" + customer + "/call"
	id, _ := must(t, net, "POST", path, map[string]any{"to": owner, "video": true})["id"].(string)
	if id == "" {
		t.Error("a call without an id")
	}
	must(t, net, "POST", path, map[string]any{"to": owner, "end": id})
	if status, answer := call(t, net, "POST", path, map[string]any{"to": customer}); status < 400 || answer["error"] == nil {
		t.Errorf("called itself: %d %v", status, answer)
	}
}
