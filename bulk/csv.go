package bulk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"wapid/engine"
)

// Limits of a CSV file, in bytes.
const (
	maxCSVHeader = 64 << 10
	maxCSVRow    = 256 << 10
)

// phoneColumns are what the column with the numbers may be called, in upper or
// lower case. Of several the first one here counts; the others are fields.
var phoneColumns = [...]string{"phone", "number", "to", "mobile", "recipient"}

// CSV reads recipients from a file as spreadsheets write it: a line that names the
// columns, then a line or more for each recipient, in UTF-8, with commas,
// semicolons or tabs between the cells. It never holds more than a row.
type CSV struct {
	rows   *csv.Reader
	source *rationed
	names  []string // of the columns; "" for one that has none
	lower  []string // what a column is called as well: its name in lower case, if no other one has it
	phone  int      // which of them holds the numbers
	above  int      // lines of the file above what rows has been given
	count  int
	err    error
}

// OpenCSV reads the first line. It returns CodeInvalid for what is no such file,
// and the errors of r.
func OpenCSV(r io.Reader) (*CSV, error) {
	source := &rationed{from: r, left: maxCSVHeader + maxCSVRow}
	b := bufio.NewReaderSize(source, maxCSVHeader)
	if err := checkEncoding(b); err != nil {
		return nil, err
	}
	c := &CSV{source: source}
	comma, err := c.delimiter(b)
	if err != nil {
		return nil, err
	}
	c.rows = csv.NewReader(b)
	c.rows.Comma, c.rows.FieldsPerRecord, c.rows.ReuseRecord = comma, -1, true
	header, err := c.rows.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errCSV("the CSV file is empty")
	case err != nil && isParseError(err):
		return nil, errCSV("the first line of the CSV file, which names the columns, can't be read")
	case err != nil:
		return nil, err
	}
	return c, c.nameColumns(header)
}

func errCSV(format string, args ...any) error {
	return engine.Errorf(engine.CodeInvalid, format, args...)
}

func isParseError(err error) bool {
	_, ok := errors.AsType[*csv.ParseError](err)
	return ok
}

// checkEncoding takes the mark of UTF-8 away and refuses UTF-16.
func checkEncoding(b *bufio.Reader) error {
	start, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}), bytes.IndexByte(start, 0) >= 0:
		return errCSV("the CSV file is encoded in UTF-16; save it as CSV UTF-8")
	case bytes.HasPrefix(start, []byte{0xef, 0xbb, 0xbf}):
		_, err := b.Discard(3)
		return err
	}
	return nil
}

// delimiter finds out what stands between the cells: what the first line has most
// of outside of quotes, or what Excel's line "sep=;" says, which is taken away.
func (c *CSV) delimiter(b *bufio.Reader) (rune, error) {
	start, err := b.Peek(maxCSVHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	line, _, ended := bytes.Cut(start, []byte("\n"))
	if !ended && err == nil {
		return 0, errCSV("the first line of the CSV file, which names the columns, is longer than %d bytes", maxCSVHeader)
	}
	if says, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\r")), []byte("sep=")); ok && len(says) == 1 && strings.Contains(",;\t", string(says)) && ended {
		c.above = 1
		_, err := b.Discard(len(line) + 1)
		return rune(says[0]), err
	}
	count := make(map[byte]int)
	quoted := false
	for _, ch := range start {
		if ch == '"' {
			quoted = !quoted
		} else if ch == '\n' && !quoted {
			break
		} else if !quoted {
			count[ch]++
		}
	}
	best := byte(',')
	for _, ch := range []byte{';', '\t'} {
		if count[ch] > count[best] {
			best = ch
		}
	}
	return rune(best), nil
}

