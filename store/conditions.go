package store

import (
	"strconv"
	"strings"
)

// conditions collects the terms of a WHERE clause with their values. SQL is
// written here with ? for each value and numbered when it is added.
type conditions struct {
	terms []string
	args  []any
}

// add joins a term by AND.
func (q *conditions) add(term string, args ...any) {
	q.terms = append(q.terms, q.number(term, args...))
}

// number binds a term's values and numbers its placeholders.
func (q *conditions) number(term string, args ...any) string {
	var b strings.Builder
	rest, next := term, 0
	for {
		before, after, found := strings.Cut(rest, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(q.bind(args[next]))
		rest, next = after, next+1
	}
}

// bind adds a value and returns its placeholder.
func (q *conditions) bind(value any) string {
	q.args = append(q.args, value)
	return "$" + strconv.Itoa(len(q.args))
}

// where is the clause with a leading space, "" without terms.
func (q *conditions) where() string {
	if len(q.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.terms, " AND ")
}

// among demands that a column has one of some values; nil demands nothing, and
// none at all matches nothing.
func among[T ~string](q *conditions, column string, values []T) {
	if values == nil {
		return
	}
	if len(values) == 0 {
		q.add("1 = 0")
		return
	}
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = q.bind(string(v))
	}
	q.terms = append(q.terms, column+" IN ("+strings.Join(places, ", ")+")")
}
