package template

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// wireComponent is one entry of a message's template.components.
type wireComponent struct {
	Type       string          `json:"type"`
	SubType    string          `json:"sub_type"`
	Index      json.RawMessage `json:"index"` // a number, also as text
	Parameters []wireParameter `json:"parameters"`
}

type wireParameter struct {
	Type     string      `json:"type"`
	Name     string      `json:"parameter_name"`
	Text     *string     `json:"text"`
	Payload  *string     `json:"payload"`
	Coupon   *string     `json:"coupon_code"`
	Currency *wireAmount `json:"currency"`
	DateTime *wireAmount `json:"date_time"`
	Image    *wireMedia  `json:"image"`
	Video    *wireMedia  `json:"video"`
	Document *wireMedia  `json:"document"`
	Location *wirePlace  `json:"location"`
}

// wireAmount is a sum of money or a time. They are shown as the text that they fall back
// to, as Meta itself does for times.
type wireAmount struct {
	Fallback *string `json:"fallback_value"`
}

type wireMedia struct {
	ID       flexible `json:"id"`
	Link     string   `json:"link"`
	FileName string   `json:"filename"`
}

type wirePlace struct {
	Latitude  flexible `json:"latitude"`
	Longitude flexible `json:"longitude"`
	Name      string   `json:"name"`
	Address   string   `json:"address"`
}

// flexible is a text or a number of JSON, as a text: both come for ids and degrees.
type flexible string

// UnmarshalJSON implements json.Unmarshaler.
func (f *flexible) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		*f = flexible(text)
		return nil
	}
	var number json.Number
	err := json.Unmarshal(raw, &number)
	*f = flexible(number)
	return err
}

// ParseComponents reads a message's template.components, as the Cloud and the
// On-Premises API have them; nothing and null are no values. It fails with an *Error of
// Invalid, Missing or Mismatch.
func ParseComponents(raw json.RawMessage) (v Values, err error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return v, nil
	}
	var components []wireComponent
	if err := json.Unmarshal(raw, &components); err != nil {
		return v, errorf(Invalid, "components", "must be an array of objects with type and parameters")
	}
	seen := make(map[string]bool)
	for _, c := range components {
		kind := strings.ToLower(c.Type)
		if kind != "button" && seen[kind] {
			return v, errorf(Invalid, "components", "there is more than one %s", kind)
		}
		seen[kind] = true
		switch kind {
		case "header":
			v.Header, err = c.values("header")
		case "body":
			v.Body, err = c.values("body")
		case "button":
			var one ButtonValue
			if one, err = c.button(); err == nil {
				v.Buttons = append(v.Buttons, one)
			}
		case "footer":
			if len(c.Parameters) > 0 {
				err = errCount("footer", len(c.Parameters), 0)
			}
		default:
			err = errorf(Invalid, "components", "type must be header, body or button")
		}
		if err != nil {
			return Values{}, err
		}
	}
	return v, nil
}

func (c wireComponent) values(part string) ([]Value, error) {
	values := make([]Value, 0, len(c.Parameters))
	for _, p := range c.Parameters {
		v, err := p.value(part)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// value reads one parameter. A parameter without a type is a text, as older clients
// leave it out.
func (p wireParameter) value(part string) (v Value, err error) {
	v.Type, v.Name = ValueType(strings.ToLower(p.Type)), p.Name
	var text *string
	switch v.Type {
	case "", TextValue:
		v.Type, text = TextValue, p.Text
	case CurrencyValue:
		text = p.Currency.fallback()
	case DateTimeValue:
		text = p.DateTime.fallback()
	case ImageValue:
		v.Media, err = p.Image.media(part, v.Type)
		return v, err
	case VideoValue:
		v.Media, err = p.Video.media(part, v.Type)
		return v, err
	case DocumentValue:
		v.Media, err = p.Document.media(part, v.Type)
		return v, err
	case LocationValue:
		v.Place, err = p.Location.place(part)
		return v, err
	default:
		return v, errorf(Invalid, part, "a parameter's type must be text, currency, date_time, image, video, document or location")
	}
	if text == nil || *text == "" {
		return v, errorf(Missing, part, "a parameter of type %s has no text", v.Type)
	}
	v.Text = *text
	return v, nil
}

func (a *wireAmount) fallback() *string {
	if a == nil {
		return nil
	}
	return a.Fallback
}

func (m *wireMedia) media(part string, kind ValueType) (*Media, error) {
	if m == nil || (m.ID == "") == (m.Link == "") {
		return nil, errorf(Missing, part, "a parameter of type %s needs an id or a link, and not both", kind)
	}
	return &Media{Kind: kind, ID: string(m.ID), Link: m.Link, FileName: m.FileName}, nil
}

func (p *wirePlace) place(part string) (*Place, error) {
	if p == nil {
		return nil, errorf(Missing, part, "a parameter of type location has no location")
	}
	latitude, err := strconv.ParseFloat(string(p.Latitude), 64)
	longitude, err2 := strconv.ParseFloat(string(p.Longitude), 64)
	if err != nil || err2 != nil || !(latitude >= -90 && latitude <= 90) || !(longitude >= -180 && longitude <= 180) {
		return nil, errorf(Missing, part, "a location needs a latitude from -90 to 90 and a longitude from -180 to 180, in degrees")
	}
	return &Place{Latitude: latitude, Longitude: longitude, Name: p.Name, Address: p.Address}, nil
}

// button reads the one value of a button.
func (c wireComponent) button() (b ButtonValue, err error) {
	var index flexible
	if err := json.Unmarshal(c.Index, &index); err != nil {
		return b, errorf(Missing, "buttons", "index is required, the place of the button from 0")
	}
	n, ok := numberOf(string(index))
	if !ok || n < 0 || n >= mostButtons {
		return b, errorf(Invalid, "buttons", "index must be from 0 to %d", mostButtons-1)
	}
	b.Index = n
	part := partOf(n)
	if len(c.Parameters) > 1 {
		return b, errCount(part, len(c.Parameters), 1)
	}
	var p wireParameter
	if len(c.Parameters) == 1 {
		p = c.Parameters[0]
	}
	var text *string
	switch strings.ToLower(c.SubType) {
	case "quick_reply":
		if b.Type, text = QuickReply, p.Payload; text == nil {
			text = p.Text
		}
	case "url":
		b.Type, text = URL, p.Text
	case "copy_code":
		if b.Type, text = CopyCode, p.Coupon; text == nil {
			text = p.Text
		}
	default:
		return b, errorf(Invalid, part, "sub_type must be url, quick_reply or copy_code")
	}
	if text == nil || *text == "" {
		return b, errorf(Missing, part, "the button's parameter has no value")
	}
	b.Text = *text
	return b, nil
}
