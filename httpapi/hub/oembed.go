package hub

import (
	"fmt"
	"html"
	"net/url"
	"strings"
)

// Sizes of an embedded conversation, in pixels.
const (
	defaultWidth, defaultHeight = 500, 400
	mostWidth, mostHeight       = 1200, 1600
)

// OEmbed describes a page so that others can embed it, as oembed.com has it.
type OEmbed struct {
	Type         string `json:"type"`
	Version      string `json:"version"`
	Title        string `json:"title"`
	HTML         string `json:"html"`
	Width        int    `json:"width"`
	Height       int    `json:"height"`
	ProviderName string `json:"provider_name"`
	ProviderURL  string `json:"provider_url"`
	CacheAge     int    `json:"cache_age"` // seconds
}

// Describe makes the description of a conversation. maxWidth and maxHeight are what the
// caller has room for, 0 if it does not say; the answer is always within them, as oembed.com
// demands of frames, be they too small to show much.
func Describe(base, id, title string, maxWidth, maxHeight int) OEmbed {
	if title == "" {
		title = DefaultTitle
	}
	title = Mask(title)
	size := func(asked, otherwise, most int) int {
		if asked == 0 {
			asked = otherwise
		}
		return min(asked, most)
	}
	o := OEmbed{Type: "rich", Version: "1.0", Title: title, ProviderName: "WhatsApp Hub", ProviderURL: base, CacheAge: 300,
		Width: size(maxWidth, defaultWidth, mostWidth), Height: size(maxHeight, defaultHeight, mostHeight)}
	o.HTML = fmt.Sprintf(`<iframe src="%s" title="%s" width="%d" height="%d" loading="lazy" referrerpolicy="no-referrer" sandbox="" style="border:0"></iframe>`,
		html.EscapeString(EmbedURL(base, id)), html.EscapeString(title), o.Width, o.Height)
	return o
}

// EmbedURL is the page to be put into a frame.
func EmbedURL(base, id string) string {
	return base + "/embed/conversation/" + url.PathEscape(id) + "/"
}

// PageURL is what is handed on as the conversation's address.
func PageURL(base, id string) string { return base + "/conversation/" + url.PathEscape(id) }

// PublicationID reads the id of a published conversation out of its address, with or
// without a slash at its end. It is "" for every other address, also one of another host.
func PublicationID(base, address string) string {
	if len(address) > 2048 {
		return ""
	}
	given, err := url.Parse(address)
	own, err2 := url.Parse(base)
	if err != nil || err2 != nil || given.User != nil || given.Scheme != "http" && given.Scheme != "https" || !strings.EqualFold(given.Host, own.Host) {
		return ""
	}
	rest, ok := strings.CutPrefix(given.Path, own.Path)
	if !ok {
		return ""
	}
	for _, prefix := range []string{"/conversation/", "/embed/conversation/"} {
		if id, ok := strings.CutPrefix(rest, prefix); ok {
			id = strings.TrimSuffix(id, "/")
			if IsPublicationID(id) {
				return id
			}
		}
	}
	return ""
}

// IsPublicationID tells whether a text has the form of the ids that crypto/rand.Text makes, in small letters.
func IsPublicationID(id string) bool {
	if len(id) != 26 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
