package simnet

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// maxMedia is the largest upload: what the apps allow for a document.
const maxMedia = 2 << 30

// mediaHost keeps what clients uploaded: ciphertext, and what they published in
// channels, in files of its own. It never sees a key. With a state file they lie
// beside it and outlive the process.
type mediaHost struct {
	server *Server
	auth   string // what media_conn hands out and uploads must show

	mu        sync.Mutex
	dir       string // empty until the first file
	temporary bool   // the directory goes with the process
}

func newMediaHost(s *Server) *mediaHost {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // crypto/rand never returns an error since Go 1.24.
	return &mediaHost{server: s, auth: base64.RawURLEncoding.EncodeToString(raw)}
}

// folder returns the directory of the files and makes it if need be.
func (h *mediaHost) folder() (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dir != "" {
		return h.dir, nil
	}
	if state := h.server.cfg.State; state != "" {
		dir := state + ".media"
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		h.dir = dir
		return dir, nil
	}
	dir, err := os.MkdirTemp("", "simnet-media-")
	if err != nil {
		return "", err
	}
	h.dir, h.temporary = dir, true
	return dir, nil
}

// close removes what is not to outlive the process.
func (h *mediaHost) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.temporary {
		return nil
	}
	return os.RemoveAll(h.dir)
}

// clientHandler serves everything on the TLS listener.
func (s *Server) clientHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/chat", s.serveStream)
	mux.HandleFunc("POST /mms/{kind}/{token}", s.media.upload)
	mux.HandleFunc("POST /newsletter/{kind}/{token}", s.media.upload)
	mux.HandleFunc("DELETE /mms/{kind}/{token}", s.media.remove)
	mux.HandleFunc("GET /v/{path...}", s.media.download)
	return mux
}

// answerMediaConn names the media host: the listener itself, because a client
// that isn't redirected needs a name that resolves.
func (s *Server) answerMediaConn(_ *stream, node *waBinary.Node) *waBinary.Node {
	if !has(node, "media_conn") {
		return s.notImplemented(node)
	}
	return result(node, waBinary.Node{
		Tag: "media_conn",
		Attrs: waBinary.Attrs{
			"auth": s.media.auth, "ttl": 3600, "auth_ttl": 21600, "max_buckets": 12, "max_manual_retry": 4,
		},
		Content: []waBinary.Node{{Tag: "host", Attrs: waBinary.Attrs{"hostname": s.listener.Addr().String(), "type": "primary"}}},
	})
}

