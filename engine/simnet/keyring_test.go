package simnet

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow/types"
)

var (
	jidA  = types.JID{User: "100000000000001", Server: types.HiddenUserServer}
	jidB  = types.JID{User: "100000000000002", Device: 3, Server: types.HiddenUserServer}
	jidG  = types.JID{User: "120363000000000001", Server: types.GroupServer}
	jidC  = types.JID{User: "100000000000003", Server: types.HiddenUserServer}
	nobdy = types.JID{User: "100000000000009", Server: types.HiddenUserServer}
)

// say encrypts at one end, decrypts at the other and compares.
func say(t *testing.T, from *keyring, fromJID types.JID, to *keyring, toJID types.JID, text, wantKind string) {
	t.Helper()
	kind, ct, err := from.encrypt(toJID, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if kind != wantKind {
		t.Fatalf("kind of %q = %s, want %s", text, kind, wantKind)
	}
	got, err := to.decrypt(fromJID, kind, ct)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != text {
		t.Fatalf("decrypted %q, want %q", got, text)
	}
}

func introduced(t *testing.T) (a, b *keyring) {
	t.Helper()
	a, b = newKeyring(), newKeyring()
	if err := a.accept(jidB, b.bundle()); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestKeyringConversation(t *testing.T) {
	a, b := introduced(t)
	if !a.hasSession(jidB) || b.hasSession(jidA) {
		t.Fatal("only the side that accepted a bundle has a session at first")
	}
	say(t, a, jidA, b, jidB, "one", kindPreKey)
	say(t, a, jidA, b, jidB, "two, before the answer", kindPreKey)
	say(t, b, jidB, a, jidA, "answer", kindRatchet)
	say(t, a, jidA, b, jidB, "three", kindRatchet)
	if n := len(b.store.preKeys); n != 0 {
		t.Errorf("%d one-time prekeys left after use, want 0", n)
	}
}

func TestKeyringWithoutOneTimePreKey(t *testing.T) {
	a, b := newKeyring(), newKeyring()
	published := b.bundle()
	published.oneTime = nil
	if err := a.accept(jidB, published); err != nil {
		t.Fatal(err)
	}
	say(t, a, jidA, b, jidB, "none left", kindPreKey)
	say(t, b, jidB, a, jidA, "still fine", kindRatchet)
}

func TestKeyringOutOfOrderAndTwice(t *testing.T) {
	a, b := introduced(t)
	say(t, a, jidA, b, jidB, "open", kindPreKey)
	say(t, b, jidB, a, jidA, "opened", kindRatchet)
	var cts [][]byte
	for i := range 4 {
		_, ct, err := a.encrypt(jidB, fmt.Appendf(nil, "message %d", i))
		if err != nil {
			t.Fatal(err)
		}
		cts = append(cts, ct)
	}
	for _, i := range []int{3, 1, 0, 2} {
		got, err := b.decrypt(jidA, kindRatchet, cts[i])
		if err != nil || string(got) != fmt.Sprintf("message %d", i) {
			t.Fatalf("message %d: %q, %v", i, got, err)
		}
	}
	if _, err := b.decrypt(jidA, kindRatchet, cts[1]); !errors.Is(err, signalerror.ErrOldCounter) {
		t.Errorf("the same ciphertext twice: %v, want ErrOldCounter", err)
	}
}

func TestKeyringForgetThenNewSession(t *testing.T) {
	a, b := introduced(t)
	say(t, a, jidA, b, jidB, "open", kindPreKey)
	say(t, b, jidB, a, jidA, "opened", kindRatchet)
	b.forget(jidA)
	_, ct, err := a.encrypt(jidB, []byte("lost"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.decrypt(jidA, kindRatchet, ct); !errors.Is(err, signalerror.ErrNoSessionForUser) {
		t.Fatalf("without a session: %v, want ErrNoSessionForUser", err)
	}
	if err := a.accept(jidB, b.bundle()); err != nil {
		t.Fatal(err)
	}
	say(t, a, jidA, b, jidB, "found", kindPreKey)
	say(t, b, jidB, a, jidA, "thanks", kindRatchet)
}

func TestKeyringFailedDecryptionChangesNothing(t *testing.T) {
	a, b := introduced(t)
	say(t, a, jidA, b, jidB, "open", kindPreKey)
	say(t, b, jidB, a, jidA, "opened", kindRatchet)
	_, ct, err := a.encrypt(jidB, []byte("intact"))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(ct)
	broken[len(broken)-1] ^= 1
	if _, err := b.decrypt(jidA, kindRatchet, broken); err == nil {
		t.Fatal("a ciphertext with a broken MAC was accepted")
	}
	if got, err := b.decrypt(jidA, kindRatchet, ct); err != nil || string(got) != "intact" {
		t.Fatalf("after a failure: %q, %v", got, err)
	}
}

func TestKeyringRefusesForgedBundle(t *testing.T) {
	a, b := newKeyring(), newKeyring()
	forged := b.bundle()
	forged.identity = a.identityPub()
	if err := a.accept(jidB, forged); !errors.Is(err, signalerror.ErrInvalidSignature) {
		t.Fatalf("accepted a bundle with a foreign identity: %v", err)
	}
}

func TestKeyringGroup(t *testing.T) {
	a, b, c := newKeyring(), newKeyring(), newKeyring()
	dist, first, err := a.encryptGroup(jidG, jidA, []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.decryptGroup(jidG, jidA, first); !errors.Is(err, signalerror.ErrNoSenderKeyForUser) {
		t.Fatalf("without the sender key: %v, want ErrNoSenderKeyForUser", err)
	}
	if err := b.acceptDistribution(jidG, jidA, dist); err != nil {
		t.Fatal(err)
	}
	later, second, err := a.encryptGroup(jidG, jidA, []byte("second"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ text, ct []byte }{{[]byte("second"), second}, {[]byte("first"), first}} {
		if got, err := b.decryptGroup(jidG, jidA, want.ct); err != nil || !bytes.Equal(got, want.text) {
			t.Fatalf("%s: %q, %v", want.text, got, err)
		}
	}
	if err := c.acceptDistribution(jidG, jidA, later); err != nil {
		t.Fatal(err)
	}
	if _, err := c.decryptGroup(jidG, jidA, first); err == nil {
		t.Error("a member added later read what was sent before")
	}
	if got, err := c.decryptGroup(jidG, jidA, second); err != nil || string(got) != "second" {
		t.Fatalf("member added later: %q, %v", got, err)
	}
	a.forgetGroup(jidG, jidA)
	_, rotated, err := a.encryptGroup(jidG, jidA, []byte("third"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.decryptGroup(jidG, jidA, rotated); !errors.Is(err, signalerror.ErrNoSenderKeyStateForID) {
		t.Errorf("after a rotation: %v, want ErrNoSenderKeyStateForID", err)
	}
}

func TestKeyringSurvivesMarshalling(t *testing.T) {
	a, b := introduced(t)
	say(t, a, jidA, b, jidB, "open", kindPreKey)
	say(t, b, jidB, a, jidA, "opened", kindRatchet)
	dist, group, err := a.encryptGroup(jidG, jidA, []byte("to all"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.acceptDistribution(jidG, jidA, dist); err != nil {
		t.Fatal(err)
	}
	_, skipped, err := a.encrypt(jidB, []byte("late"))
	if err != nil {
		t.Fatal(err)
	}
	say(t, a, jidA, b, jidB, "early", kindRatchet)
	outstanding := b.bundle()

	a, b = reread(t, a), reread(t, b)
	say(t, a, jidA, b, jidB, "after the restart", kindRatchet)
	say(t, b, jidB, a, jidA, "and back", kindRatchet)
	if got, err := b.decrypt(jidA, kindRatchet, skipped); err != nil || string(got) != "late" {
		t.Fatalf("message skipped before the restart: %q, %v", got, err)
	}
	if got, err := b.decryptGroup(jidG, jidA, group); err != nil || string(got) != "to all" {
		t.Fatalf("group message: %q, %v", got, err)
	}
	c := newKeyring()
	if err := c.accept(jidB, outstanding); err != nil {
		t.Fatal(err)
	}
	say(t, c, jidC, b, jidB, "bundle from before the restart", kindPreKey)
	if next := b.bundle().oneTime.id; next <= outstanding.oneTime.id {
		t.Errorf("prekey id %d was given out before (%d)", next, outstanding.oneTime.id)
	}
}

func reread(t *testing.T, k *keyring) *keyring {
	t.Helper()
	data, err := k.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := newKeyring()
	if err := again.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if k.own != nil && again.identityPub() != k.identityPub() {
		t.Fatal("the identity changed")
	}
	return again
}

func TestKeyringIdleIsEmpty(t *testing.T) {
	k := newKeyring()
	data, err := k.MarshalBinary()
	if err != nil || string(data) != "{}" {
		t.Fatalf("idle keyring = %s, %v, want {}", data, err)
	}
	if reread(t, k).own != nil {
		t.Error("reading an idle keyring made keys")
	}
	if k.hasSession(nobdy) || k.own != nil {
		t.Error("asking for a session made keys")
	}
	if err := k.UnmarshalBinary([]byte(`{"identity":"AAAA"}`)); err == nil {
		t.Error("a short identity key was accepted")
	}
}

func TestUnpad(t *testing.T) {
	for _, bad := range [][]byte{nil, {0}, {2}, {1, 2}, {1, 3, 3}, bytes.Repeat([]byte{17}, 17)} {
		if got, err := unpad(bad); !errors.Is(err, errPadding) {
			t.Errorf("unpad(%v) = %v, %v", bad, got, err)
		}
	}
	lengths := map[int]bool{}
	for range 2000 {
		padded := pad([]byte("x"))
		lengths[len(padded)-1] = true
		if got, err := unpad(padded); err != nil || string(got) != "x" {
			t.Fatalf("unpad(%v) = %q, %v", padded, got, err)
		}
	}
	if len(lengths) != maxPadding || lengths[0] {
		t.Errorf("padding lengths %v, want each of 1..%d", lengths, maxPadding)
	}
}
