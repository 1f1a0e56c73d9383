package simnet

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Roles of a group's members; a plain member has none.
const (
	roleAdmin   = "admin"
	roleCreator = "superadmin"
)

// maxSubject is the length of a group's name in characters. Assumed: the limit
// has been raised over time.
const maxSubject = 100

// groups are all groups of a network. Its lock also guards the groups
// themselves; it is never held while stanzas are delivered.
type groups struct {
	mu   sync.Mutex
	byID map[string]*group
}

// group is one group as the server knows it. People are named by number.
type group struct {
	ID        string          `json:"id"` // The user part of its JID.
	Subject   string          `json:"subject"`
	SubjectBy string          `json:"subjectBy"`
	SubjectAt int64           `json:"subjectAt"` // Unix seconds, as all times here.
	Creator   string          `json:"creator"`
	Created   int64           `json:"created"`
	Members   []member        `json:"members"`
	About     description     `json:"about"`
	Announce  bool            `json:"announce,omitempty"` // Only admins may write.
	Locked    bool            `json:"locked,omitempty"`   // Only admins may edit subject, description and timer.
	AdminAdds bool            `json:"adminAdds,omitempty"`
	Approval  bool            `json:"approval,omitempty"` // Who joins by link must be let in.
	Timer     uint64          `json:"timer,omitempty"`    // Of disappearing messages, in seconds.
	Code      string          `json:"code"`               // Of the invite link.
	Requests  []joinRequest   `json:"requests,omitempty"`
	Picture   *profilePicture `json:"picture,omitempty"`
	Version   int             `json:"version"` // Counts changes; clients get it as v_id.
}

type member struct {
	Number string `json:"number"`
	Role   string `json:"role,omitempty"`
}

type description struct {
	ID   string `json:"id,omitempty"`
	Text string `json:"text,omitempty"`
	By   string `json:"by,omitempty"`
	At   int64  `json:"at,omitempty"`
}

type joinRequest struct {
	Number string `json:"number"`
	At     int64  `json:"at"`
}

func newGroups() *groups { return &groups{byID: make(map[string]*group)} }

// save writes all groups for the state file.
func (g *groups) save() (json.RawMessage, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	raw, err := json.Marshal(g.byID)
	if err != nil {
		return nil, fmt.Errorf("save groups: %w", err)
	}
	return raw, nil
}

// restore reads what save wrote; nothing means no groups.
func (g *groups) restore(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := json.Unmarshal(raw, &g.byID); err != nil {
		return fmt.Errorf("groups: %w", err)
	}
	for id, one := range g.byID {
		if one == nil || one.ID != id {
			return fmt.Errorf("groups: %w", errDamagedState)
		}
	}
	return nil
}

// find returns a group or nil. The caller holds mu.
func (g *groups) find(jid types.JID) *group { return g.byID[jid.User] }

// byCode returns the group of an invite link, or nil. The caller holds mu.
func (g *groups) byCode(code string) *group {
	for _, candidate := range g.byID {
		if candidate.Code == code {
			return candidate
		}
	}
	return nil
}

// newGroup makes a group with its creator as the only member. The caller holds
// mu and adds it to the others.
func (g *groups) newGroup(creator string, now time.Time) *group {
	id := newGroupID()
	for g.byID[id] != nil {
		id = newGroupID()
	}
	return &group{
		ID: id, Creator: creator, Created: now.Unix(), SubjectBy: creator, SubjectAt: now.Unix(),
		Members: []member{{creator, roleCreator}}, Code: newInviteCode(), Version: 1,
	}
}

// newGroupID makes an id in the form of the real ones: 18 digits after 120363.
func newGroupID() string {
	low, err := rand.Int(rand.Reader, big.NewInt(1_000_000_000_000))
	if err != nil {
		low = new(big.Int) // crypto/rand never returns an error since Go 1.24.
	}
	return "120363" + strconv.FormatInt(1_000_000_000_000+low.Int64(), 10)[1:]
}

// newInviteCode makes the 22 characters that end an invite link.
func newInviteCode() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // crypto/rand never returns an error since Go 1.24.
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (g *group) jid() types.JID { return types.NewJID(g.ID, types.GroupServer) }

func (g *group) index(number string) int {
	return slices.IndexFunc(g.Members, func(m member) bool { return m.Number == number })
}

func (g *group) has(number string) bool { return g.index(number) >= 0 }

