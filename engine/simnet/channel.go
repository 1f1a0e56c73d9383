package simnet

import (
	"slices"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// ackForbidden refuses a post of somebody who does not own the channel. Assumed.
const ackForbidden = 403

// What a post's attribute edit says (source: whatsmeow's sendNewsletter).
const (
	postEdited  = "3"
	postRevoked = "8"
)

// channels are the channels of a network, and what was published in them. They are
// not in the state file, and nobody but a test reads them: subscribers are not
// simulated.
type channels struct {
	mu   sync.Mutex
	byID map[types.JID]*channel
}

type channel struct {
	owner *account
	posts []*Post
}

// Post is what a channel shows. Posts are not encrypted.
type Post struct {
	ID       types.MessageID
	ServerID int
	Time     time.Time
	Message  *waE2E.Message // nil once it is revoked; must not be modified
	MediaID  string         // what the post names its file by
	Edits    int
}

// CreateChannel opens a channel that the phone's account owns.
func (p *Phone) CreateChannel() types.JID {
	s := p.server
	s.channels.mu.Lock()
	defer s.channels.mu.Unlock()
	if s.channels.byID == nil {
		s.channels.byID = make(map[types.JID]*channel)
	}
	jid := types.NewJID(newGroupID(), types.NewsletterServer)
	s.channels.byID[jid] = &channel{owner: p.account}
	return jid
}

// Posts lists what a channel shows, oldest first.
func (s *Server) Posts(jid types.JID) []Post {
	s.channels.mu.Lock()
	defer s.channels.mu.Unlock()
	c := s.channels.byID[jid]
	if c == nil {
		return nil
	}
	list := make([]Post, 0, len(c.posts))
	for _, post := range c.posts {
		list = append(list, *post)
	}
	return list
}

// publish takes a post, or a change of one, and answers with its place in the
// channel. A file must be one that the media host has taken for channels.
func (s *Server) publish(from origin, to types.JID, node, answer *waBinary.Node) *waBinary.Node {
	s.channels.mu.Lock()
	defer s.channels.mu.Unlock()
	c := s.channels.byID[to]
	switch {
	case c == nil:
		answer.Attrs["error"] = ackNoSuchOne
		return answer
	case c.owner != from.account:
		answer.Attrs["error"] = ackForbidden
		return answer
	}
	plain, ok := child(node, "plaintext")
	if !ok {
		return s.refuse(answer, node, ackMalformed)
	}
	post, code := c.take(node, content(plain), s.clock())
	if code != 0 {
		return s.refuse(answer, node, code)
	}
	answer.Attrs["server_id"] = post.ServerID
	return answer
}

// take changes the channel's posts, or returns the code of a refusal.
func (c *channel) take(node *waBinary.Node, plain []byte, now time.Time) (post *Post, code int) {
	id, edit := attrText(node, "id"), attrText(node, "edit")
	at := slices.IndexFunc(c.posts, func(p *Post) bool { return p.ID == id })
	if edit == postRevoked {
		if at < 0 || len(plain) > 0 {
			return nil, ackMalformed
		}
		c.posts[at].Message = nil
		return c.posts[at], 0
	}
	message := &waE2E.Message{}
	if err := proto.Unmarshal(plain, message); err != nil || proto.Size(message) == 0 {
		return nil, ackMalformed
	}
	if _, file, ok := mediaOf(message); ok && edit == "" && (len(file.key) > 0 || attrText(node, "media_id") != mediaName(file.directPath)) {
		return nil, ackMalformed
	}
	switch {
	case edit == postEdited && at >= 0:
		c.posts[at].Message = message
		c.posts[at].Edits++
		return c.posts[at], 0
	case edit != "":
		return nil, ackMalformed
	case at >= 0:
		return c.posts[at], 0 // A repetition of what is there.
	}
	post = &Post{ID: id, ServerID: 100 + len(c.posts), Time: now, Message: message, MediaID: attrText(node, "media_id")}
	c.posts = append(c.posts, post)
	return post, 0
}
