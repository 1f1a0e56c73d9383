package simnet

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"
)

// companionState is whatsmeow's store for app state, in memory.
type companionState struct {
	store.NoopStore
	key     store.AppStateSyncKey
	keyID   []byte
	version uint64
	hash    [128]byte
	macs    map[string][]byte
}

func (c *companionState) GetAppStateSyncKey(_ context.Context, id []byte) (*store.AppStateSyncKey, error) {
	if !bytes.Equal(id, c.keyID) {
		return nil, nil
	}
	return &c.key, nil
}

func (c *companionState) GetAppStateVersion(context.Context, string) (uint64, [128]byte, error) {
	return c.version, c.hash, nil
}

func (c *companionState) PutAppStateVersion(_ context.Context, _ string, version uint64, hash [128]byte) error {
	c.version, c.hash = version, hash
	return nil
}

func (c *companionState) PutAppStateMutationMACs(_ context.Context, _ string, _ uint64, macs []store.AppStateMutationMAC) error {
	for _, mac := range macs {
		c.macs[hex.EncodeToString(mac.IndexMAC)] = mac.ValueMAC
	}
	return nil
}

func (c *companionState) DeleteAppStateMutationMACs(_ context.Context, _ string, macs [][]byte) error {
	for _, mac := range macs {
		delete(c.macs, hex.EncodeToString(mac))
	}
	return nil
}

func (c *companionState) GetAppStateMutationMAC(_ context.Context, _ string, index []byte) ([]byte, error) {
	return c.macs[hex.EncodeToString(index)], nil
}

// stateCompanion is whatsmeow's processor with a key share of a phone.
type stateCompanion struct {
	*appstate.Processor
	kept *companionState
}

func newStateCompanion(t *testing.T, phone *appState) stateCompanion {
	t.Helper()
	share := received(t, phone.keyShare([]uint32{0, 1})).Message.GetProtocolMessage().GetAppStateSyncKeyShare().GetKeys()[0]
	kept := &companionState{
		keyID: share.GetKeyID().GetKeyID(),
		key:   store.AppStateSyncKey{Data: share.GetKeyData().GetKeyData(), Timestamp: share.GetKeyData().GetTimestamp()},
		macs:  make(map[string][]byte),
	}
	device := &store.Device{AppStateKeys: kept, AppState: kept}
	return stateCompanion{appstate.NewProcessor(device, waLog.Noop), kept}
}

// publisher is the server's side of one account's app state.
type publisher struct {
	*Server
	acct *account
	dev  *device
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	s, err := New(Config{Control: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.listener.Close() })
	acct, err := s.directory.number("4915112345678")
	if err != nil {
		t.Fatal(err)
	}
	return &publisher{s, acct, &device{account: acct, id: 1}}
}

func (p *publisher) version(name string) uint64 {
	_, version := p.acct.patchesSince(name, 0)
	return uint64(version)
}

// answer serves a request and says whether it changed the collection.
func (p *publisher) answer(request *waBinary.Node) (waBinary.Node, bool) {
	before := p.version(attrText(request, "name"))
	node := p.syncCollection(p.dev, request)
	return node, p.version(attrText(request, "name")) != before
}

