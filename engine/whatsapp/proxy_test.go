package whatsapp

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"go.mau.fi/whatsmeow"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// relay is a proxy on loopback. It counts what it carries from the far side.
type relay struct {
	listener net.Listener
	// greet speaks with a client and returns where it wants to go.
	greet func(conn net.Conn, br *bufio.Reader) (addr string, err error)

	carried atomic.Int64
	tunnels atomic.Int64
	refused atomic.Int64

	mu    sync.Mutex
	asked []string
	conns []net.Conn
	work  sync.WaitGroup
}

// startRelay runs a proxy until the test ends.
func startRelay(t *testing.T, greet func(net.Conn, *bufio.Reader) (string, error)) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: ln, greet: greet}
	r.work.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			r.keep(conn)
			r.work.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *relay) keep(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, conn)
}

// stop ends the proxy with all that goes through it.
func (r *relay) stop() {
	r.listener.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}

func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	addr, err := r.greet(conn, br)
	if err != nil {
		r.refused.Add(1)
		return
	}
	far, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer far.Close()
	r.keep(far)
	r.tunnels.Add(1)
	r.mu.Lock()
	r.asked = append(r.asked, addr)
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(far, br)
		far.Close()
	})
	n, _ := io.Copy(conn, far)
	r.carried.Add(n)
	conn.Close()
	both.Wait()
}

var errGreeting = errors.New("the client does not speak as it should")

