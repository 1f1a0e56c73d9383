package simnet

import (
	"cmp"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"
)

const (
	// maxListedPhones is how many phones one answer names.
	maxListedPhones = 500
	// maxListedLines is how many messages of a chat one answer holds: the latest.
	maxListedLines = 500
)

// controlTrouble is a fault that is about one phone alone, as its owner sees it.
type controlTrouble struct {
	ID   string    `json:"id"`
	Kind FaultKind `json:"kind"`
	Code int       `json:"code,omitempty"`
	Left float64   `json:"left,omitempty"` // seconds; 0 for until it is cleared
}

// controlLine is a Line in JSON.
type controlLine struct {
	ID        types.MessageID   `json:"id"`
	FromMe    bool              `json:"fromMe"`
	Number    string            `json:"number"` // of the author
	Name      string            `json:"name,omitempty"`
	Time      int64             `json:"time"` // unix milliseconds
	Text      string            `json:"text"`
	Kind      string            `json:"kind"`
	Media     string            `json:"media,omitempty"`
	FileName  string            `json:"fileName,omitempty"`
	Status    string            `json:"status"`
	Quotes    types.MessageID   `json:"quotes,omitempty"`
	Reactions []controlReaction `json:"reactions,omitempty"`
	Edited    bool              `json:"edited,omitempty"`
	Deleted   bool              `json:"deleted,omitempty"`
}

type controlReaction struct {
	Number string `json:"number"`
	Emoji  string `json:"emoji"`
}

func lineInControl(l Line) controlLine {
	out := controlLine{
		ID: l.ID, FromMe: l.FromMe, Number: l.Author.User, Name: l.Name, Time: l.Time.UnixMilli(), Text: l.Text, Kind: l.Kind,
		Media: l.Media, FileName: l.FileName, Status: l.Status.String(), Quotes: l.Quotes, Edited: l.Edited, Deleted: l.Deleted,
	}
	for _, r := range l.Reactions {
		out.Reactions = append(out.Reactions, controlReaction{r.Author.User, r.Emoji})
	}
	return out
}

// controlPhones lists the phones that there are by now, in the order of their
// numbers, with ?number= those of a number or of 155*.
func (s *Server) controlPhones(r *http.Request) (any, error) {
	pattern := cmp.Or(r.URL.Query().Get("number"), Everyone)
	if !numberPattern(pattern) {
		return nil, badf("number must be digits, or the first of them and a *")
	}
	phones := []map[string]any{}
	var found []*Phone
	s.directory.each(func(acct *account) {
		if phone := acct.existingPhone(); phone != nil && concerns(pattern, acct.number) {
			found = append(found, phone)
		}
	})
	slices.SortFunc(found, func(a, b *Phone) int { return strings.Compare(a.Number(), b.Number()) })
	for _, phone := range found[:min(len(found), maxListedPhones)] {
		online, waiting := phone.Online()
		phones = append(phones, map[string]any{
			"number": phone.Number(), "pushName": phone.account.name(), "online": online, "waiting": waiting,
			"devices": len(phone.account.linked()),
		})
	}
	return map[string]any{"phones": phones, "count": len(found)}, nil
}

func (s *Server) controlPhone(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	devices := []map[string]any{}
	for _, dev := range p.account.linked() {
		devices = append(devices, map[string]any{
			"id": dev.id, "jid": dev.jid(types.DefaultUserServer), "connected": dev.connection() != nil,
			"queued": len(dev.waiting()), "prekeys": dev.preKeyCount(),
		})
	}
	online, waiting := p.Online()
	return map[string]any{
		"number": p.Number(), "jid": p.JID(), "lid": p.LID(), "pushName": p.account.name(), "devices": devices,
		"online": online, "waiting": waiting, "faults": s.faults.troubles(p.Number()),
	}, nil
}

// troubles lists the faults in force that are about one number and no other.
func (f *Faults) troubles(number string) []controlTrouble {
	now := f.server.clock()
	list := []controlTrouble{}
	for _, fault := range f.List() {
		left := fault.ends.Sub(now)
		if fault.Number != number || fault.Expire > 0 && left <= 0 {
			continue
		}
		trouble := controlTrouble{ID: fault.ID, Kind: fault.Kind, Code: fault.Code}
		if fault.Expire > 0 {
			trouble.Left = left.Round(time.Millisecond).Seconds()
		}
		list = append(list, trouble)
	}
	return list
}

// controlChats lists a phone's conversations, the latest first.
func (s *Server) controlChats(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	chats := []map[string]any{}
	for _, chat := range p.Chats(r.Context()) {
		chats = append(chats, map[string]any{
			"chat": chat.JID, "number": numberIn(chat.JID), "name": chat.Name, "unread": chat.Unread, "typing": chat.Typing,
			"last": lineInControl(chat.Last),
		})
	}
	return map[string]any{"chats": chats}, nil
}

// controlChat shows one conversation, oldest first; with ?limit= the latest so
// many messages of it.
func (s *Server) controlChat(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	chat, err := controlJID(r.PathValue("chat"))
	if err != nil {
		return nil, err
	}
	limit := maxListedLines
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxListedLines {
			return nil, badf("limit must be 1 to %d", maxListedLines)
		}
	}
	all, err := p.Lines(r.Context(), chat)
	if err != nil {
		return nil, err
	}
	lines := []controlLine{}
	for _, line := range all[max(0, len(all)-limit):] {
		lines = append(lines, lineInControl(line))
	}
	return map[string]any{"messages": lines, "count": len(all), "typing": p.sawTyping(chat.ToNonAD())}, nil
}

// numberIn is the number of a person's chat, "" of a group.
func numberIn(chat types.JID) string {
	if chat.Server != types.DefaultUserServer {
		return ""
	}
	return chat.User
}

// controlFile is an answer that is not JSON: a file as its reader decrypted it.
type controlFile struct {
	name, mime string
	body       []byte
}

// controlFetch hands out the file of a message on a phone.
func (s *Server) controlFetch(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	body, declared, name, err := p.File(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return controlFile{name: name, mime: declared, body: body}, nil
}

// write answers with the file. Only what a browser can show without running it
// keeps the type that its sender gave it.
func (f controlFile) write(w http.ResponseWriter) {
	media, _, err := mime.ParseMediaType(f.mime)
	kind, _, _ := strings.Cut(media, "/")
	shown := kind == "audio" || kind == "video" || slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, media)
	disposition := "inline"
	if err != nil || !shown {
		media, disposition = "application/octet-stream", "attachment"
	}
	if f.name != "" {
		disposition = mime.FormatMediaType(disposition, map[string]string{"filename": f.name})
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", disposition)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(f.body) // The caller is gone when this fails.
}
