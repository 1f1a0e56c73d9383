package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// guardedLIDs is the part of guardedStore that knows which phone number and
// which LID are one person. All devices share that map.
type guardedLIDs struct{ g *guardedStore }

func (l guardedLIDs) GetPNForLID(ctx context.Context, lid types.JID) (types.JID, error) {
	pn, err := l.g.lids.GetPNForLID(ctx, lid)
	if lid.Server != types.HiddenUserServer { // a wrong question, not a wrong answer
		return pn, err
	}
	return pn, l.g.note(ctx, err)
}

func (l guardedLIDs) GetLIDForPN(ctx context.Context, pn types.JID) (types.JID, error) {
	lid, err := l.g.lids.GetLIDForPN(ctx, pn)
	if pn.Server != types.DefaultUserServer {
		return lid, err
	}
	return lid, l.g.note(ctx, err)
}

func (l guardedLIDs) GetManyLIDsForPNs(ctx context.Context, pns []types.JID) (map[types.JID]types.JID, error) {
	lids, err := l.g.lids.GetManyLIDsForPNs(ctx, pns)
	return lids, l.g.note(ctx, err)
}

func (l guardedLIDs) PutLIDMapping(ctx context.Context, lid, pn types.JID) error {
	return l.g.note(ctx, l.g.lids.PutLIDMapping(ctx, lid, pn))
}

func (l guardedLIDs) PutManyLIDMappings(ctx context.Context, mappings []store.LIDMapping) error {
	return l.g.note(ctx, l.g.lids.PutManyLIDMappings(ctx, mappings))
}
