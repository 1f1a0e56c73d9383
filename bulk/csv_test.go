package bulk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"wapid/engine"
)

// readCSV is all that a file holds.
func readCSV(file string) ([]Recipient, error) {
	c, err := OpenCSV(strings.NewReader(file))
	if err != nil {
		return nil, err
	}
	list := slices.Collect(c.All())
	for i, r := range list { // a row is overwritten by the next one
		list[i].Phone = strings.Clone(r.Phone)
	}
	return list, c.Err()
}

func TestCSV(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []Recipient
	}{
		"commas": {"phone,name\n919876543210,Asha\n", []Recipient{{Phone: "919876543210", Fields: map[string]string{"name": "Asha"}, Row: 2}}},
		"semicolons, a mark, other line ends, no last one": {"\ufeffName;Mobile\r\nAsha, B.;+91 98765 43210\r\n", []Recipient{
			{Phone: "+91 98765 43210", Fields: map[string]string{"Name": "Asha, B.", "name": "Asha, B."}, Row: 2}}},
		"tabs":         {"to\tcity\n1555\tPune\n", []Recipient{{Phone: "1555", Fields: map[string]string{"city": "Pune"}, Row: 2}}},
		"Excel's mark": {"sep=;\r\nphone;a,b,c\r\n1;2\r\n", []Recipient{{Phone: "1", Fields: map[string]string{"a,b,c": "2"}, Row: 3}}},
		"one column":   {"NUMBER\n1\n\n2", []Recipient{{Phone: "1", Fields: map[string]string{}, Row: 2}, {Phone: "2", Fields: map[string]string{}, Row: 4}}},
		"quotes": {"phone,note\n\"1\",\"two\nlines, \"\"quoted\"\"\"\n2,x\n", []Recipient{
			{Phone: "1", Fields: map[string]string{"note": "two\nlines, \"quoted\""}, Row: 2},
			{Phone: "2", Fields: map[string]string{"note": "x"}, Row: 4}}},
		"quoted delimiters in the first line": {"\"a;b;c;d\",phone\nx,1\n", []Recipient{{Phone: "1", Fields: map[string]string{"a;b;c;d": "x"}, Row: 2}}},
		"rows of other lengths": {"phone,name\n1\n2,a,b\n3,c,\n ,\n,d\n", []Recipient{
			{Phone: "1", Row: 2, Fault: "the row has another number of cells than the first line"},
			{Phone: "2", Row: 3, Fault: "the row has another number of cells than the first line"},
			{Phone: "3", Fields: map[string]string{"name": "c"}, Row: 4},
			{Row: 6, Fault: "the row has no number"}}},
		"quotes where none may be": {"phone,name\n1,a\"b\n\"2\"x,b\n3,c\n", []Recipient{
			{Row: 2, Fault: "the row has a quote where none may be"}, {Row: 3, Fault: "the row has a quote where none may be"},
			{Phone: "3", Fields: map[string]string{"name": "c"}, Row: 4}}},
		"an apostrophe":        {"phone\n'919876543210\n", []Recipient{{Phone: "919876543210", Fields: map[string]string{}, Row: 2}}},
		"several of the names": {"to,phone,Number\n1,2,3\n", []Recipient{{Phone: "2", Fields: map[string]string{"to": "1", "Number": "3", "number": "3"}, Row: 2}}},
		"both name and Name":   {"phone,Name,name\n1,A,b\n", []Recipient{{Phone: "1", Fields: map[string]string{"Name": "A", "name": "b"}, Row: 2}}},
		"empty cells":          {"phone,name,City,city\n1,,Pune,\n2, ,,Goa\n", []Recipient{{Phone: "1", Fields: map[string]string{"City": "Pune"}, Row: 2}, {Phone: "2", Fields: map[string]string{"city": "Goa"}, Row: 3}}},
		"a column without one": {"phone,,\n1,x,\n", []Recipient{{Phone: "1", Fields: map[string]string{}, Row: 2}}},
		"no rows":              {"phone", nil},
	} {
		got, err := readCSV(c.file)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestCSVRefusals(t *testing.T) {
	for name, c := range map[string]struct{ file, says string }{
		"nothing":              {"", "is empty"},
		"only a mark":          {"\ufeff", "is empty"},
		"UTF-16":               {"\xff\xfep\x00h\x00", "UTF-16"},
		"UTF-16, unmarked":     {"p\x00h\x00o\x00", "UTF-16"},
		"no such column":       {"name,age\nAsha,3\n", "must name the columns"},
		"no first line":        {"919876543210\n919876543211\n", "must name the columns"},
		"twice a column":       {"phone,a,a\n", "two columns"},
		"Latin-1":              {"phone,name\n1,a\n2,J\xf6rg\n", "line 3 of the CSV file is not UTF-8"},
		"Latin-1, first line":  {"phone,Gr\xf6\xdfe\n", "line 1 of the CSV file is not UTF-8"},
		"a NUL":                {"phone,name\n1,a\x00b\n", "line 2"},
		"an open quote":        {"phone,name\n1,\"a\n2,b\n3,c\n", "line 2 of the CSV file are not closed"},
		"a quote in the first": {"pho\"ne\n1\n", "can't be read"},
		"a long first line":    {"phone," + strings.Repeat("x", maxCSVHeader), "longer than"},
		"a long row":           {"phone,name\n1,\"" + strings.Repeat("x\n", maxCSVRow), "longer than"},
		"too many rows":        {"phone\n" + strings.Repeat("1\n", MaxRecipients+1), "more than 100000 rows"},
	} {
		if _, err := readCSV(c.file); engine.CodeOf(err) != engine.CodeInvalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("the disk is gone")
	c, err := OpenCSV(io.MultiReader(strings.NewReader("phone\n1\n"), failing{broken}))
	if err == nil {
		for range c.All() {
		}
		err = c.Err()
	}
	if !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// What a spreadsheet has done to a number can't be undone, and is not guessed.
func TestNumbersAreNotGuessed(t *testing.T) {
	for phone, says := range map[string]string{
		"4.91512E+12": "shortened", "4,91512E+12": "shortened", "4e12": "shortened", "+9.19876543210E11": "shortened",
		"491512345678.0": "decimal point", "491512345678,00": "decimal point", "+4915123.5": "decimal point",
		"1.555.123.4567": "", "+49 (0) 151 123.456": "", "0049 1512-345.678": "", "'919876543210": "must be a phone number", "#N/A": "must be a phone number",
	} {
		p := MakePlan([]Recipient{{Phone: phone, Row: 7}}, "Hi", unfit)
		switch {
		case says == "" && len(p.Items) != 1:
			t.Errorf("%s is refused: %+v", phone, p.Invalid)
		case says != "" && (len(p.Invalid) != 1 || !strings.Contains(p.Invalid[0].Reason, says) || p.Invalid[0].Row != 7):
			t.Errorf("%s is %+v", phone, p)
		}
	}
}

// rowsOf writes a long file without ever holding it.
type rowsOf struct {
	n, next int
	filler  string
	rest    []byte
}

func (r *rowsOf) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		switch {
		case r.next > r.n:
			return 0, io.EOF
		case r.next == 0:
			r.rest = []byte("phone;name;filler\n")
		default:
			r.rest = fmt.Appendf(nil, "4915%08d;\"Asha \"\"%d\"\"\";%s\n", r.next, r.next, r.filler)
		}
		r.next++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Two thousand rows of ten kilobytes, of which the message needs a name, take the
// memory of the names.
func TestALongCSVTakesLittleMemory(t *testing.T) {
	const n = 2000
	c, err := OpenCSV(&rowsOf{n: n, filler: strings.Repeat("x", 10_000)})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p := MakePlanOf(c.All(), "Hi {{name}}", unfit)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err := c.Err(); err != nil || len(p.Items) != n || p.Items[n-1].Fields["name"] != `Asha "2000"` {
		t.Fatalf("%d items, %v", len(p.Items), err)
	}
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d bytes an item", kept/n)
	if kept > n*1000 { // a map and three short texts each; the rows alone would be 20 MB
		t.Errorf("%d bytes are kept", kept)
	}
	runtime.KeepAlive(p)
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"phone,name\n1,a\n", "sep=;\nphone;a\n1;\"x\ny\"\n", "\ufeffto\tb\n1\t2\n", "phone\n\"", "phone,a\n1,\"\"\"\n2,b\n", "\xff\xfe"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := OpenCSV(bytes.NewReader(file))
		if err == nil {
			last := 1
			for r := range c.All() {
				if r.Row <= last || r.Row > bytes.Count(file, []byte("\n"))+1 {
					t.Fatalf("row %d follows row %d", r.Row, last)
				}
				last = r.Row
				if (r.Fault == "") != (r.Fields != nil) || r.Fault == "" && r.Phone == "" {
					t.Fatalf("row %d is %+v", r.Row, r)
				}
				if !readable([]string{r.Phone}) {
					t.Fatalf("row %d holds %q", r.Row, r.Phone)
				}
			}
			err = c.Err()
		}
		if err != nil && engine.CodeOf(err) != engine.CodeInvalid {
			t.Fatal(err)
		}
	})
}