// pull fetches a collection from the server as whatsmeow does.
func (c stateCompanion) pull(t *testing.T, server *publisher, name string) []appstate.Mutation {
	t.Helper()
	node, changed := server.answer(&waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": strconv.FormatUint(c.kept.version, 10), "return_snapshot": strconv.FormatBool(c.kept.version == 0)}})
	if changed {
		t.Fatal("a fetch changed the collection")
	}
	list, err := appstate.ParsePatchList(context.Background(), &node, nil)
	if err != nil {
		t.Fatal(err)
	}
	mutations, state, err := c.DecodePatches(context.Background(), list, appstate.HashState{Version: c.kept.version, Hash: c.kept.hash}, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Patches) > 0 && state.Version != server.version(name) {
		t.Fatalf("companion at version %d, server at %d", state.Version, server.version(name))
	}
	return mutations
}

func publishName(t *testing.T, phone *appState, server *publisher, name string) (conflict bool) {
	t.Helper()
	index, format, value := pushNameSetting(name)
	patch, commit, err := phone.set(criticalBlock, index, format, value, noon)
	if err != nil {
		t.Fatal(err)
	}
	version, err := server.appendPatch(server.acct, criticalBlock, int(phone.collection(criticalBlock).Version), patch)
	if err != nil {
		t.Fatal(err)
	}
	if conflict = version == 0; !conflict {
		commit()
	}
	return conflict
}

func TestAppStateWithWhatsmeow(t *testing.T) {
	phone, server := newAppState(99, noon), newPublisher(t)
	companion := newStateCompanion(t, phone)
	if got := companion.pull(t, server, criticalBlock); len(got) != 0 {
		t.Fatalf("an empty collection holds %v", got)
	}
	publishName(t, phone, server, "Ann")
	got := companion.pull(t, server, criticalBlock)
	if len(got) != 1 || got[0].Index[0] != "setting_pushName" || got[0].Action.GetPushNameSetting().GetName() != "Ann" || got[0].Version != 1 {
		t.Fatalf("mutations %v", got)
	}
	publishName(t, phone, server, "Anna") // The same index again: the old value leaves the hash.
	publishName(t, phone, server, "Anne")
	if got := companion.pull(t, server, criticalBlock); len(got) != 2 || got[1].Action.GetPushNameSetting().GetName() != "Anne" {
		t.Fatalf("mutations %v", got)
	}

	late := newStateCompanion(t, phone)
	if got := late.pull(t, server, criticalBlock); len(got) != 3 {
		t.Fatalf("a companion linked later got %d mutations, want 3", len(got))
	}

	// The companion's turn, on its own idea of the version; the phone must follow.
	upload := func(proc stateCompanion, name string) (waBinary.Node, bool) {
		index, format, value := pushNameSetting(name)
		patch, err := proc.EncodePatch(context.Background(), phone.KeyID, appstate.HashState{Version: proc.kept.version, Hash: proc.kept.hash}, appstate.PatchInfo{
			Type: criticalBlock, Mutations: []appstate.MutationInfo{{Index: index, Version: format, Value: value}}, Timestamp: noon,
		})
		if err != nil {
			t.Fatal(err)
		}
		return server.answer(&waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": criticalBlock, "version": strconv.FormatUint(proc.kept.version, 10)}, Content: []waBinary.Node{{Tag: "patch", Content: patch}}})
	}
	if node, changed := upload(companion, "Anja"); !changed || attrText(&node, "version") != "4" || attrText(&node, "type") != "" {
		t.Fatalf("upload answered %v", node)
	}
	node, changed := upload(late, "Annika")
	if changed || attrText(&node, "type") != "error" {
		t.Fatalf("an upload on an old version was answered %v", node)
	}
	if code, _ := child(&node, "error"); attrText(code, "code") != "409" {
		t.Errorf("error %v, want 409", code)
	}
	if list, err := appstate.ParsePatchList(context.Background(), &node, nil); err != nil || len(list.Patches) != 1 {
		t.Errorf("the conflict brings %v, %v: want the patch that is missing", list, err)
	}
	if !publishName(t, phone, server, "Ann") {
		t.Fatal("the phone published over a patch that it has not seen")
	}
	missing, _ := server.acct.patchesSince(criticalBlock, int(phone.collection(criticalBlock).Version))
	changes, err := phone.apply(criticalBlock, 4, missing[0])
	if err != nil || len(changes) != 1 || changes[0].value.GetPushNameSetting().GetName() != "Anja" || !slices.Equal(changes[0].index, []string{"setting_pushName"}) {
		t.Fatalf("changes %v, %v", changes, err)
	}
	if publishName(t, phone, server, "Ann") {
		t.Fatal("a conflict after catching up")
	}
	if got := late.pull(t, server, criticalBlock); len(got) != 2 {
		t.Errorf("got %d mutations, want 2", len(got))
	}
}

func TestAppStateSurvivesMarshalling(t *testing.T) {
	phone, server := newAppState(99, noon), newPublisher(t)
	publishName(t, phone, server, "Ann")
	raw, err := json.Marshal(phone)
	if err != nil {
		t.Fatal(err)
	}
	var again appState
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	publishName(t, &again, server, "Anna")
	if got := newStateCompanion(t, phone).pull(t, server, criticalBlock); len(got) != 2 {
		t.Errorf("got %d mutations, want 2", len(got))
	}
}

func TestAppStateRefusesDamage(t *testing.T) {
	author := newAppState(99, noon)
	index, format, value := pushNameSetting("Ann")
	raw, _, err := author.set(criticalBlock, index, format, value, noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		damage  func(*waServerSync.SyncdPatch)
		version uint64
		want    error
	}{
		"nothing":       {func(*waServerSync.SyncdPatch) {}, 1, nil},
		"version":       {func(*waServerSync.SyncdPatch) {}, 2, errBadPatch},
		"value":         {func(p *waServerSync.SyncdPatch) { p.Mutations[0].Record.Value.Blob[20] ^= 1 }, 1, errBadPatch},
		"short value":   {func(p *waServerSync.SyncdPatch) { p.Mutations[0].Record.Value.Blob = []byte{1} }, 1, errBadPatch},
		"index":         {func(p *waServerSync.SyncdPatch) { p.Mutations[0].Record.Index.Blob[0] ^= 1 }, 1, errBadPatch},
		"operation":     {func(p *waServerSync.SyncdPatch) { p.Mutations[0].Operation = waServerSync.SyncdMutation_REMOVE.Enum() }, 1, errBadPatch},
		"snapshot MAC":  {func(p *waServerSync.SyncdPatch) { p.SnapshotMAC[0] ^= 1 }, 1, errBadPatch},
		"patch MAC":     {func(p *waServerSync.SyncdPatch) { p.PatchMAC[0] ^= 1 }, 1, errBadPatch},
		"another's key": {func(p *waServerSync.SyncdPatch) { p.KeyID.ID[5] ^= 1 }, 1, errUnknownKey},
	} {
		var patch waServerSync.SyncdPatch
		if err := proto.Unmarshal(raw, &patch); err != nil {
			t.Fatal(err)
		}
		tt.damage(&patch)
		reader := &appState{KeyID: author.KeyID, KeyData: author.KeyData}
		if _, err := reader.apply(criticalBlock, tt.version, marshalled(t, &patch)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		} else if tt.want != nil && len(reader.Collections) != 0 {
			t.Errorf("%s: a refused patch changed the state", name)
		}
	}
}

func TestHistoryWithWhatsmeow(t *testing.T) {
	people := []person{
		{pn: types.JID{User: "4915100", Server: types.DefaultUserServer}, lid: jidA, name: "Ann"},
		{pn: types.JID{User: "4915101", Server: types.DefaultUserServer}, lid: jidC, timer: timerChange(time.Hour, time.Unix(1700000000, 0)).GetProtocolMessage()},
	}
	cli := companionClient()
	open := func(t *testing.T, sync *waHistorySync.HistorySync) *waHistorySync.HistorySync {
		t.Helper()
		msg, err := inlineHistory(sync)
		if err != nil {
			t.Fatal(err)
		}
		notice := received(t, msg).Message.GetProtocolMessage().GetHistorySyncNotification()
		got, err := cli.DownloadHistorySync(context.Background(), notice, true)
		if err != nil {
			t.Fatal(err)
		}
		if int32(notice.GetSyncType()) != int32(got.GetSyncType()) || notice.GetSyncType().String() != got.GetSyncType().String() {
			t.Errorf("notice says %s, history %s", notice.GetSyncType(), got.GetSyncType())
		}
		return got
	}
	first := open(t, bootstrap(people))
	if len(first.GetPhoneNumberToLidMappings()) != 2 || first.GetPhoneNumberToLidMappings()[0].GetLidJID() != jidA.String() {
		t.Errorf("mappings %v", first.GetPhoneNumberToLidMappings())
	}
	if chats := first.GetConversations(); len(chats) != 1 || chats[0].GetID() != jidC.String() || chats[0].GetEphemeralExpiration() != 3600 ||
		chats[0].GetEphemeralSettingTimestamp() != 1700000000 {
		t.Errorf("chats %v", chats)
	}
	if names := open(t, pushNames(people)).GetPushnames(); len(names) != 1 || names[0].GetPushname() != "Ann" {
		t.Errorf("push names %v", names)
	}
	open(t, recentHistory())
}
