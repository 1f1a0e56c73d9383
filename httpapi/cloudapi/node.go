package cloudapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"wapid/engine/template"
)

// Member is one member of an object's JSON, in the order in which it is written.
type Member struct {
	Name  string
	Value any
}

// Node is an object as GET answers with it: the members that fields asks for, or all.
type Node []Member

// MarshalJSON implements json.Marshaler.
func (n Node) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Fields are the names in the parameter fields, nil if there is none: "name,status", where
// a name may have parts of its own in braces or limits behind a point, which don't count.
func Fields(parameter string) (names []string) {
	depth, start := 0, 0
	add := func(s string) {
		if at := strings.IndexAny(s, "{.("); at >= 0 {
			s = s[:at]
		}
		if s = strings.TrimSpace(s); s != "" {
			names = append(names, s)
		}
	}
	for i := 0; i < len(parameter); i++ {
		switch parameter[i] {
		case '{', '(':
			depth++
		case '}', ')':
			depth = max(0, depth-1)
		case ',':
			if depth == 0 {
				add(parameter[start:i])
				start = i + 1
			}
		}
	}
	add(parameter[start:])
	return names
}

// Pick is the node with the members that were asked for, in its own order, and always
// with its id. Names that it does not have are passed over.
func (n Node) Pick(fields []string) Node {
	if len(fields) == 0 {
		return n
	}
	var picked Node
	for _, m := range n {
		if m.Name == "id" || slices.Contains(fields, m.Name) {
			picked = append(picked, m)
		}
	}
	return picked
}

// TemplateNode is a template as GET answers with it.
func TemplateNode(id string, t template.Template, fields []string) Node {
	all := Node{
		{"name", t.Name}, {"parameter_format", t.ParameterFormat}, {"components", t.Components}, {"language", t.Language},
		{"status", t.Status}, {"category", t.Category}, {"id", id},
	}
	if len(fields) > 0 {
		// Nobody rates or rejects a template here. These are only told to who asks.
		all = append(all, Member{"quality_score", map[string]string{"score": "UNKNOWN"}}, Member{"rejected_reason", "NONE"})
	}
	return all.Pick(fields)
}

// Page is one page of a list.
type Page struct {
	Data   []Node  `json:"data"`
	Paging *Paging `json:"paging,omitempty"`
}

// Paging says how to go on from a page: clients follow Next until there is none.
type Paging struct {
	Cursors  Cursors `json:"cursors"`
	Next     string  `json:"next,omitempty"`
	Previous string  `json:"previous,omitempty"`
}

// Cursors are the places of a page's first and last entries.
type Cursors struct {
	Before string `json:"before"`
	After  string `json:"after"`
}
