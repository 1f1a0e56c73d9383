package httpapi

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// sendRequest holds every field that the document names, so that a request for
// a type that can't be sent yet is told so, and not of an unknown field.
type sendRequest struct {
	To            string `json:"to"`
	Message       string `json:"message"`
	Type          string `json:"type"`
	Header        string `json:"header"`
	Footer        string `json:"footer"`
	MediaURL      string `json:"mediaUrl"`
	MediaBase64   string `json:"mediaBase64"`
	MediaMimeType string `json:"mediaMimeType"`
	FileName      string `json:"fileName"`
}

type sendResponse struct {
	Success   bool             `json:"success"`
	MessageID engine.MessageID `json:"messageId"`
	Timestamp int64            `json:"timestamp"` // unix seconds, the network's clock
}

func (s *Server) sendRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/send", scope: store.ScopeSend, tenant: s.send},
	}
}

// send is POST /api/whatsapp/session/{id}/send. It answers once WhatsApp's
// server has taken the message.
func (s *Server) send(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req sendRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	m, err := req.outgoing()
	if err != nil {
		return err
	}
	sent, err := s.engine.Send(c.UserContext(), key, m)
	if err != nil {
		return err
	}
	return ok(c, sendResponse{Success: true, MessageID: sent.ID, Timestamp: sent.Timestamp.Unix()})
}

// outgoing checks a request and makes the message of it, without an id. It
// returns CodeInvalid and CodeNotSupported.
func (r sendRequest) outgoing() (engine.Outgoing, error) {
	if err := r.checkType(); err != nil {
		return engine.Outgoing{}, err
	}
	if strings.TrimSpace(r.To) == "" {
		return engine.Outgoing{}, engine.Errorf(engine.CodeInvalid, "to is required")
	}
	to, err := engine.ParseRecipient(r.To)
	if err != nil {
		return engine.Outgoing{}, err
	}
	if strings.TrimSpace(r.Message) == "" {
		return engine.Outgoing{}, engine.Errorf(engine.CodeInvalid, "message is required")
	}
	text := compose(r.Header, r.Message, r.Footer)
	if len(text) > engine.MaxTextLength {
		return engine.Outgoing{}, engine.Errorf(engine.CodeInvalid,
			"message with header and footer is longer than %d bytes", engine.MaxTextLength)
	}
	return engine.Outgoing{To: to, Kind: engine.KindText, Text: text}, nil
}

// checkType admits text, and knows the other words of the document.
func (r sendRequest) checkType() error {
	switch r.Type {
	case "", string(engine.KindText):
	case string(engine.KindImage), string(engine.KindVideo), string(engine.KindDocument),
		string(engine.KindAudio), string(engine.KindPoll):
		return engine.Errorf(engine.CodeNotSupported, "type %s can't be sent yet, only text can", r.Type)
	default:
		return engine.Errorf(engine.CodeInvalid, "type must be text, image, video, document, audio or poll")
	}
	for _, f := range []struct{ name, value string }{
		{"mediaUrl", r.MediaURL}, {"mediaBase64", r.MediaBase64},
		{"mediaMimeType", r.MediaMimeType}, {"fileName", r.FileName},
	} {
		if f.value != "" {
			return engine.Errorf(engine.CodeInvalid, "%s does not go with type text", f.name)
		}
	}
	return nil
}

// compose puts a bold header above and an italic footer below a message, each
// only if it is given.
func compose(header, message, footer string) string {
	var b strings.Builder
	if header != "" {
		b.WriteString("*" + header + "*\n\n")
	}
	b.WriteString(message)
	if footer != "" {
		b.WriteString("\n\n_" + footer + "_")
	}
	return b.String()
}
