package httpapi

import (
	"context"

	"wapid/engine"
	"wapid/engine/template"
)

// renderTemplate sets in a draft what a tenant's template becomes with values: a text, or
// a file with a caption, and its quick replies as choices. A file of which the values
// give a link is fetched like any other; of one that was uploaded ahead the id is
// returned, for the caller to find, and "" otherwise. It returns CodeNotFound if there is
// no template of the name in the language ("" for whichever there is), and the
// *template.Error of Render; the caller knows how to put both into its own words.
func (s *Server) renderTemplate(ctx context.Context, tenant engine.TenantID, name, language string, v template.Values, d *draft) (fileID string, err error) {
	t, err := s.store.FindTemplateNamed(ctx, tenant, name, language)
	if err != nil {
		return "", err
	}
	m, err := template.Render(t.Template, v)
	if err != nil {
		return "", err
	}
	return d.setTemplate(m), nil
}

// setTemplate puts the message of a template in a draft, and returns the id of its file.
func (d *draft) setTemplate(m template.Message) (fileID string) {
	d.message.Kind, d.message.Text = engine.KindText, m.Text()
	if len(m.Replies) > 0 {
		d.message.Text = m.Main()
		d.message.Choices = &engine.Choices{Style: engine.StyleQuickReply, Header: m.Header, Footer: m.Footer}
		for _, r := range m.Replies {
			d.message.Choices.Options = append(d.message.Choices.Options, engine.Choice{ID: r.Payload, Title: r.Title})
		}
	}
	if m.Media == nil {
		return ""
	}
	switch m.Media.Kind {
	case template.ImageValue:
		d.message.Kind = engine.KindImage
	case template.VideoValue:
		d.message.Kind = engine.KindVideo
	default:
		d.message.Kind = engine.KindDocument
	}
	d.mediaURL, d.fileName = m.Media.Link, m.Media.FileName
	return m.Media.ID
}
