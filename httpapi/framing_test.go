package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

func TestFramingInDoubt(t *testing.T) {
	d := start(t)
	const create = `{"sessionId":"main"}`
	const chunks = "14\r\n" + create + "\r\n0\r\n\r\n"
	line := "POST /api/whatsapp/session HTTP/1.1\r\n"
	key := "X-API-Key: " + d.key + "\r\n"
	head := line + "Host: x\r\n" + key
	length := fmt.Sprintf("Content-Length: %d\r\n", len(create))
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"well":                   {head + length + "\r\n" + create, 200},
		"chunked well":           {head + "Transfer-Encoding: Chunked\r\n\r\n" + chunks, 200},
		"HTTP/1.0 without Host":  {"GET /healthz HTTP/1.0\r\n\r\n", 200},
		"no Host":                {line + key + length + "\r\n" + create, 400},
		"two Hosts":              {head + "Host: y\r\n" + length + "\r\n" + create, 400},
		"length and chunks":      {head + length + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 400},
		"chunks and length":      {head + "Transfer-Encoding: chunked\r\n" + length + "\r\n" + chunks, 400},
		"identity and length":    {head + "transfer-encoding: identity\r\n" + length + "\r\n" + create, 400},
		"an unknown coding":      {head + "Transfer-Encoding: gzip\r\n\r\n" + chunks, 400},
		"a tab before a coding":  {head + "Transfer-Encoding:\tchunked\r\n\r\n" + chunks, 200},
		"a vertical tab":         {head + "Transfer-Encoding: \vchunked\r\n\r\n" + chunks, 400},
		"a form feed":            {head + "Transfer-Encoding: chunked\f\r\n\r\n" + chunks, 400},
		"a space of Unicode":     {head + "Transfer-Encoding: \u00a0chunked\r\n\r\n" + chunks, 400},
		"two codings":            {head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks, 400},
		"two codings apart":      {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400},
		"chunks in HTTP/1.0":     {strings.Replace(head, "1.1", "1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 400},
		"differing lengths":      {head + "Content-Length: 0\r\n" + length + "\r\n" + create, 400},
		"the same length twice":  {head + length + length + "\r\n" + create, 400},
		"a list of lengths":      {head + "Content-Length: 20, 20\r\n\r\n" + create, 400},
		"a signed length":        {head + "Content-Length: +20\r\n\r\n" + create, 400},
		"a header that goes on":  {head + "X-Fold: a\r\n b\r\n" + length + "\r\n" + create, 400},
		"a space before a colon": {head + "Transfer-Encoding : chunked\r\n" + length + "\r\n" + create, 400},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := d.raw(c.request)
			r := reply{res.StatusCode, res.Header, body}
			if c.status == http.StatusOK {
				d.wants(r, c.status, "")
				return
			}
			d.wants(r, c.status, engine.CodeInvalid)
			if !res.Close {
				t.Error("the connection stays open")
			}
		})
	}
}

// TestStrangersSendNoLargeBodies declares bodies that never come: the answer
// must come all the same.
func TestStrangersSendNoLargeBodies(t *testing.T) {
	d := start(t)
	for name, c := range map[string]struct {
		key, header, body string
		status            int
		code              engine.Code
	}{
		"a stranger":                 {"", "Content-Length: 100000", "", 401, engine.CodeUnauthorized},
		"a wrong key":                {"wrong", "Content-Length: 100000", "", 401, engine.CodeUnauthorized},
		"a stranger who asks":        {"", "Expect: 100-continue\r\nContent-Length: 100000", "", 401, engine.CodeUnauthorized},
		"a stranger beyond limit":    {"", "Content-Length: 999999999", "", 401, engine.CodeUnauthorized},
		"a stranger's chunks":        {"", "Transfer-Encoding: chunked", "2000\r\n" + strings.Repeat(" ", 0x2000) + "\r\n", 401, engine.CodeUnauthorized},
		"a stranger's short body":    {"", "Content-Length: 2", "{}", 401, engine.CodeUnauthorized},
		"a tenant":                   {d.key, "Content-Length: 10000", "{" + strings.Repeat(" ", 9998) + "}", 400, engine.CodeInvalid},
		"a tenant who asks":          {d.key, "Expect: 100-continue\r\nContent-Length: 10000", "{" + strings.Repeat(" ", 9998) + "}", 400, engine.CodeInvalid},
		"a tenant's chunks":          {d.key, "Transfer-Encoding: chunked", "2000\r\n{" + strings.Repeat(" ", 0x1ffe) + "}\r\n0\r\n\r\n", 400, engine.CodeInvalid},
		"a tenant beyond limit":      {d.key, "Content-Length: 999999999", "", 413, CodePayloadTooLarge},
		"a tenant beyond, who asks":  {d.key, "Expect: 100-continue\r\nContent-Length: 999999999", "", 413, CodePayloadTooLarge},
		"a tenant's endless chunks ": {d.key, "Transfer-Encoding: chunked", "fffffff\r\n" + strings.Repeat(" ", maxTestBody+1), 413, CodePayloadTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			request := "POST /api/whatsapp/session HTTP/1.1\r\nHost: x\r\n" + c.header + "\r\n"
			if c.key != "" {
				request += "X-API-Key: " + c.key + "\r\n"
			}
			res, body := d.final(request + "\r\n" + c.body)
			d.wants(reply{res.StatusCode, res.Header, body}, c.status, c.code)
		})
	}
}

// final is raw that skips a 100 Continue.
func (d *daemon) final(request string) (*http.Response, string) {
	d.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		d.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		d.t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err == nil && res.StatusCode == http.StatusContinue {
		res, err = http.ReadResponse(r, nil)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res, string(body)
}
