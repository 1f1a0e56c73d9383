package httpapi

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

var _ engine.OwnProfile = (*paperConn)(nil)

func (c *paperConn) Business(context.Context) (b engine.Business, err error) {
	w := &c.network.world
	return b, w.with(func() error {
		if w.business == nil {
			return engine.Errorf(engine.CodeNotFound, "no business")
		}
		b = *w.business
		return nil
	})
}

func (c *paperConn) ChangeBusiness(_ context.Context, change engine.BusinessChange) error {
	said := "business"
	for name, text := range map[string]*string{"address": change.Address, "description": change.Description, "email": change.Email} {
		if text != nil {
			said += " " + name + "=" + *text
		}
	}
	if change.Websites != nil {
		said += " websites=" + strings.Join(*change.Websites, ",")
	}
	return c.network.world.did("%s", said)
}

func (c *paperConn) SetAbout(_ context.Context, text string) error {
	return c.network.world.did("about %s", text)
}

func (c *paperConn) SetPicture(_ context.Context, picture []byte) error {
	return c.network.world.did("picture of %d bytes", len(picture))
}

func TestGraphProfile(t *testing.T) {
	d := start(t)
	d.link("main")
	path := "/graph/" + d.phoneID() + "/whatsapp_business_profile"
	if r := d.graphCall(http.MethodGet, path, d.key); r.body != `{"data":[{"about":"At the shop","profile_picture_url":"https://pps.example/me","messaging_product":"whatsapp"}]}` {
		t.Errorf("of a person: %s", r.body)
	}
	for body, want := range map[string]string{`{"address":"1 Way"}`: "not one of WhatsApp Business", `{"vertical":"RETAIL"}`: "vertical can't be set", `{"about":""}`: "about must not be empty"} {
		r := d.graphBody(http.MethodPost, path, d.key, body)
		if d.refusedAs(r, http.StatusBadRequest, 100); !strings.Contains(r.body, want) {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	_ = d.network.world.with(func() error {
		d.network.world.business = &engine.Business{Address: "1 Way", Description: "Plants", Email: "a@x.example", Websites: []string{"https://x.example"}, Category: "Shopping & Retail"}
		return nil
	})
	if r := d.graphCall(http.MethodGet, path+"?fields=about,address,description,email,profile_picture_url,websites,vertical", d.key); r.body !=
		`{"data":[{"about":"At the shop","address":"1 Way","description":"Plants","email":"a@x.example","profile_picture_url":"https://pps.example/me","websites":["https://x.example"],"vertical":"RETAIL","messaging_product":"whatsapp"}]}` {
		t.Errorf("of a business: %s", r.body)
	}
	if r := d.graphCall(http.MethodGet, path+"?fields=vertical", d.key); r.body != `{"data":[{"vertical":"RETAIL","messaging_product":"whatsapp"}]}` {
		t.Errorf("one field: %s", r.body)
	}
	d.network.world.log()

	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	id := d.idOf(d.upload("/graph/"+d.phoneID()+"/media", d.key, formPart{name: "file", file: "me.jpg", mime: "image/jpeg", value: picture.String()},
		formPart{name: "messaging_product", value: "whatsapp"}))
	png := d.idOf(d.upload("/graph/"+d.phoneID()+"/media", d.key, formPart{name: "file", file: "me.png", mime: "image/png", value: testPNG(t)},
		formPart{name: "messaging_product", value: "whatsapp"}))
	r := d.graphBody(http.MethodPost, path, d.key, `{"messaging_product":"whatsapp","about":"Back soon","email":"b@x.example","websites":["https://y.example"],"vertical":"RETAIL","description":null,"profile_picture_handle":"`+id+`"}`)
	if r.body != `{"success":true}` {
		t.Errorf("changed: %d %s", r.status, r.body)
	}
	asked := d.network.world.log()
	if len(asked) != 3 || asked[0] != "business email=b@x.example websites=https://y.example" || asked[1] != "about Back soon" || !strings.HasPrefix(asked[2], "picture of ") {
		t.Errorf("the network was asked for %q", asked)
	}
	for _, body := range []string{`{"about":"` + strings.Repeat("x", 140) + `"}`, `{"email":"x"}`, `{"websites":["ftp://x"]}`, `{"websites":["https://a.b","https://a.b","https://a.b"]}`,
		`{"websites":[1]}`, `{"vertical":"AUTO","about":"x"}`, `{"about":"x","profile_picture_handle":"` + png + `"}`, `{"about":"x","profile_picture_handle":"100000000000001"}`, `{"messaging_product":"x"}`} {
		d.refusedAs(d.graphBody(http.MethodPost, path, d.key, body), http.StatusBadRequest, 100)
	}
	if asked := d.network.world.log(); len(asked) != 0 {
		t.Errorf("what was refused has asked for %q", asked)
	}
	for _, r := range []reply{d.graphCall(http.MethodGet, path, d.otherKey), d.graphBody(http.MethodPost, path, d.otherKey, `{"about":"x"}`)} {
		d.refusedAs(r, http.StatusBadRequest, 100)
	}
	elsewhere := d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})
	d.refusedAs(d.graphBody(http.MethodPost, path, elsewhere, `{"about":"x"}`), http.StatusForbidden, 10)
	if r := d.graphBody(http.MethodPost, path, d.key, `{}`); r.status != http.StatusOK || !reflect.DeepEqual(d.network.world.log(), []string(nil)) {
		t.Errorf("nothing to change: %d %s", r.status, r.body)
	}
}
