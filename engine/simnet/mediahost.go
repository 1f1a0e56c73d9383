package simnet

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// maxMedia is the largest upload: what the apps allow for a document.
const maxMedia = 2 << 30

// mediaHost keeps what clients uploaded: ciphertext under its hash. It never
// sees a key.
type mediaHost struct {
	server *Server
	auth   string // what media_conn hands out and uploads must show

	mu    sync.Mutex
	files map[string][]byte // by path, without the query
}

func newMediaHost(s *Server) *mediaHost {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // crypto/rand never returns an error since Go 1.24.
	return &mediaHost{server: s, auth: base64.RawURLEncoding.EncodeToString(raw), files: make(map[string][]byte)}
}

// clientHandler serves everything on the TLS listener.
func (s *Server) clientHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/chat", s.serveStream)
	mux.HandleFunc("POST /mms/{kind}/{token}", s.media.upload)
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

// upload takes POST /mms/<kind>/<base64url sha256 of the body>. It answers 401
// without the media connection's auth, and 400 when the hash is another.
func (h *mediaHost) upload(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("auth") != h.auth {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMedia))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	sum := sha256.Sum256(body)
	token := strings.TrimRight(r.PathValue("token"), "=")
	if err != nil || token != base64.RawURLEncoding.EncodeToString(sum[:]) {
		http.Error(w, "hash mismatch", http.StatusBadRequest)
		return
	}
	path := h.store(body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{ // The client is gone when this fails.
		"url": h.url(path), "direct_path": path,
	})
}

// store keeps a ciphertext and returns its direct path, which carries a query
// as the real ones do: clients append to it.
func (h *mediaHost) store(body []byte) string {
	serial := make([]byte, 8)
	_, _ = rand.Read(serial) // crypto/rand never returns an error since Go 1.24.
	path := "/v/t62.7118-24/" + hex.EncodeToString(serial) + "_n.enc"
	h.mu.Lock()
	h.files[path] = body
	h.mu.Unlock()
	h.server.saver.touch()
	return path + "?ccb=11-4&oh=simnet&oe=7FFFFFFF&_nc_sid=5e03e0"
}

func (h *mediaHost) url(path string) string {
	return "https://" + h.server.listener.Addr().String() + path
}

// download serves a ciphertext, or what a fault says instead.
func (h *mediaHost) download(w http.ResponseWriter, r *http.Request) {
	if code := h.server.faults.mediaGone(); code != 0 {
		http.Error(w, "gone", code)
		return
	}
	h.mu.Lock()
	body, ok := h.files[r.URL.Path]
	h.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(body) // The client is gone when this fails.
}

// remove deletes by the path in d_md, as clients do with history syncs.
func (h *mediaHost) remove(w http.ResponseWriter, r *http.Request) {
	path, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("d_md"))
	if err != nil || r.URL.Query().Get("auth") != h.auth {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	delete(h.files, string(path))
	h.mu.Unlock()
	h.server.saver.touch()
}

// fetch is what a phone downloads, by direct path or URL.
func (h *mediaHost) fetch(path string) ([]byte, bool) {
	parsed, err := url.Parse(path)
	if err != nil {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	body, ok := h.files[parsed.Path]
	return body, ok
}
