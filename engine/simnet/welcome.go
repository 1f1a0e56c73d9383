package simnet

import "go.uber.org/zap"

// welcome lets the phone send a new device what it needs, once, as soon as the
// device is active and has prekeys: before that nothing can be encrypted for it.
func (s *Server) welcome(dev *device) {
	dev.mu.Lock()
	ready := dev.active && len(dev.prekeys) > 0 && !dev.welcomed
	dev.welcomed = dev.welcomed || ready
	dev.mu.Unlock()
	if ready {
		s.tasks.spawn(func() {
			if err := s.phoneOf(dev.account).welcome(dev); err != nil {
				s.log.Warn("phone could not welcome its device", zap.Error(err))
			}
		})
	}
}
