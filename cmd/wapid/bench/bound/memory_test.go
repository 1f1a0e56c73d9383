package bound

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// TestMemoryIsAStore goes through what a client relies on and a fleet that only
// writes texts does not reach.
func TestMemoryIsAStore(t *testing.T) {
	ctx, m := t.Context(), &memory{}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := m.GetOrGenPreKeys(ctx, 5)
	check(err)
	again, err := m.GetOrGenPreKeys(ctx, 7)
	check(err)
	for i, key := range keys {
		if again[i].KeyID != key.KeyID || *again[i].Priv != *key.Priv || *again[i].Pub != *key.Pub {
			t.Errorf("key %d is another one the second time", i)
		}
	}
	check(m.MarkPreKeysAsUploaded(ctx, 5))
	check(m.RemovePreKey(ctx, 2))
	if n, _ := m.UploadedPreKeyCount(ctx); n != 4 {
		t.Errorf("%d keys are with the server", n)
	}
	if key, _ := m.GetPreKey(ctx, 2); key != nil {
		t.Error("a key is there after its use")
	}
	if next, _ := m.GetOrGenPreKeys(ctx, 2); next[0].KeyID != 6 {
		t.Errorf("the next key is %d", next[0].KeyID)
	}

	check(m.PutIdentity(ctx, "491:0", [32]byte{1}))
	for address, want := range map[string]bool{"491:0": true, "492:0": true} {
		if ok, _ := m.IsTrustedIdentity(ctx, address, [32]byte{1}); ok != want {
			t.Errorf("%s is trusted: %t", address, ok)
		}
	}
	if ok, _ := m.IsTrustedIdentity(ctx, "491:0", [32]byte{2}); ok {
		t.Error("another identity is trusted")
	}

	check(m.PutManySessions(ctx, map[string][]byte{"491:0": {1}, "491:3": {2}, "4911:0": {3}}))
	check(m.MigratePNToLID(ctx, types.NewJID("491", types.DefaultUserServer), types.NewJID("77", types.HiddenUserServer)))
	found, err := m.GetManySessions(ctx, []string{"77_1:0", "77_1:3", "491:0", "4911:0"})
	check(err)
	if string(found["77_1:0"]) != "\x01" || string(found["77_1:3"]) != "\x02" || found["491:0"] != nil || string(found["4911:0"]) != "\x03" {
		t.Errorf("sessions after the move: %v", found)
	}
	check(m.DeleteAllSessions(ctx, "77_1"))
	if has, _ := m.HasSession(ctx, "77_1:3"); has {
		t.Error("a session is there after all were removed")
	}

	alice := types.NewJID("491", types.DefaultUserServer)
	if changed, before, _ := m.PutPushName(ctx, alice, "Alice"); !changed || before != "" {
		t.Errorf("a first name: %t %q", changed, before)
	}
	if changed, _, _ := m.PutPushName(ctx, alice, "Alice"); changed {
		t.Error("the same name is another one")
	}

	now := time.Unix(1_700_000_000, 0)
	check(m.PutPrivacyTokens(ctx, store.PrivacyToken{User: alice, Token: []byte("new"), Timestamp: now, SenderTimestamp: now}))
	check(m.PutPrivacyTokens(ctx, store.PrivacyToken{User: alice, Token: []byte("old"), Timestamp: now.Add(-time.Hour)}))
	check(m.PutPrivacyTokens(ctx, store.PrivacyToken{User: alice, Token: []byte("newer"), Timestamp: now.Add(time.Hour)}))
	token, err := m.GetPrivacyToken(ctx, alice)
	check(err)
	if string(token.Token) != "newer" || !token.SenderTimestamp.Equal(now) {
		t.Errorf("token %q of %v", token.Token, token.SenderTimestamp)
	}
	if n, _ := m.DeleteExpiredPrivacyTokens(ctx, now.Add(2*time.Hour)); n != 1 {
		t.Errorf("%d tokens expired", n)
	}

	check(m.PutAppStateSyncKey(ctx, []byte("a"), store.AppStateSyncKey{Timestamp: 1}))
	check(m.PutAppStateSyncKey(ctx, []byte("b"), store.AppStateSyncKey{Timestamp: 2}))
	if id, _ := m.GetLatestAppStateSyncKeyID(ctx); string(id) != "b" {
		t.Errorf("the latest key is %q", id)
	}
	check(m.PutAppStateMutationMACs(ctx, "regular", 1, []store.AppStateMutationMAC{{IndexMAC: []byte("i"), ValueMAC: []byte("v")}}))
	if mac, _ := m.GetAppStateMutationMAC(ctx, "regular", []byte("i")); string(mac) != "v" {
		t.Errorf("mac %q", mac)
	}
	check(m.DeleteAppStateVersion(ctx, "regular"))
	if mac, _ := m.GetAppStateMutationMAC(ctx, "regular", []byte("i")); mac != nil {
		t.Error("a mac is left of a collection that was removed")
	}
}
