package metabody

import (
	"errors"
	"strings"
	"testing"
)

// refused wants a Fault of a reason that says something.
func refused(t *testing.T, err error, reason Reason, says string) {
	t.Helper()
	f, ok := errors.AsType[*Fault](err)
	if !ok || f.Reason != reason || !strings.Contains(f.Details, says) {
		t.Errorf("%v, want %d with %q", err, reason, says)
	}
}

func TestMembersAreRead(t *testing.T) {
	o := Read([]byte(`{"text":"a","number":7,"digits":" -7.5 ","null":null,"yes":"true","one":1,"no":"",
		"part":{"x":"1"},"asText":"{\"x\":[\"2\"]}","list":[{"x":"3"}],"listAsText":"[{\"x\":4}]","words":["a",5,null],"blank":""}`))
	for _, c := range []struct{ got, want any }{
		{o.Text("text"), "a"}, {o.Text("number"), "7"}, {o.Text("null"), ""}, {o.Text("absent"), ""},
		{o.Number("digits", -10, 10), -7.5}, {o.Number("number", 0, 10), 7.0},
		{o.Flag("yes"), true}, {o.Flag("one"), true}, {o.Flag("no"), false}, {o.Flag("null"), false},
		{o.Has("text"), true}, {o.Has("null"), false}, {o.Has("blank"), true},
		{o.Part("part").Need("x"), "1"}, {o.Part("asText").Texts("x", 1)[0], "2"}, {o.Part("null").Text("x"), ""},
		{o.List("list", 1)[0].Text("x"), "3"}, {o.List("listAsText", 1)[0].Text("x"), "4"}, {len(o.List("null", 1)), 0},
		{strings.Join(o.Texts("words", 3), " "), "a 5 "},
		{strings.Join(o.Part("part").Names(), " "), "x"}, {len(Read([]byte(`{"a":null}`)).Names()), 0},
		{Read([]byte(`{}`)).Kind(), "text"}, {Read([]byte(`{"type":"Image"}`)).Kind(), "image"},
	} {
		if c.got != c.want {
			t.Errorf("%#v, want %#v", c.got, c.want)
		}
	}
	if err := o.Err(); err != nil {
		t.Error(err)
	}
}

func TestMembersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		read   func(Object)
		reason Reason
		says   string
	}{
		"no object":          {`[]`, func(Object) {}, Invalid, "the body must be a JSON object"},
		"a list for text":    {`{"a":["b"]}`, func(o Object) { o.Text("a") }, Invalid, "a must be a string"},
		"true for text":      {`{"a":true}`, func(o Object) { o.Text("a") }, Invalid, "a must be a string"},
		"nothing":            {`{}`, func(o Object) { o.Need("a") }, Missing, "a is required"},
		"blank":              {`{"a":" "}`, func(o Object) { o.Need("a") }, Missing, "a is required"},
		"long":               {`{"a":"äöü"}`, func(o Object) { o.Short("a", 2) }, TooLong, "a must be at most 2 characters long"},
		"no number":          {`{"a":"x"}`, func(o Object) { o.Number("a", 0, 1) }, Value, "a must be a number from 0 to 1"},
		"NaN":                {`{"a":"NaN"}`, func(o Object) { o.Number("a", 0, 1) }, Value, "a must be a number"},
		"a high number":      {`{"a":2}`, func(o Object) { o.Number("a", 0, 1) }, Value, "a must be a number"},
		"seven for a flag":   {`{"a":7}`, func(o Object) { o.Flag("a") }, Invalid, "a must be true or false"},
		"text for a part":    {`{"a":"b"}`, func(o Object) { o.Part("a") }, Invalid, "a must be an object"},
		"no part":            {`{"a":null}`, func(o Object) { o.NeedPart("a") }, Missing, "a is required"},
		"in parts":           {`{"a":{"b":"{}"}}`, func(o Object) { o.Part("a").Part("b").Need("c") }, Missing, "a.b.c is required"},
		"in lists":           {`{"a":[{},{"b":[]}]}`, func(o Object) { o.List("a", 2)[1].Text("b") }, Invalid, "a[1].b must be a string"},
		"an object for list": {`{"a":{}}`, func(o Object) { o.List("a", 1) }, Invalid, "a must be a list"},
		"null in a list":     {`{"a":[null]}`, func(o Object) { o.List("a", 1) }, Invalid, "a[0] must be an object"},
		"a long list":        {`{"a":[{},{}]}`, func(o Object) { o.List("a", 1) }, Invalid, "a must have at most 1 entries"},
		"no texts":           {`{}`, func(o Object) { o.Texts("a", 1) }, Missing, "a is required"},
		"an empty list":      {`{"a":[]}`, func(o Object) { o.Texts("a", 1) }, Value, "a must have 1 to 1 entries"},
		"an object in texts": {`{"a":[{}]}`, func(o Object) { o.Texts("a", 1) }, Invalid, "a[0] must be a string"},
		"a name of a format": {`{"%d":{}}`, func(o Object) { o.Text("%d") }, Invalid, "%d must be a string"},
		"no group":           {`{"a":"919876543210@s.whatsapp.net"}`, func(o Object) { o.Group("a") }, Value, "a must be the id of a group"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Read([]byte(c.body))
			c.read(o)
			o.Fail(errors.New("what comes later does not count"))
			refused(t, o.Err(), c.reason, c.says)
		})
	}
}