// upload takes POST /mms/<kind>/<base64url sha256 of the body>, and the same under
// /newsletter for files of channels. It answers 401 without the media connection's
// auth, and 400 when the hash is another.
func (h *mediaHost) upload(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("auth") != h.auth {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	if code := h.server.faults.uploadRefused(); code != 0 {
		http.Error(w, "refused", code)
		return
	}
	hash := sha256.New()
	token := strings.TrimRight(r.PathValue("token"), "=")
	path, err := h.store(io.TeeReader(http.MaxBytesReader(w, r.Body, maxMedia), hash), func() error {
		if token != base64.RawURLEncoding.EncodeToString(hash.Sum(nil)) {
			return errors.New("hash mismatch")
		}
		return nil
	})
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := map[string]string{"url": h.url(path), "direct_path": path}
	if strings.HasPrefix(r.URL.Path, "/newsletter/") {
		answer["handle"] = mediaName(path) // What the post names its file by; its form is assumed.
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // The client is gone when this fails.
}

// filePlace is what the paths of a sort of files begin and end with, as real ones do.
type filePlace struct{ folder, suffix string }

var (
	messageFile = filePlace{"/v/t62.7118-24/", "_n.enc"}
	pictureFile = filePlace{"/v/t61.24694-24/", "_n.jpg"}
)

// store keeps a file and returns its direct path, which carries a query as the
// real ones do: clients append to it. check has the last word when all is read.
func (h *mediaHost) store(body io.Reader, check func() error) (path string, err error) {
	if path, err = h.keep(messageFile, body, check); err != nil {
		return "", err
	}
	return path + mediaQuery, nil
}

// keep is store without the query, for any sort of file.
func (h *mediaHost) keep(place filePlace, body io.Reader, check func() error) (path string, err error) {
	dir, err := h.folder()
	if err != nil {
		return "", fmt.Errorf("media host: %w", err)
	}
	file, err := os.CreateTemp(dir, "incoming-*")
	if err != nil {
		return "", fmt.Errorf("media host: %w", err)
	}
	_, err = io.Copy(file, body)
	if err = errors.Join(err, file.Close()); err == nil && check != nil {
		err = check()
	}
	serial := make([]byte, 8)
	_, _ = rand.Read(serial) // crypto/rand never returns an error since Go 1.24.
	name := hex.EncodeToString(serial) + place.suffix
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(file.Name()) // The error that counts is already there.
		return "", err
	}
	return place.folder + name, nil
}

// mediaQuery is what clients find behind a path; oe is when the link ends, in the
// year 2038.
const mediaQuery = "?ccb=11-4&oh=simnet&oe=7FFFFFFF&_nc_sid=5e03e0"

// mediaName is the name of a file, by its direct path or URL; empty for what is no
// address of a file here.
func mediaName(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for _, place := range []filePlace{messageFile, pictureFile} {
		name, ok := strings.CutPrefix(parsed.Path, place.folder)
		if ok && name == filepath.Base(name) && strings.HasSuffix(name, place.suffix) {
			return name
		}
	}
	return ""
}

// open opens a file by its direct path or URL. The error is fs.ErrNotExist where
// there is none.
func (h *mediaHost) open(address string) (*os.File, error) {
	name := mediaName(address)
	dir, err := h.folder()
	if err != nil || name == "" {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	return os.Open(filepath.Join(dir, name))
}

func (h *mediaHost) url(path string) string {
	return "https://" + h.server.listener.Addr().String() + path
}

// download serves a file, or what a fault says instead.
func (h *mediaHost) download(w http.ResponseWriter, r *http.Request) {
	if code := h.server.faults.mediaGone(); code != 0 {
		http.Error(w, "gone", code)
		return
	}
	file, err := h.open(r.URL.Path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, file)
}

// remove deletes by the path in d_md, as clients do with history syncs.
func (h *mediaHost) remove(w http.ResponseWriter, r *http.Request) {
	path, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("d_md"))
	if err != nil || r.URL.Query().Get("auth") != h.auth {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	h.forget(string(path))
}

// forget drops a file, as the media host does when its time is over.
func (h *mediaHost) forget(address string) {
	name := mediaName(address)
	dir, err := h.folder()
	if err != nil || name == "" {
		return
	}
	_ = os.Remove(filepath.Join(dir, name)) // One that is gone already needs nothing.
}

// keptSuffix marks a file that the media host no longer serves. Phones, which have
// downloaded what they show, find their copies there.
const keptSuffix = ".kept"

// expire ends the serving of a file, and tells whether there was one.
func (h *mediaHost) expire(address string) bool {
	name := mediaName(address)
	dir, err := h.folder()
	if err != nil || name == "" {
		return false
	}
	return os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+keptSuffix)) == nil
}

// openCopy opens a phone's copy of a file.
func (h *mediaHost) openCopy(address string) (*os.File, error) {
	file, err := h.open(address)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	dir, err := h.folder()
	if err != nil {
		return nil, err
	}
	return os.Open(filepath.Join(dir, mediaName(address)+keptSuffix))
}

// fetch is what a phone downloads, by direct path or URL.
func (h *mediaHost) fetch(address string) ([]byte, bool) {
	file, err := h.openCopy(address)
	if err != nil {
		return nil, false
	}
	defer file.Close()
	body, err := io.ReadAll(file)
	return body, err == nil
}

// again stores a file a second time, as a phone does that still has it, and
// returns its new path.
func (h *mediaHost) again(address string) (path string, ok bool) {
	file, err := h.openCopy(address)
	if err != nil {
		return "", false
	}
	defer file.Close()
	path, err = h.store(file, nil)
	return path, err == nil
}