func (c *CSV) nameColumns(header []string) error {
	if !readable(header) {
		return errNotUTF8(1 + c.above)
	}
	c.names, c.lower = make([]string, len(header)), make([]string, len(header))
	c.phone = -1
	rank := len(phoneColumns)
	taken := map[string]bool{"": true}
	for i, name := range header {
		name = strings.TrimSpace(strings.Clone(name))
		if name != "" && taken[name] {
			return errCSV("the CSV file has two columns %.64q", name)
		}
		c.names[i], taken[name] = name, true
		if r := slices.Index(phoneColumns[:], strings.ToLower(name)); r >= 0 && r < rank {
			c.phone, rank = i, r
		}
	}
	if c.phone < 0 {
		return errCSV("the first line of the CSV file must name the columns, and one of them phone, number, to, mobile or recipient")
	}
	for i, name := range c.names {
		if lower := strings.ToLower(name); i != c.phone && !taken[lower] {
			c.lower[i], taken[lower] = lower, true
		}
	}
	return nil
}

func errNotUTF8(line int) error {
	return errCSV("line %d of the CSV file is not UTF-8 text; save it as CSV UTF-8", line)
}

// readable tells whether cells can be stored and sent as they are.
func readable(cells []string) bool {
	for _, cell := range cells {
		if !utf8.ValidString(cell) || strings.IndexByte(cell, 0) >= 0 {
			return false
		}
	}
	return true
}

// All are the recipients, in the order of the file; see Err afterwards. A row that
// is not as the header says comes with a Fault. Rows without anything are left out.
func (c *CSV) All() iter.Seq[Recipient] {
	return func(yield func(Recipient) bool) {
		for c.err == nil {
			r, ok := c.next()
			if ok && !yield(r) {
				return
			}
		}
	}
}

// Err is what ended the reading before the end of the file: CodeInvalid, or an
// error of the reader. The recipients are of no use then.
func (c *CSV) Err() error {
	if errors.Is(c.err, io.EOF) {
		return nil
	}
	return c.err
}

// next reads one row. It is not ok if there is none, or none that counts.
func (c *CSV) next() (r Recipient, ok bool) {
	c.source.left = maxCSVRow
	cells, err := c.rows.Read()
	if err != nil && !isParseError(err) {
		c.err = err
		return r, false
	}
	if err == nil && !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
		return r, false
	}
	if c.count++; c.count > MaxRecipients {
		c.err = errCSV("the CSV file has more than %d rows", MaxRecipients)
		return r, false
	}
	if fault, bad := errors.AsType[*csv.ParseError](err); bad {
		r.Row = fault.StartLine + c.above
		if fault.StartLine != fault.Line { // who knows how many recipients are in there
			c.err = errCSV("the quotes of the cell that begins in line %d of the CSV file are not closed", r.Row)
			return r, false
		}
		r.Fault = "the row has a quote where none may be"
		return r, true
	}
	line, _ := c.rows.FieldPos(0)
	r.Row = line + c.above
	if !readable(cells) {
		c.err = errNotUTF8(r.Row)
		return r, false
	}
	c.fill(&r, cells)
	return r, true
}

// fill makes a recipient of the cells of a row.
func (c *CSV) fill(r *Recipient, cells []string) {
	if c.phone < len(cells) {
		// An apostrophe is how spreadsheets mark a number as text.
		r.Phone = strings.TrimPrefix(strings.TrimSpace(cells[c.phone]), "'")
	}
	for len(cells) > len(c.names) && cells[len(cells)-1] == "" { // delimiters at the end
		cells = cells[:len(cells)-1]
	}
	switch {
	case len(cells) != len(c.names):
		r.Fault = "the row has another number of cells than the first line"
		return
	case r.Phone == "":
		r.Fault = "the row has no number"
		return
	}
	r.Fields = make(map[string]string)
	for i, cell := range cells {
		if i == c.phone || strings.TrimSpace(cell) == "" { // a spreadsheet can't say otherwise that a field is missing
			continue
		}
		for _, name := range [...]string{c.names[i], c.lower[i]} {
			if name != "" {
				r.Fields[name] = cell
			}
		}
	}
}

// rationed is a reader that must not be asked for more than it has been granted: a
// quote that is never closed would make a row of all that follows.
type rationed struct {
	from io.Reader
	left int
}

// Read returns CodeInvalid beyond what is left.
func (r *rationed) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errCSV("a row of the CSV file is longer than %d bytes: is a quote not closed?", maxCSVRow)
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}