// greetConnect speaks HTTP and wants user and password, unless user is empty.
func greetConnect(user, password string) func(net.Conn, *bufio.Reader) (string, error) {
	want := ""
	if user != "" {
		want = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	return func(conn net.Conn, br *bufio.Reader) (string, error) {
		req, err := http.ReadRequest(br)
		if err != nil {
			return "", err
		}
		if req.Method != http.MethodConnect || req.Header.Get("Proxy-Authorization") != want {
			_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			return "", errGreeting
		}
		_, err = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		return req.RequestURI, err
	}
}

// greetSocks speaks SOCKS5 (RFC 1928) with a user and a password (RFC 1929).
func greetSocks(user, password string) func(net.Conn, *bufio.Reader) (string, error) {
	return func(conn net.Conn, br *bufio.Reader) (string, error) {
		head := make([]byte, 2)
		if _, err := io.ReadFull(br, head); err != nil || head[0] != 5 {
			return "", errGreeting
		}
		if _, err := io.CopyN(io.Discard, br, int64(head[1])); err != nil {
			return "", err
		}
		if _, err := conn.Write([]byte{5, 2}); err != nil { // user and password, please
			return "", err
		}
		if version, err := br.ReadByte(); err != nil || version != 1 {
			return "", errGreeting
		}
		name, err := readSized(br)
		if err != nil {
			return "", err
		}
		secret, err := readSized(br)
		if err != nil {
			return "", err
		}
		if name != user || secret != password {
			_, _ = conn.Write([]byte{1, 1})
			return "", errGreeting
		}
		if _, err := conn.Write([]byte{1, 0}); err != nil {
			return "", err
		}
		return readSocksTarget(conn, br)
	}
}

func readSized(br *bufio.Reader) (string, error) {
	n, err := br.ReadByte()
	if err != nil {
		return "", err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(br, text)
	return string(text), err
}

func readSocksTarget(conn net.Conn, br *bufio.Reader) (string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(br, head); err != nil || head[1] != 1 {
		return "", errGreeting
	}
	var host string
	switch head[3] {
	case 1:
		ip := make(net.IP, 4)
		if _, err := io.ReadFull(br, ip); err != nil {
			return "", err
		}
		host = ip.String()
	case 3:
		name, err := readSized(br)
		if err != nil {
			return "", err
		}
		host = name
	default:
		return "", errGreeting
	}
	var port uint16
	if err := binary.Read(br, binary.BigEndian, &port); err != nil {
		return "", err
	}
	_, err := conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return net.JoinHostPort(host, strconv.Itoa(int(port))), err
}

// linkOver links a session through a proxy.
func linkOver(t *testing.T, n *Network, p *phone, proxy string) *enginetest.Session {
	t.Helper()
	s := enginetest.NewSession("a")
	var err error
	if s.Conn, err = n.Pair(t.Context(), engine.Line{Session: s.Key, Proxy: proxy}, s.Handler()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.End(t) })
	s.Connect(t)
	if err := p.Scan(t.Context(), enginetest.Await[engine.SignalQR](t, s).Code); err != nil {
		t.Fatal(err)
	}
	comesBack(t, s, p)
	return s
}

// Sockets of devices that are not linked yet, those of linked ones, and files go
// through the session's proxy, and nothing of it goes another way.
func TestEverythingGoesThroughTheProxy(t *testing.T) {
	const user, password = "us er", "p:ss/w@rd"
	for _, c := range []struct {
		scheme string
		greet  func(net.Conn, *bufio.Reader) (string, error)
		login  string
	}{
		{"http", greetConnect(user, password), "us%20er:p%3Ass%2Fw%40rd@"},
		{"http", greetConnect("", ""), ""},
		{"socks5", greetSocks(user, password), "us%20er:p%3Ass%2Fw%40rd@"},
		{"socks5h", greetSocks(user, password), "us%20er:p%3Ass%2Fw%40rd@"},
	} {
		t.Run(c.scheme+" "+c.login, func(t *testing.T) {
			sim := simulate(t)
			r := startRelay(t, c.greet)
			n := sim.open(t, nil)
			s := linkOver(t, n, sim.phone(), c.scheme+"://"+c.login+r.listener.Addr().String())
			sockets := r.tunnels.Load()
			if sockets != 2 {
				t.Errorf("pairing and login took %d tunnels, want 2", sockets)
			}
			l := s.Conn.(*conn).readyLink()
			uploaded, err := l.client.Upload(t.Context(), make([]byte, 200_000), whatsmeow.MediaImage)
			if err != nil {
				t.Fatal(err)
			}
			before := r.carried.Load()
			got, err := l.client.DownloadMediaWithPath(t.Context(), uploaded.DirectPath, uploaded.FileEncSHA256, uploaded.FileSHA256,
				uploaded.MediaKey, whatsmeow.MediaImage, "", false)
			if err != nil || len(got) != 200_000 {
				t.Fatalf("downloaded %d bytes: %v", len(got), err)
			}
			s.Conn.Close()
			s.Until(t, "the tunnels to end", func() bool { return r.carried.Load()-before > 200_000 })
			if r.tunnels.Load() == sockets {
				t.Error("files took no tunnel")
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, addr := range r.asked {
				if host, _, err := net.SplitHostPort(addr); err != nil || host != "127.0.0.1" {
					t.Errorf("the proxy was asked for %s", addr)
				}
			}
		})
	}
}

// A proxy that is down or refuses is an error of connecting, never a reason to go
// without it.
func TestNothingGoesAroundAProxy(t *testing.T) {
	sim := simulate(t)
	var dialled atomic.Int64
	n := sim.open(t, func(o *Options) {
		o.ProxyDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	})
	down := startRelay(t, greetConnect("", ""))
	down.stop()
	connect := startRelay(t, greetConnect("user", "secret"))
	socks := startRelay(t, greetSocks("user", "secret"))
	for name, proxy := range map[string]string{
		"down":             "http://" + down.listener.Addr().String(),
		"down, socks":      "socks5://" + down.listener.Addr().String(),
		"wrong login":      "http://user:wrong@" + connect.listener.Addr().String(),
		"wrong socks":      "socks5h://user:wrong@" + socks.listener.Addr().String(),
		"no login":         "http://" + connect.listener.Addr().String(),
		"no TLS where due": "https://user:secret@" + connect.listener.Addr().String(),
	} {
		s := enginetest.NewSession("a")
		var err error
		if s.Conn, err = n.Pair(t.Context(), engine.Line{Session: s.Key, Proxy: proxy}, s.Handler()); err != nil {
			t.Fatal(err)
		}
		before := dialled.Load()
		if err := s.Conn.Connect(t.Context()); err == nil {
			t.Errorf("%s: connected", name)
		}
		if dialled.Load() == before {
			t.Errorf("%s: the proxy's address was not dialled as it should be", name)
		}
		s.End(t)
	}
	if n := connect.tunnels.Load() + socks.tunnels.Load(); n != 0 {
		t.Errorf("%d tunnels", n)
	}
}

func TestPairRefusesWhatIsNoProxy(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	s := enginetest.NewSession("a")
	_, err := n.Pair(t.Context(), engine.Line{Session: s.Key, Proxy: "ftp://127.0.0.1"}, s.Handler())
	wantCode(t, err, engine.CodeInvalid)
}
