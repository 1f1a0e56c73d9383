package simnet

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// controlMessage is a received message in JSON.
type controlMessage struct {
	ID       types.MessageID `json:"id"`
	From     string          `json:"from"`   // device as it was addressed
	Number   string          `json:"number"` // of the sender
	Chat     types.JID       `json:"chat"`
	Time     time.Time       `json:"time"`
	PushName string          `json:"pushName,omitempty"`
	Text     string          `json:"text"`
	Kind     string          `json:"kind"` // text, media, poll or reaction
	Media    string          `json:"media,omitempty"`
	Copies   int             `json:"copies"`
	FromMe   bool            `json:"fromMe"`
}

func inControl(r Received) controlMessage {
	kind := traits{}
	if r.Message != nil {
		kind = traitsOf(r.Message)
	}
	return controlMessage{
		ID: r.ID, From: r.From.String(), Number: r.FromPN.User, Chat: r.Chat, Time: r.Time, PushName: r.PushName,
		Text: r.Text, Kind: kind.kind, Media: kind.media, Copies: r.Copies, FromMe: r.FromMe,
	}
}

// controlPasskey answers a passkey request for the account's owner.
func (s *Server) controlPasskey(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var request types.WebAuthnPublicKey
	if err = readControl(r, &request); err != nil {
		return nil, err
	}
	answer, err := p.SignPasskey(&request)
	if err != nil {
		return nil, badRequest{err}
	}
	return answer, nil
}

// controlSend sends a text, or a file when data is given.
func (s *Server) controlSend(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		To    string `json:"to"`
		Text  string `json:"text"`
		Media *struct {
			Kind     MediaKind `json:"kind"`
			Data     []byte    `json:"data"`
			MIME     string    `json:"mime"`
			FileName string    `json:"fileName"`
			Voice    bool      `json:"voice"`
		} `json:"media"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	to, err := controlJID(body.To)
	if err != nil {
		return nil, err
	}
	if body.Text == "" && body.Media == nil {
		return nil, badf("neither text nor media")
	}
	var id types.MessageID
	if body.Media != nil {
		if _, err = mediaClassOf(body.Media.Kind); err != nil {
			return nil, badRequest{err}
		}
		id, err = p.SendMedia(r.Context(), to, Media{
			Kind: body.Media.Kind, Data: body.Media.Data, MIME: body.Media.MIME,
			FileName: body.Media.FileName, Voice: body.Media.Voice, Caption: body.Text,
		})
	} else {
		id, err = p.SendText(r.Context(), to, body.Text)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": id}, nil
}

// controlInbox lists what the phone received: after=N leaves out the first N
// messages, wait=S waits up to S seconds for more than that, text= and id=
// filter.
func (s *Server) controlInbox(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	wait, err := controlWait(r, maxControlWait)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	after, err := strconv.Atoi("0" + query.Get("after"))
	if err != nil {
		return nil, badf("after must be a number")
	}
	matches := func(m Received) bool {
		return (query.Get("text") == "" || m.Text == query.Get("text")) && (query.Get("id") == "" || m.ID == query.Get("id"))
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	for {
		p.mu.Lock()
		changed := p.waitChange()
		p.mu.Unlock()
		all := p.Inbox()
		list := []controlMessage{}
		for i, m := range all {
			if i >= after && matches(m) {
				list = append(list, inControl(m))
			}
		}
		answer := map[string]any{"messages": list, "count": len(all)}
		if len(list) > 0 || wait == 0 {
			return answer, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return answer, nil
		}
	}
}

// controlSent lists what the phone sent and what became of it.
func (s *Server) controlSent(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	list := []map[string]any{}
	for _, m := range p.Sent() {
		list = append(list, map[string]any{
			"id": m.ID, "chat": m.Chat, "time": m.Time, "text": m.Text, "retries": m.Retries,
			"delivered": m.Delivered, "read": m.Read, "played": m.Played,
		})
	}
	return map[string]any{"messages": list}, nil
}

// controlRead marks messages as read, or as played.
func (s *Server) controlRead(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Chat   string            `json:"chat"`
		IDs    []types.MessageID `json:"ids"`
		Played bool              `json:"played"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	chat, err := controlJID(body.Chat)
	if err != nil {
		return nil, err
	}
	mark := p.MarkRead
	if body.Played {
		mark = p.MarkPlayed
	}
	return map[string]any{}, mark(r.Context(), chat, body.IDs...)
}

func (s *Server) controlTyping(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		To string `json:"to"`
		On bool   `json:"on"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	to, err := controlJID(body.To)
	if err != nil {
		return nil, err
	}
	return map[string]any{}, p.Typing(r.Context(), to, body.On)
}

func (s *Server) controlRetry(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		ID types.MessageID `json:"id"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	return map[string]any{}, p.RequestRetry(r.Context(), body.ID)
}

// controlLose makes the phone lose the file of a message.
func (s *Server) controlLose(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		ID types.MessageID `json:"id"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	return map[string]any{}, p.LoseFile(body.ID)
}

// controlExpire makes the media host drop the file of a message on the phone.
func (s *Server) controlExpire(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		ID types.MessageID `json:"id"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	return map[string]any{}, p.ExpireFile(body.ID)
}

// controlSettings changes what is given and leaves the rest.
func (s *Server) controlSettings(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Online       *bool   `json:"online"`
		AutoReceipts *bool   `json:"autoReceipts"`
		PushName     *string `json:"pushName"`
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	if body.Online != nil {
		p.SetOnline(*body.Online)
	}
	if body.AutoReceipts != nil {
		p.SetAutoReceipts(*body.AutoReceipts)
	}
	if body.PushName != nil {
		p.SetPushName(*body.PushName)
	}
	return s.controlPhone(r)
}

// controlUnlink removes a linked device by its number on the account.
func (s *Server) controlUnlink(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 8)
	if err != nil {
		return nil, badf("device must be a number")
	}
	return map[string]any{}, p.Unlink(r.Context(), p.account.jid(types.DefaultUserServer, uint16(id)))
}
