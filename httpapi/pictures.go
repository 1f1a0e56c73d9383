package httpapi

import "sync"

// maxPictures bounds how many drawn QR codes one generation keeps. One takes
// about 3 kB.
const maxPictures = 512

// pictures keeps QR codes that were drawn: clients poll a status every second
// or two, and drawing costs more than all the rest of the answer. It holds two
// generations: when the younger is full it becomes the older, and what was not
// asked for since is dropped.
type pictures struct {
	draws func(text string) (url string, err error)
	most  int

	mu      sync.Mutex
	younger map[string]string
	older   map[string]string
}

func newPictures(most int, draws func(string) (string, error)) *pictures {
	return &pictures{draws: draws, most: most, younger: make(map[string]string)}
}

// draw returns the picture of a code's text as a data URL.
func (p *pictures) draw(text string) (string, error) {
	if url, found := p.find(text); found {
		return url, nil
	}
	url, err := p.draws(text)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep(text, url)
	return url, nil
}

func (p *pictures) find(text string) (url string, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if url, found = p.younger[text]; found {
		return url, true
	}
	if url, found = p.older[text]; found {
		p.keep(text, url)
	}
	return url, found
}

// keep adds to the younger generation. The caller holds mu.
func (p *pictures) keep(text, url string) {
	if len(p.younger) >= p.most {
		p.older, p.younger = p.younger, make(map[string]string)
	}
	p.younger[text] = url
}
