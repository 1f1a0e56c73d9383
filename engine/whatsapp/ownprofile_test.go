package whatsapp

import (
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

func TestOwnProfile(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	own := able[engine.OwnProfile](t, s)
	_, err := own.Business(t.Context())
	wantCode(t, err, engine.CodeNotFound)
	text := "x"
	wantCode(t, own.ChangeBusiness(t.Context(), engine.BusinessChange{Address: &text}), engine.CodeNetworkRefused)

	p.SetBusiness(&simnet.Business{Address: "1 Way", Email: "a@x.example", Description: "Plants", Category: "Shopping & retail",
		Websites: []string{"https://x.example", "https://y.example"}})
	b, err := own.Business(t.Context())
	want := engine.Business{Address: "1 Way", Email: "a@x.example", Description: "Plants", Category: "Shopping & retail",
		Websites: []string{"https://x.example", "https://y.example"}}
	if err != nil || !reflect.DeepEqual(b, want) {
		t.Errorf("%+v (%v), want %+v", b, err, want)
	}
	address, none := "2 Way", ""
	if err := own.ChangeBusiness(t.Context(), engine.BusinessChange{Address: &address, Email: &none, Websites: &[]string{"https://z.example"}}); err != nil {
		t.Fatal(err)
	}
	want.Address, want.Email, want.Websites = address, "", []string{"https://z.example"}
	if b, err := own.Business(t.Context()); err != nil || !reflect.DeepEqual(b, want) {
		t.Errorf("changed: %+v (%v), want %+v", b, err, want)
	}
	if err := own.ChangeBusiness(t.Context(), engine.BusinessChange{Websites: &[]string{}}); err != nil {
		t.Fatal(err)
	}
	if got := p.Business(); len(got.Websites) != 0 || got.Description != "Plants" {
		t.Errorf("without websites: %+v", got)
	}

	if err := own.SetAbout(t.Context(), "At the shop"); err != nil || p.About() != "At the shop" {
		t.Errorf("about is %q (%v)", p.About(), err)
	}
	wantCode(t, own.SetPicture(t.Context(), []byte("not a JPEG")), engine.CodeMediaInvalid)
	if err := own.SetPicture(t.Context(), []byte("\xff\xd8\xff\xe0 and so on")); err != nil {
		t.Fatal(err)
	}
	if me, err := able[engine.Directory](t, s).Me(t.Context()); err != nil || !strings.HasPrefix(me.AvatarURL, "https://") || me.About != "At the shop" {
		t.Errorf("%+v (%v)", me, err)
	}
	s.Close()
	wantCode(t, own.SetAbout(t.Context(), "x"), engine.CodeSessionNotReady)
}
