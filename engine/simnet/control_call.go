package simnet

import "net/http"

// controlCall lets a phone call somebody, or with an id end that call.
func (s *Server) controlCall(r *http.Request) (any, error) {
	p, err := s.controlNumber(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		To    string `json:"to"`
		Video bool   `json:"video"`
		End   string `json:"end"` // the call to end
	}
	if err = readControl(r, &body); err != nil {
		return nil, err
	}
	to, err := controlJID(body.To)
	if err != nil {
		return nil, err
	}
	if body.End != "" {
		return map[string]any{}, p.HangUp(r.Context(), to, body.End)
	}
	id, err := p.Call(r.Context(), to, body.Video)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": id}, nil
}
