package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
)

const (
	ownerJSON = `{"jid":"919876543210@s.whatsapp.net","phoneNumber":"919876543210","lid":"123456789012345@lid"`
	groupHead = `{"id":"120363025246125486@g.us","subject":"Orders","description":"What was ordered","owner":` + ownerJSON +
		`},"createdAt":"2024-02-18T08:00:00.000Z","announceOnly":true,"locked":false,"expiresIn":86400,"size":2`
	groupJSON = groupHead + `,"participants":[` + ownerJSON + `,"isAdmin":true,"isOwner":true},` +
		`{"jid":"323456789012345@lid","lid":"323456789012345@lid","isAdmin":false,"isOwner":false}]}`
)

func TestGroupsAreShown(t *testing.T) {
	d := start(t)
	d.link("main")
	d.says(d.get(mainPath+"/groups"), http.StatusOK, `{"groups":[]}`)
	d.network.world.groups = []engine.Group{paperGroup}
	d.says(d.get(mainPath+"/groups"), http.StatusOK, `{"groups":[`+groupHead+`}]}`)
	d.says(d.get(mainPath+"/groups?participants=true"), http.StatusOK, `{"groups":[`+groupJSON+`]}`)
	for _, id := range []string{"120363025246125486", "120363025246125486@g.us", "120363025246125486%40g.us"} {
		d.says(d.get(mainPath+"/groups/"+id), http.StatusOK, groupJSON)
		d.says(d.get(mainPath+"/groups/"+id+"/invite-link"), http.StatusOK, `{"inviteLink":"https://chat.whatsapp.com/false"}`)
	}
	d.says(d.post(mainPath+"/groups/120363025246125486/invite-link/reset", ""), http.StatusOK, `{"inviteLink":"https://chat.whatsapp.com/true"}`)
	d.wants(d.get(mainPath+"/groups/120363025246125499"), http.StatusNotFound, engine.CodeNotFound)
	for _, id := range []string{"919876543210@s.whatsapp.net", "x", "120363025246125486@lid", "+120363025246125486"} {
		d.wants(d.get(mainPath+"/groups/"+id), http.StatusBadRequest, engine.CodeInvalid)
		d.wants(d.post(mainPath+"/groups/"+id+"/leave", ""), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.get(mainPath+"/groups?participants=some"), http.StatusBadRequest, engine.CodeInvalid)
}

func TestGroupsAreMade(t *testing.T) {
	d := start(t)
	d.link("main")
	d.says(d.post(mainPath+"/groups", `{"subject":"Neu","participants":["+91 98765 43211","4915100000002"]}`), http.StatusCreated,
		`{"success":true,"group":{"id":"120363025246125487@g.us","subject":"Neu","owner":`+ownerJSON+`},"createdAt":"2024-02-18T08:00:00.000Z",`+
			`"announceOnly":false,"locked":false,"size":1,"participants":[`+ownerJSON+`,"isAdmin":true,"isOwner":true}]},`+
			`"results":[{"participant":"+91 98765 43211","jid":"919876543211@s.whatsapp.net","phoneNumber":"919876543211","lid":"223456789012345@lid","success":true},`+
			`{"participant":"4915100000002","jid":"4915100000002@s.whatsapp.net","phoneNumber":"4915100000002","success":false,"status":403,`+
			`"error":"this person's privacy settings don't allow it; send an invite link"}]}`)
	d.wants(d.post(mainPath+"/groups", `{"subject":"Alone"}`), http.StatusCreated, "")
	for _, body := range []string{`{"participants":["919876543211"]}`, `{"subject":" "}`, `{"subject":"a\nb"}`, `{"subject":"` + strings.Repeat("ü", 101) + `"}`,
		`{"subject":"A","participants":["tomorrow"]}`, `{"subject":"A","participants":["120363025246125486@g.us"]}`,
		`{"subject":"A","participants":[""]}`, `{"subject":"A","participants":["919876543211","+919876543211"]}`,
		`{"subject":"A","participants":"919876543211"}`,
		`{"subject":"A","participants":[` + strings.Repeat(`"919876543211",`, 256) + `"919876543211"]}`} {
		d.wants(d.post(mainPath+"/groups", body), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestGroupsAreChanged(t *testing.T) {
	d := start(t)
	d.link("main")
	d.network.world.groups = []engine.Group{paperGroup}
	const group = mainPath + "/groups/120363025246125486"
	patch := func(path, body string) reply {
		t.Helper()
		return d.do(call{method: http.MethodPatch, path: path, key: d.key, body: body})
	}
	d.says(patch(group, `{"subject":"Neu","description":"","announceOnly":false,"locked":true}`), http.StatusOK, `{"success":true,"group":`+groupJSON+`}`)
	d.says(patch(group, `{"locked":false}`), http.StatusOK, `{"success":true,"group":`+groupJSON+`}`)
	d.says(d.post(group+"/participants", `{"action":"add","participants":["919876543211"]}`), http.StatusOK,
		`{"success":true,"results":[{"participant":"919876543211","jid":"919876543211@s.whatsapp.net","phoneNumber":"919876543211","lid":"223456789012345@lid","success":true}]}`)
	r := d.post(group+"/participants", `{"action":"remove","participants":["919876543211","4915100000002"]}`)
	d.wants(r, http.StatusOK, "")
	if !strings.HasPrefix(r.body, `{"success":false,"results":[{"participant":"919876543211",`) {
		t.Errorf("answers %s", r.body)
	}
	d.says(d.post(group+"/leave", ""), http.StatusOK, `{"success":true}`)
	d.asks("change 120363025246125486@g.us subject=Neu description= announce=false locked=true",
		"change 120363025246125486@g.us locked=false",
		"add [919876543211@s.whatsapp.net] in 120363025246125486@g.us",
		"remove [919876543211@s.whatsapp.net 4915100000002@s.whatsapp.net] in 120363025246125486@g.us",
		"change 120363025246125486@g.us leave")

	for _, body := range []string{`{}`, `{"subject":""}`, `{"subject":null}`, `{"locked":"true"}`, `{"description":"` + strings.Repeat("x", 2049) + `"}`} {
		d.wants(patch(group, body), http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, body := range []string{`{"action":"add"}`, `{"action":"add","participants":[]}`, `{"action":"kick","participants":["919876543211"]}`,
		`{"participants":["919876543211"]}`, `{"action":"add","participants":["x"]}`} {
		d.wants(d.post(group+"/participants", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.asks()
	unknown := mainPath + "/groups/120363025246125499"
	d.wants(patch(unknown, `{"subject":"Neu"}`), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.post(unknown+"/participants", `{"action":"add","participants":["919876543211"]}`), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.post(unknown+"/leave", ""), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.post(unknown+"/invite-link/reset", ""), http.StatusNotFound, engine.CodeNotFound)
}
