package main

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"wapid/engine"
	"wapid/httpapi"
)

// maxLevels is how many loggers may have a level of their own.
const maxLevels = 32

// levels decide how much the log tells, and may be changed while it is written: for all
// of it, and for loggers by their names, such as whatsapp, with all below them. A change
// may be for a while only. They are safe for concurrent use.
type levels struct {
	now     atomic.Pointer[verbosity]
	started zapcore.Level // as the settings have it

	mu     sync.Mutex // guards what follows
	lasts  map[string]setting
	passes map[string]*passing
}

// setting is the level of a logger, "" for all.
type setting struct {
	level zapcore.Level
	own   bool // a logger without has that of the logger above it
}

// passing is a level that is for a while only.
type passing struct {
	setting
	until time.Time
	end   *time.Timer
}

// verbosity is what every line is held against. It is replaced as a whole.
type verbosity struct {
	base   zapcore.Level
	named  map[string]zapcore.Level
	lowest zapcore.Level
}

func newLevels(base zapcore.Level) *levels {
	l := &levels{started: base, lasts: map[string]setting{"": {base, true}}, passes: map[string]*passing{}}
	l.publish()
	return l
}

// of is the level of a logger: its own, or that of the nearest above it.
func (v *verbosity) of(name string) zapcore.Level {
	for name != "" && len(v.named) > 0 {
		if level, ok := v.named[name]; ok {
			return level
		}
		name = name[:max(0, strings.LastIndexByte(name, '.'))]
	}
	return v.base
}

// publish makes a change count. mu is held, or nobody else has l yet.
func (l *levels) publish() {
	v := &verbosity{named: map[string]zapcore.Level{}}
	for name, s := range l.inForce() {
		if name == "" {
			v.base = s.level
		} else if s.own {
			v.named[name] = s.level
		}
	}
	v.lowest = v.base
	for _, level := range v.named {
		v.lowest = min(v.lowest, level)
	}
	l.now.Store(v)
}

func (l *levels) inForce() map[string]setting {
	all := maps.Clone(l.lasts)
	for name, p := range l.passes {
		all[name] = p.setting
	}
	return all
}

// Set implements httpapi.LogLevels.
func (l *levels) Set(logger, level string, lasts time.Duration) error {
	s := setting{own: true}
	if level == httpapi.LevelDefault {
		s = setting{l.started, logger == ""}
	} else if err := s.level.Set(level); err != nil {
		return engine.WrapError(engine.CodeInvalid, err, "there is no such level")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.inForce()[logger]; !known && len(l.lasts)+len(l.passes) > maxLevels {
		return engine.Errorf(engine.CodeInvalid, "no more than %d loggers can have a level of their own", maxLevels)
	}
	if p := l.passes[logger]; p != nil {
		p.end.Stop()
		delete(l.passes, logger)
	}
	switch {
	case lasts > 0:
		p := &passing{setting: s, until: time.Now().Add(lasts)}
		p.end = time.AfterFunc(lasts, func() { l.revert(logger, p) })
		l.passes[logger] = p
	case !s.own:
		delete(l.lasts, logger)
	default:
		l.lasts[logger] = s
	}
	l.publish()
	return nil
}

// revert ends a level that was for a while, unless another has taken its place.
func (l *levels) revert(logger string, p *passing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.passes[logger] == p {
		delete(l.passes, logger)
		l.publish()
	}
}

// Levels implements httpapi.LogLevels.
func (l *levels) Levels() []httpapi.LogLevel {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []httpapi.LogLevel
	all := l.inForce()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !all[name].own {
			continue
		}
		one := httpapi.LogLevel{Logger: name, Level: all[name].level.String()}
		if p := l.passes[name]; p != nil {
			one.Until = p.until
		}
		list = append(list, one)
	}
	return list
}

// close ends what would change by itself.
func (l *levels) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.passes {
		p.end.Stop()
	}
	clear(l.passes)
	l.publish()
}

// leveled is a core that writes what its levels let through.
type leveled struct {
	zapcore.Core // takes everything
	levels       *levels
}

// levelsOf returns the levels of a logger that newLog has made, and of what was made of
// that; nil for any other.
func levelsOf(log *zap.Logger) *levels {
	if core, ok := log.Core().(*leveled); ok {
		return core.levels
	}
	return nil
}

// Enabled implements zapcore.LevelEnabler: it is true if any logger's lines of the level
// are written.
func (c *leveled) Enabled(level zapcore.Level) bool { return level >= c.levels.now.Load().lowest }

// With implements zapcore.Core.
func (c *leveled) With(fields []zapcore.Field) zapcore.Core {
	return &leveled{c.Core.With(fields), c.levels}
}

// Check implements zapcore.Core.
func (c *leveled) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Level < c.levels.now.Load().of(e.LoggerName) {
		return ce
	}
	return c.Core.Check(e, ce)
}
