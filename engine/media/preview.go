package media

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"wapid/engine"
)

// Limits of a link preview. previewTime is for the page and its picture together.
const (
	previewTime        = 5 * time.Second
	previewPage        = 1 << 20 // bytes
	previewPicture     = 5 << 20 // bytes
	previewTitle       = 256     // bytes
	previewDescription = 512     // bytes
)

// firstURL finds what WhatsApp's apps make a link of, given with its scheme.
var firstURL = regexp.MustCompile(`https?://[^\s<>"]+`)

// Preview looks at the page behind the first URL of a text, through a client that
// decides which addresses may be reached. It returns nil if the text has no URL,
// or if the page can't be had or has no title: a preview is worth no failure.
func (s *Spool) Preview(ctx context.Context, client *http.Client, text string) *engine.LinkPreview {
	link := strings.TrimRight(firstURL.FindString(text), ".,;:!?)]}'*_~")
	if link == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	res, err := get(ctx, client, link, "text/html,application/xhtml+xml")
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "text/html" && kind != "application/xhtml+xml" {
		return nil
	}
	body, err := charset.NewReader(io.LimitReader(res.Body, previewPage), res.Header.Get("Content-Type"))
	if err != nil {
		return nil
	}
	p := readPage(body)
	if p.title == "" {
		return nil
	}
	preview := &engine.LinkPreview{URL: link, Title: p.title, Description: p.description}
	if picture, err := res.Request.URL.Parse(p.picture); err == nil && p.picture != "" {
		preview.Thumbnail = s.previewPicture(ctx, client, picture)
	}
	return preview
}

// previewPicture makes a thumbnail of a page's picture, nil if that fails.
func (s *Spool) previewPicture(ctx context.Context, client *http.Client, u *url.URL) []byte {
	f, err := s.Fetch(ctx, client, u.String(), previewPicture)
	if err != nil {
		return nil
	}
	defer func() { _ = Remove(f.Path) }() // what stays Clean removes
	in, err := os.Open(f.Path)
	if err != nil {
		return nil
	}
	defer in.Close()
	found, err := mimetype.DetectReader(in)
	if err != nil {
		return nil
	}
	p, err := lookAt(in, plain(found))
	if err != nil || p.animated {
		return nil
	}
	img, release, err := s.decode(ctx, in, plain(found), p)
	if err != nil {
		return nil
	}
	defer release()
	small, err := thumbnail(img, p.turn)
	if err != nil {
		return nil
	}
	return small
}

// page is what a web page says of itself.
type page struct{ title, description, picture string }

// readPage reads the head of a page: the Open Graph properties (ogp.me), and the
// plain title and description where those are missing.
func readPage(r io.Reader) page {
	var og, plain page
	z := html.NewTokenizer(r)
	z.SetMaxBuf(previewPage)
	for {
		switch z.Next() {
		case html.ErrorToken:
			return og.or(plain)
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch atom.Lookup(name) {
			case atom.Body:
				return og.or(plain)
			case atom.Title:
				if z.Next() == html.TextToken && plain.title == "" {
					plain.title = shorten(string(bytes.TrimSpace(z.Text())), previewTitle)
				}
			case atom.Meta:
				if more {
					readMeta(z, &og, &plain)
				}
			}
		}
	}
}

// readMeta reads one meta element into one of two pages.
func readMeta(z *html.Tokenizer, og, plain *page) {
	var property, content string
	for {
		key, value, more := z.TagAttr()
		switch string(key) {
		case "property", "name":
			property = strings.ToLower(string(value))
		case "content":
			content = strings.TrimSpace(string(value))
		}
		if !more {
			break
		}
	}
	switch property {
	case "og:title":
		og.title = shorten(content, previewTitle)
	case "og:description":
		og.description = shorten(content, previewDescription)
	case "og:image", "og:image:url":
		if og.picture == "" {
			og.picture = content
		}
	case "description":
		plain.description = shorten(content, previewDescription)
	}
}

func (p page) or(other page) page {
	if p.title == "" {
		p.title = other.title
	}
	if p.description == "" {
		p.description = other.description
	}
	return p
}

// shorten makes a text one line of valid UTF-8 without control characters, of at
// most so many bytes.
func shorten(s string, most int) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")), " ")
	if len(s) <= most {
		return s
	}
	cut := most - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
