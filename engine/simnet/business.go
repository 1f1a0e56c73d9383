package simnet

import (
	waBinary "go.mau.fi/whatsmeow/binary"
)

// Business is what an account shows as a business.
type Business struct {
	Address     string   `json:"address,omitempty"`
	Description string   `json:"description,omitempty"`
	Email       string   `json:"email,omitempty"`
	Websites    []string `json:"websites,omitempty"`
	Category    string   `json:"category,omitempty"`
}

// SetBusiness makes the account one of a business, or with nil of a person again.
func (p *Phone) SetBusiness(b *Business) {
	p.account.mu.Lock()
	p.account.business = b.copied()
	p.account.mu.Unlock()
	p.server.saver.touch()
}

// Business is what the account shows as a business, nil if it is none.
func (p *Phone) Business() *Business {
	p.account.mu.Lock()
	defer p.account.mu.Unlock()
	return p.account.business.copied()
}

// About is the text under the account's name.
func (p *Phone) About() string {
	p.account.mu.Lock()
	defer p.account.mu.Unlock()
	return p.account.about
}

func (b *Business) copied() *Business {
	if b == nil {
		return nil
	}
	own := *b
	own.Websites = append([]string(nil), b.Websites...)
	return &own
}

// answerBusiness tells what an account shows as a business, and lets a business change
// its own (source: Baileys chats.js and business.js). Assumed: of somebody who is none
// there is no profile in the answer, and who is none may change nothing.
func (s *Server) answerBusiness(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	query, ok := child(node, "business_profile")
	if !ok {
		return s.notImplemented(node)
	}
	if set {
		return s.changeBusiness(st.device.account, node, query)
	}
	answer := waBinary.Node{Tag: "business_profile", Attrs: waBinary.Attrs{"v": attrText(query, "v")}}
	asked, _ := child(query, "profile")
	jid, ok := attrJID(asked, "jid")
	if !ok {
		return failure(node, 400, "bad-request")
	}
	if acct, err := s.directory.find(jid); err == nil {
		acct.mu.Lock()
		if acct.business != nil {
			answer.Content = []waBinary.Node{{Tag: "profile", Attrs: waBinary.Attrs{"jid": jid}, Content: acct.business.nodes()}}
		}
		acct.mu.Unlock()
	}
	return result(node, answer)
}

func (b *Business) nodes() (nodes []waBinary.Node) {
	add := func(tag, text string) {
		if text != "" {
			nodes = append(nodes, waBinary.Node{Tag: tag, Content: []byte(text)})
		}
	}
	add("address", b.Address)
	add("description", b.Description)
	for _, website := range b.Websites {
		add("website", website)
	}
	add("email", b.Email)
	if b.Category != "" {
		nodes = append(nodes, waBinary.Node{Tag: "categories", Content: []waBinary.Node{
			{Tag: "category", Attrs: waBinary.Attrs{"id": "1"}, Content: []byte(b.Category)}}})
	}
	return nodes
}

// changeBusiness applies a delta: what is in it replaces what was there. Assumed: a change
// to what this network knows nothing of is refused as a whole.
func (s *Server) changeBusiness(acct *account, node, query *waBinary.Node) *waBinary.Node {
	acct.mu.Lock()
	defer acct.mu.Unlock()
	switch {
	case attrText(query, "mutation_type") != "delta":
		return s.notImplemented(node)
	case acct.business == nil:
		return failure(node, 403, "forbidden")
	}
	now, websites := acct.business.copied(), false
	for _, member := range query.GetChildren() {
		text := string(content(&member))
		switch member.Tag {
		case "address":
			now.Address = text
		case "description":
			now.Description = text
		case "email":
			now.Email = text
		case "website":
			if !websites {
				now.Websites, websites = nil, true
			}
			if text != "" {
				now.Websites = append(now.Websites, text)
			}
		default:
			return s.notImplemented(node)
		}
	}
	acct.business = now
	s.saver.touch()
	return result(node)
}
