package httpapi

import (
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// LogLevels changes how much the daemon's log tells while it runs.
type LogLevels interface {
	// Levels lists the level of all of the log, whose logger is "", and of the loggers
	// that have their own, by name.
	Levels() []LogLevel
	// Set changes the level of a logger, or with "" of all that have none of their own;
	// LevelDefault takes back what was changed. lasts is for how long, 0 for as long as
	// the daemon runs. It returns CodeInvalid.
	Set(logger, level string, lasts time.Duration) error
}

// LogLevel is how much a logger tells.
type LogLevel struct {
	Logger string
	Level  string
	Until  time.Time // when it becomes again what it was; zero for never
}

// LevelDefault stands for the level that the settings ask for.
const LevelDefault = "default"

// maxLevelTime is for how long a level may be changed for a while.
const maxLevelTime = 7 * 24 * time.Hour

var (
	logLevelNames = []string{"debug", "info", "warn", "error", LevelDefault}
	loggerPattern = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}(\.[a-z0-9]{1,32}){0,3}$`)
)

type logLevelBody struct {
	Logger string `json:"logger,omitempty"` // absent for all of the log
	Level  string `json:"level"`
	Until  int64  `json:"until,omitempty"` // unix milliseconds
}

type logLevelsResponse struct {
	Level   string         `json:"level"`
	Until   int64          `json:"until,omitempty"`
	Loggers []logLevelBody `json:"loggers"`
}

type logLevelRequest struct {
	Level  *string `json:"level"`
	Logger *string `json:"logger"`
	For    *int    `json:"for"` // seconds
}

func (s *Server) logLevelRoutes() []route {
	const path = "/api/admin/log-level"
	return []route{
		{method: http.MethodGet, path: path, operator: s.getLogLevel},
		{method: http.MethodPut, path: path, operator: s.putLogLevel},
	}
}

// getLogLevel is GET /api/admin/log-level.
func (s *Server) getLogLevel(c *fiber.Ctx, _ store.Origin) error {
	if s.levels == nil {
		return errNoLevels()
	}
	body := logLevelsResponse{Loggers: []logLevelBody{}}
	for _, l := range s.levels.Levels() {
		if l.Logger == "" {
			body.Level, body.Until = l.Level, unixMillis(l.Until)
			continue
		}
		body.Loggers = append(body.Loggers, logLevelBody{l.Logger, l.Level, unixMillis(l.Until)})
	}
	return ok(c, body)
}

// putLogLevel is PUT /api/admin/log-level. The audit log has it first.
func (s *Server) putLogLevel(c *fiber.Ctx, from store.Origin) error {
	var r logLevelRequest
	if err := decode(c, &r); err != nil {
		return err
	}
	logger, level, lasts, err := r.read()
	if err != nil {
		return err
	}
	if s.levels == nil {
		return errNoLevels()
	}
	details := map[string]any{"level": level}
	if lasts > 0 {
		details["for"] = int(lasts.Seconds())
	}
	if err := s.store.Audit(c.UserContext(), from, store.ActionLogLevel, logger, details); err != nil {
		return err
	}
	if err := s.levels.Set(logger, level, lasts); err != nil {
		return err
	}
	return s.getLogLevel(c, from)
}

// read returns what is asked for. It returns CodeInvalid.
func (r logLevelRequest) read() (logger, level string, lasts time.Duration, err error) {
	switch {
	case r.Level == nil:
		return "", "", 0, engine.Errorf(engine.CodeInvalid, "level is required")
	case !slices.Contains(logLevelNames, *r.Level):
		return "", "", 0, engine.Errorf(engine.CodeInvalid, "level must be debug, info, warn, error or default")
	case r.Logger != nil && !loggerPattern.MatchString(*r.Logger):
		return "", "", 0, engine.Errorf(engine.CodeInvalid, "logger must be a logger's name, such as whatsapp")
	case r.For != nil && (*r.For < 1 || *r.For > int(maxLevelTime.Seconds())):
		return "", "", 0, engine.Errorf(engine.CodeInvalid, "for must be 1 to %d seconds", int(maxLevelTime.Seconds()))
	}
	if r.Logger != nil {
		logger = *r.Logger
	}
	if r.For != nil {
		lasts = time.Duration(*r.For) * time.Second
	}
	return logger, *r.Level, lasts, nil
}

func errNoLevels() error {
	return engine.Errorf(engine.CodeNotSupported, "this daemon's log has a level that can't be changed")
}
