package engine

import (
	"net/url"
	"strconv"
	"strings"
)

// maxProxyURL is the longest URL of a proxy, in bytes; a SOCKS5 user name and
// password may have 255 each (RFC 1929).
const maxProxyURL = 1024

// ParseProxy reads the URL of a session's proxy: http, https, socks5 or socks5h,
// a host, and perhaps a port, a user and a password. It returns CodeInvalid, in
// words that repeat nothing of the URL.
func ParseProxy(raw string) (*url.URL, error) {
	refused := func(why string) (*url.URL, error) { return nil, Errorf(CodeInvalid, "proxy %s", why) }
	u, err := url.Parse(raw)
	switch {
	case len(raw) > maxProxyURL:
		return refused("is too long")
	case err != nil || u.Opaque != "":
		return refused("is not a valid URL")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return refused("must begin with http://, https://, socks5:// or socks5h://")
	}
	port := u.Port()
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case u.Hostname() == "":
		return refused("names no host")
	case port != "" && (err != nil || n == 0), strings.HasSuffix(u.Host, ":"):
		return refused("has a port that is none")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return refused("must have nothing behind host and port")
	}
	if password, _ := u.User.Password(); len(password) > 255 || len(u.User.Username()) > 255 {
		return refused("has a user or a password of more than 255 bytes")
	}
	return u, nil
}

// RedactProxy is a proxy's URL without its password, to be shown. It is empty
// for the empty one.
func RedactProxy(raw string) string {
	u, err := url.Parse(raw)
	if raw == "" || err != nil {
		return ""
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}
