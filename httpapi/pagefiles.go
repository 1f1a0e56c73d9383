package httpapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// pageFile is an embedded file of a page, ready to be sent.
type pageFile struct {
	media  string
	tag    string // its ETag
	plain  []byte
	zipped []byte
}

// pageFiles are what a page is made of. They are read and compressed once, when the
// first of them is asked for. Nothing else can be asked for: a name is looked up
// among them, never in a file system.
type pageFiles struct {
	policy string // the Content-Security-Policy that they go out with
	load   func() (map[string]pageFile, error)
}

// newPageFiles takes the files below a folder of from whose media type is known.
// Their names are their paths from there.
func newPageFiles(from fs.FS, folder, policy string) *pageFiles {
	return &pageFiles{policy: policy, load: sync.OnceValues(func() (map[string]pageFile, error) {
		root, err := fs.Sub(from, folder)
		if err != nil {
			return nil, err
		}
		return loadPageFiles(root)
	})}
}

func loadPageFiles(root fs.FS) (map[string]pageFile, error) {
	files := make(map[string]pageFile)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || pageMedia(name) == "" {
			return err
		}
		plain, err := fs.ReadFile(root, name)
		if err == nil {
			files[name], err = newPageFile(name, plain)
		}
		return err
	})
	return files, err
}

func newPageFile(name string, plain []byte) (pageFile, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		return pageFile{}, err
	}
	if err := z.Close(); err != nil {
		return pageFile{}, err
	}
	sum := sha256.Sum256(plain)
	return pageFile{media: pageMedia(name), tag: hex.EncodeToString(sum[:12]), plain: plain, zipped: b.Bytes()}, nil
}

// pageMedia is the media type of a file that pages are made of; "" for one that is
// not served, such as a README.
func pageMedia(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	}
	switch path.Base(name) {
	case "LICENSE", "NOTICE":
		return "text/plain; charset=utf-8"
	}
	return ""
}

// serve answers with a file. Browsers ask again each time, and are told that
// theirs is still the right one: a new daemon may bring a new page.
func (p *pageFiles) serve(c *fiber.Ctx, name string) error {
	files, err := p.load()
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "the page can't be read")
	}
	f, ok := files[name]
	if !ok {
		return engine.Errorf(engine.CodeNotFound, "there is no such path")
	}
	body, tag := f.plain, `"`+f.tag+`"`
	zipped := strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip")
	if zipped {
		body, tag = f.zipped, `"`+f.tag+`-gzip"`
	}
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set(fiber.HeaderContentSecurityPolicy, p.policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		return c.SendStatus(http.StatusNotModified)
	}
	if zipped {
		c.Set(fiber.HeaderContentEncoding, "gzip")
	}
	c.Set(fiber.HeaderContentType, f.media)
	return c.Send(body)
}
