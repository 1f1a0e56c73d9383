package store

import "testing"

// A row that was read before a change and comes to be kept after it is not kept.
func TestKeysAreForgottenWithAChange(t *testing.T) {
	var c keyCache
	_, known, epoch := c.find("h")
	if known {
		t.Fatal("it knows a key that it was never told")
	}
	c.keep("h", keyRow{Principal: Principal{Key: "a"}}, epoch)
	if k, known, _ := c.find("h"); !known || k.Key != "a" {
		t.Errorf("it is %+v, %v", k, known)
	}
	_, _, epoch = c.find("other")
	c.forget()
	if _, known, _ := c.find("h"); known {
		t.Error("it is known after a change")
	}
	c.keep("h", keyRow{Principal: Principal{Key: "a"}}, epoch)
	if _, known, _ := c.find("h"); known {
		t.Error("what was read before the change is kept")
	}
}
