package main

import (
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLog makes the daemon's logger, whose levels can be changed; see levelsOf. It writes to w: the log goes to stderr,
// while what a person is told goes to stdout.
func newLog(level, format string, w io.Writer) (*zap.Logger, error) {
	lvl, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	encoder := zapcore.NewJSONEncoder(encoding)
	if format == "console" {
		encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		encoding.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(encoding)
	}
	everything := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), zapcore.DebugLevel)
	return zap.New(&leveled{everything, newLevels(lvl)}), nil
}

// Of one line of a client's, so many are written in a minute, and then every so many-th.
const (
	sampledFirst = 20
	sampledThen  = 1000
)

// sampled is the log for what the WhatsApp client says: a burst of messages has it say
// the same thousands of times.
func sampled(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, sampledFirst, sampledThen)
	}))
}

// adoptStandardLog makes part of the log what libraries say through Go's own logger,
// in its format and at level debug: it may hold what a receiver or a caller has sent.
// undo takes that back.
func adoptStandardLog(log *zap.Logger) (undo func(), err error) {
	return zap.RedirectStdLogAt(log.Named("library"), zapcore.DebugLevel)
}
