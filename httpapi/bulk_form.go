package httpapi

import (
	"context"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"reflect"

	"wapid/bulk"
	"wapid/engine"
)

// wholeRequest is the part of a form that holds a bulk request as JSON.
const wholeRequest = "request"

// readBulkForm reads a bulk request as a multipart form: the fields of the JSON
// request one by one, or all of them in a part named request; recipients as a
// field or as a CSV file; and the file that the message has.
func (s *Server) readBulkForm(body io.Reader, boundary string) (in *sending, req bulkRequest, err error) {
	in = &sending{}
	f := &form{server: s, in: in, left: bulkBodies * s.maxBody, fields: make(map[string][]string), ofMany: true}
	if err := f.read(body, boundary); err != nil {
		return in, req, err
	}
	said, err := f.bulkJSON()
	if err != nil {
		return in, req, err
	}
	if err := parseJSON(said, &req); err != nil {
		return in, req, err
	}
	if in.list.Path != "" && req.Recipients != nil {
		return in, req, engine.Errorf(engine.CodeInvalid, "recipients must not be both a file and a list")
	}
	in.request = req.sendRequest
	err = f.finish(said)
	req.sendRequest = in.request
	return in, req, err
}

// bulkJSON is what the fields of the form say, as JSON.
func (f *form) bulkJSON() ([]byte, error) {
	whole := f.fields[wholeRequest]
	switch {
	case len(whole) == 0:
		return formJSON(reflect.TypeFor[bulkRequest](), f.fields)
	case len(whole) > 1 || len(f.fields) > 1:
		return nil, engine.Errorf(engine.CodeInvalid, "beside the part request the form must have no others but files")
	}
	return []byte(whole[0]), nil
}

// isFile tells a file from a field.
func isFile(part *multipart.Part) bool {
	if part.FileName() != "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	return err == nil && kind == "text/csv"
}

// takeList puts a list of recipients into the spool: it is read once it is known
// what the message needs of it.
func (f *form) takeList(part *multipart.Part) error {
	if f.in.list.Path != "" {
		return engine.Errorf(engine.CodeInvalid, "the form must not have more than one file of recipients")
	}
	list, err := f.server.spool.Take(context.Background(), part, bulkBodies*int64(f.server.maxBody)) // the body's own deadline ends it
	if engine.CodeOf(err) == engine.CodeMediaInvalid {
		return errTooLarge()
	}
	f.in.list = list
	return err
}

// planBulk checks the recipients, wherever they stand. It returns CodeInvalid and
// CodeStorage.
func (s *Server) planBulk(in *sending, req bulkRequest, m engine.Outgoing) (bulk.Plan, error) {
	if in.list.Path == "" {
		return req.plan(m)
	}
	file, err := os.Open(in.list.Path)
	if err != nil {
		return bulk.Plan{}, engine.WrapError(engine.CodeStorage, err, "the list of recipients can't be read")
	}
	defer file.Close()
	list, err := bulk.OpenCSV(file)
	if err != nil {
		return bulk.Plan{}, err
	}
	plan := bulk.MakePlanOf(list.All(), m.Text, unfitFor(m))
	if err := list.Err(); err != nil {
		return bulk.Plan{}, err
	}
	if len(plan.Items) == 0 && len(plan.Invalid) == 0 {
		return bulk.Plan{}, engine.Errorf(engine.CodeInvalid, "the CSV file has no recipients")
	}
	return plan, nil
}
