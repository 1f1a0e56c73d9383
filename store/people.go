package store

import "wapid/engine"

// mostPeople bounds how many people are remembered, with some 150 bytes each.
const mostPeople = 1 << 14

// people remembers which LID belongs to a phone number, as the network has told
// tenants when they sent to it. With it a message is logged under both addresses from
// the start, and needs no second place in the indexes once it is sent. A tenant's
// people are its own. It is used on the writer's goroutine only; what it holds is true
// whether a transaction is committed or not. The zero value knows nobody.
type people struct {
	lids map[acquaintance]engine.JID
}

type acquaintance struct {
	tenant engine.TenantID
	phone  engine.JID
}

// learn remembers a person of whom both addresses are known.
func (k *people) learn(tenant engine.TenantID, p engine.Person) {
	if p.Phone == "" || p.LID == "" {
		return
	}
	if k.lids == nil || len(k.lids) >= mostPeople {
		k.lids = make(map[acquaintance]engine.JID)
	}
	k.lids[acquaintance{tenant, p.Phone}] = p.LID
}

// complete is a person with the LID, if that is known.
func (k *people) complete(tenant engine.TenantID, p engine.Person) engine.Person {
	if p.LID == "" && p.Phone != "" {
		p.LID = k.lids[acquaintance{tenant, p.Phone}]
	}
	return p
}

// forget forgets everybody, such as when a tenant is erased.
func (k *people) forget() { *k = people{} }