func (g *group) admin(number string) bool {
	i := g.index(number)
	return i >= 0 && g.Members[i].Role != ""
}

// numbers lists the members.
func (g *group) numbers() []string {
	list := make([]string, len(g.Members))
	for i, m := range g.Members {
		list[i] = m.Number
	}
	return list
}

// bump counts a change and returns the version before and after it.
func (g *group) bump() (before, after string) {
	g.Version++
	return strconv.Itoa(g.Version - 1), strconv.Itoa(g.Version)
}

// personAttrs names somebody in both address forms: groups address their
// members by LID here, as new groups of the real network do.
func (s *Server) personAttrs(number string) waBinary.Attrs {
	acct := s.directory.known(number)
	return waBinary.Attrs{"jid": acct.lidJID(), "phone_number": acct.pn()}
}

// known returns the account of a number that is in use, whether or not it
// counts as absent by now.
func (d *directory) known(number string) *account {
	d.mu.Lock()
	defer d.mu.Unlock()
	acct := d.byNumber[number]
	if acct == nil {
		acct = newAccount(number, d.freeLID(number))
		d.byNumber[number], d.byLID[acct.lid] = acct, acct
	}
	return acct
}

// groupNode describes a group as its members see it. (Source of the names:
// whatsmeow's parseGroupNode and Baileys' extractGroupMetadata.)
func (s *Server) groupNode(g *group) waBinary.Node {
	creator, subjectBy := s.directory.known(g.Creator), s.directory.known(g.SubjectBy)
	node := waBinary.Node{Tag: "group", Attrs: waBinary.Attrs{
		"id": g.ID, "subject": g.Subject, "creation": g.Created,
		"s_t": g.SubjectAt, "s_o": subjectBy.lidJID(), "s_o_pn": subjectBy.pn(),
		"creator": creator.lidJID(), "creator_pn": creator.pn(),
		"size": len(g.Members), "addressing_mode": "lid",
		"p_v_id": strconv.Itoa(g.Version), "a_v_id": strconv.Itoa(g.Version),
	}}
	var children []waBinary.Node
	for _, m := range g.Members {
		attrs := s.personAttrs(m.Number)
		if m.Role != "" {
			attrs["type"] = m.Role
		}
		children = append(children, waBinary.Node{Tag: "participant", Attrs: attrs})
	}
	if g.About.Text != "" {
		by := s.directory.known(g.About.By)
		children = append(children, waBinary.Node{
			Tag:     "description",
			Attrs:   waBinary.Attrs{"id": g.About.ID, "t": g.About.At, "participant": by.lidJID(), "participant_pn": by.pn()},
			Content: []waBinary.Node{{Tag: "body", Content: []byte(g.About.Text)}},
		})
	}
	mode := "all_member_add"
	if g.AdminAdds {
		mode = "admin_add"
	}
	children = append(children, waBinary.Node{Tag: "member_add_mode", Content: []byte(mode)})
	if g.Announce {
		children = append(children, waBinary.Node{Tag: "announcement"})
	}
	if g.Locked {
		children = append(children, waBinary.Node{Tag: "locked"})
	}
	if g.Timer > 0 {
		children = append(children, waBinary.Node{Tag: "ephemeral", Attrs: waBinary.Attrs{"expiration": g.Timer}})
	}
	if g.Approval {
		children = append(children, waBinary.Node{Tag: "membership_approval_mode", Content: []waBinary.Node{
			{Tag: "group_join", Attrs: waBinary.Attrs{"state": "on"}},
		}})
	}
	node.Content = children
	return node
}

// groupNotice is a change of a group that its members are to be told.
type groupNotice struct {
	group types.JID
	by    *account
	to    []string // numbers
	what  waBinary.Node
}

// tellGroup delivers notices to every device of those concerned, the acting
// one included: clients keep their copy of the group by these.
func (s *Server) tellGroup(notices []groupNotice) {
	for _, n := range notices {
		for _, number := range n.to {
			acct := s.directory.known(number)
			for _, id := range acct.deviceIDs() {
				node := s.notification("w:gp2", n.group, n.what)
				node.Attrs["participant"], node.Attrs["participant_pn"] = n.by.lidJID(), n.by.pn()
				node.Attrs["addressing_mode"] = "lid"
				if name := n.by.name(); name != "" {
					node.Attrs["notify"] = name
				}
				s.deliver(acct, id, node)
			}
		}
	}
	if len(notices) > 0 {
		s.saver.touch()
	}
}
