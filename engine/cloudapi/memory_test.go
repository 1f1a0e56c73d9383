package cloudapi

import (
	"context"
	"sync"

	"wapid/engine"
)

// memory is a Store for tests of the network alone; package store proves the real one.
type memory struct {
	mu       sync.Mutex
	fail     error // the answer to everything, if set
	numbers  map[engine.SessionKey]Number
	messages map[engine.MessageID]Message
	newest   engine.MessageID // of the chats
}

var _ Store = (*memory)(nil)

func newMemory() *memory {
	return &memory{numbers: map[engine.SessionKey]Number{}, messages: map[engine.MessageID]Message{}}
}

func (s *memory) put(n Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers[n.Session] = n
}

func none() error { return engine.Errorf(engine.CodeNotFound, "there is none") }

// with runs fn under the lock, unless everything is to fail.
func (s *memory) with(fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	return fn()
}

func (s *memory) find(match func(Number) bool) (found Number, err error) {
	return found, s.with(func() error {
		for _, n := range s.numbers {
			if match(n) {
				found = n
				return nil
			}
		}
		return none()
	})
}

func (s *memory) FindCloudNumber(_ context.Context, key engine.SessionKey) (Number, error) {
	return s.find(func(n Number) bool { return n.Session == key })
}

func (s *memory) FindCloudDevice(_ context.Context, device engine.DeviceID) (Number, error) {
	return s.find(func(n Number) bool { return n.Device == device })
}

func (s *memory) ListCloudNumbers(_ context.Context, id string) (list []Number, err error) {
	return list, s.with(func() error {
		for _, n := range s.numbers {
			if n.PhoneNumberID == id {
				list = append(list, n)
			}
		}
		return nil
	})
}

func (s *memory) KnowsVerifyToken(_ context.Context, hash string) (bool, error) {
	_, err := s.find(func(n Number) bool { return n.VerifyHash == hash })
	if engine.CodeOf(err) == engine.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

func (s *memory) RenameCloudDevice(_ context.Context, from, to engine.DeviceID) error {
	return s.with(func() error {
		for key, n := range s.numbers {
			if n.Device == from {
				n.Device = to
				s.numbers[key] = n
				return nil
			}
		}
		return none()
	})
}

func (s *memory) DeleteCloudDevice(_ context.Context, device engine.DeviceID) error {
	return s.with(func() error {
		for key, n := range s.numbers {
			if n.Device == device {
				delete(s.numbers, key)
			}
		}
		return nil
	})
}

func (s *memory) BeginCloudMessage(_ context.Context, _ engine.SessionKey, id engine.MessageID, chat engine.JID) (m Message, fresh bool, err error) {
	return m, fresh, s.with(func() error {
		known, ok := s.messages[id]
		if m, fresh = known, !ok; fresh {
			m = Message{ID: id, Chat: chat}
			s.messages[id] = m
		}
		return nil
	})
}

func (s *memory) FinishCloudMessage(_ context.Context, _ engine.SessionKey, id engine.MessageID, wamid string) error {
	return s.with(func() error {
		m := s.messages[id]
		m.WAMID = wamid
		s.messages[id] = m
		return nil
	})
}

func (s *memory) CancelCloudMessage(_ context.Context, _ engine.SessionKey, id engine.MessageID) error {
	return s.with(func() error { delete(s.messages, id); return nil })
}

func (s *memory) FindCloudMessage(_ context.Context, _ engine.SessionKey, wamid string, id engine.MessageID) (found Message, err error) {
	return found, s.with(func() error {
		for _, m := range s.messages {
			if m.WAMID == wamid {
				found = m
				return nil
			}
		}
		m, ok := s.messages[id]
		if !ok || m.WAMID != "" {
			return none()
		}
		m.WAMID = wamid
		s.messages[id], found = m, m
		return nil
	})
}

func (s *memory) FindWAMID(_ context.Context, _ engine.SessionKey, id engine.MessageID) (wamid string, err error) {
	return wamid, s.with(func() error {
		if wamid = s.messages[id].WAMID; wamid == "" {
			return none()
		}
		return nil
	})
}

func (s *memory) FindNewestReceived(_ context.Context, _ engine.SessionKey, _ engine.JID, among []engine.MessageID) (id engine.MessageID, err error) {
	return id, s.with(func() error {
		if id = s.newest; len(among) > 0 {
			id = among[len(among)-1]
		}
		if id == "" {
			return none()
		}
		return nil
	})
}
