package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"wapid/engine"
	"wapid/httpapi"
)

// commands is the command line. Every setting can also be given as an
// environment variable WAPID_… and in a YAML file; flags win over the
// environment, the environment over the file.
type commands struct {
	Config  string           `help:"YAML file with settings, named as the flags are." env:"WAPID_CONFIG" placeholder:"FILE"`
	Version kong.VersionFlag `help:"Print the version."`

	Serve   serveCommand   `cmd:"" help:"Run the daemon."`
	Sandbox sandboxCommand `cmd:"" help:"Run the daemon with a simulated WhatsApp network, to try it without a phone."`
	Tenant  tenantCommand  `cmd:"" help:"Look after the tenants of the daemon that runs on a data directory."`
	Session sessionCommand `cmd:"" help:"Carry sessions from one server to another."`
	Backup  backupCommand  `cmd:"" help:"Write a consistent copy of a data directory into one file, also while the daemon runs."`
	Key     keyCommand     `cmd:"" help:"Look after the key that secrets are encrypted with."`
	Doctor  doctorCommand  `cmd:"" help:"Look whether everything is as the daemon needs it, with a verdict a line."`
	Restore restoreCommand `cmd:"" help:"Put a backup into a data directory that no daemon uses."`
	Sim     simCommand     `cmd:"" help:"Run the simulated WhatsApp network alone."`
	Health  healthCommand  `cmd:"" help:"Ask a running daemon how it is: for the health checks of containers."`
	Build   versionCommand `cmd:"" name:"version" help:"Print the version."`
	Bench   benchCommand   `cmd:"" help:"Measure the daemon beside raw clients, on a simulated network."`

	LogLevel logLevelCommand `cmd:"" name:"log-level" help:"Show or change how much the log of the daemon tells that runs on a data directory."`

	BenchBound boundCommand `cmd:"" hidden:""`
}

// settings are those of the daemon, however it is started.
type settings struct {
	Listen      string `help:"Address of the API (default ${default})." default:"127.0.0.1:8080" env:"WAPID_LISTEN" placeholder:"HOST:PORT"`
	AdminKey    string `help:"Fix the operator's key instead of generating one at the first start." env:"WAPID_ADMIN_KEY" placeholder:"KEY"`
	APIKey      string `help:"Fix the default tenant's API key instead of generating one at the first start." name:"api-key" env:"WAPID_API_KEY" placeholder:"KEY"`
	EgressAllow string `help:"Private address ranges that webhooks, media URLs and proxies may reach (CIDRs, comma separated)." env:"WAPID_EGRESS_ALLOW" placeholder:"CIDRS"`
	PublicURL   string `help:"Where clients reach the API, for links that people are sent; else the host that they ask." name:"public-url" env:"WAPID_PUBLIC_URL" placeholder:"URL"`
	RateLimit   int    `help:"Requests a minute that each API key may make (default ${default})." default:"300000" env:"WAPID_RATE_LIMIT" placeholder:"N"`
	HubRate     int    `help:"Requests an hour that each API key may make of the API of WhatsApp Hub (default ${default})." name:"hub-rate-limit" default:"1000" env:"WAPID_HUB_RATE_LIMIT" placeholder:"N"`
	MaxMedia    int    `help:"Largest file that is sent, in MiB, whatever WhatsApp allows for its kind (default ${default})." default:"100" env:"WAPID_MAX_MEDIA" placeholder:"MIB"`
	MaxLibrary  int    `help:"How much of uploaded media each tenant may keep, in MiB, 0 for no limit (default ${default})." default:"2048" env:"WAPID_MAX_LIBRARY" placeholder:"MIB"`
	CheckRate   int    `help:"Phone numbers a minute that each session may look up, beyond 500 at once (default ${default})." default:"20" env:"WAPID_CHECK_RATE" placeholder:"N"`
	LookAhead   int    `help:"Recipients a minute of bulk jobs that each session may look up ahead of their turn, beyond 50 at once (default ${default}; 0 for none)." default:"60" env:"WAPID_LOOK_AHEAD" placeholder:"N"`
	AuditDays   int    `help:"Days that the audit log is kept, 0 for ever (default ${default})." default:"365" env:"WAPID_AUDIT_DAYS" placeholder:"DAYS"`
	Synchronous string `help:"normal does not sync commits, so that a power cut takes back what was acknowledged: to measure the price of full." hidden:"" enum:"full,normal" default:"full" env:"WAPID_SYNCHRONOUS"`
	AtOnce      int    `help:"Sessions that connect to WhatsApp at a time, after a start or when the network was away (default ${default})." name:"connect-at-once" default:"24" env:"WAPID_CONNECT_AT_ONCE" placeholder:"N"`
	ConnectRate int    `help:"Sessions that begin to connect in a second, 0 for as many as --connect-at-once lets through (default ${default})." name:"connect-rate" default:"0" env:"WAPID_CONNECT_RATE" placeholder:"N"`
	LogLevel    string `help:"debug, info, warn or error (default ${default})." enum:"debug,info,warn,error" default:"info" env:"WAPID_LOG_LEVEL"`
	LogFormat   string `help:"console or json (default ${default})." enum:"console,json" default:"console" env:"WAPID_LOG_FORMAT"`

	frontSettings  `embed:""`
	keySettings    `embed:""`
	watchSettings  `embed:""`
	signUpSettings `embed:""`
}

// Validate refuses numbers that would be taken for something else: a mistyped pace is
// to be noticed at the start. kong calls it for every command that has the settings.
func (s settings) Validate() error {
	for _, number := range []struct {
		flag         string
		value, least int
	}{
		{"--rate-limit", s.RateLimit, 0},
		{"--hub-rate-limit", s.HubRate, 0},
		{"--max-media", s.MaxMedia, 0},
		{"--max-library", s.MaxLibrary, 0},
		{"--check-rate", s.CheckRate, 0},
		{"--look-ahead", s.LookAhead, 0},
		{"--audit-days", s.AuditDays, 0},
		{"--connect-at-once", s.AtOnce, 1},
		{"--connect-rate", s.ConnectRate, 0},
	} {
		if number.value < number.least {
			return fmt.Errorf("%s is %d and may not be below %d", number.flag, number.value, number.least)
		}
	}
	if _, err := httpapi.ParseBaseURL(s.PublicURL); s.PublicURL != "" && err != nil {
		return errors.New("--public-url must be http:// or https://, a host, and perhaps a path")
	}
	return errors.Join(s.frontSettings.Validate(), s.keySettings.Validate(), s.watchSettings.Validate(), s.signUpSettings.Validate(s.PublicURL))
}

// configureFile adds the file named by --config or WAPID_CONFIG to where the
// parser looks for settings. A key that is no setting is an error.
func configureFile(parser *kong.Kong, args []string) error {
	path := os.Getenv("WAPID_CONFIG")
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			path = value
		} else if arg == "--config" && i+1 < len(args) {
			path = args[i+1]
		}
	}
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	values, err := parseSettings(raw)
	if err != nil {
		return fmt.Errorf("configuration file %s: %w", path, err)
	}
	known := map[string]bool{}
	for _, node := range parser.Model.Leaves(false) {
		for _, flags := range node.AllFlags(false) {
			for _, flag := range flags {
				// Of the commands below another one only what the environment knows too; and
				// a benchmark is what somebody runs by hand, and a question no setting.
				direct := node.Parent == parser.Model.Node && !strings.HasPrefix(node.Name, "bench") &&
					node.Name != "health" && node.Name != "version"
				if direct || len(flag.Envs) > 0 {
					known[flag.Name] = true
				}
			}
		}
	}
	for key := range values {
		if !known[key] || key == "config" || key == "help" || key == "version" || key == "force" || key == "json" {
			return fmt.Errorf("configuration file %s: unknown setting %q", path, key)
		}
	}
	return kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil // the environment wins
			}
		}
		value, ok := values[flag.Name]
		if !ok {
			return nil, nil
		}
		return value, nil
	})).Apply(parser)
}

// parseSettings reads a YAML mapping of single values, each as it is written: a
// key made of digits is no number. A list becomes its entries with commas.
// Errors name the line, never a value: it may be a key.
func parseSettings(raw []byte) (map[string]string, error) {
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, errors.New("it is not a YAML mapping of settings to values")
	}
	values := make(map[string]string, len(file))
	for key, node := range file {
		entries := []*yaml.Node{&node}
		if node.Kind == yaml.SequenceNode {
			entries = node.Content
		}
		texts := make([]string, 0, len(entries))
		for _, entry := range entries {
			if entry.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: setting %q must be a single value or a list of them", entry.Line, key)
			}
			texts = append(texts, entry.Value)
		}
		values[key] = strings.Join(texts, ",")
	}
	return values, nil
}

// oneLine folds an error into a single line, without the codes that are meant
// for programs.
func oneLine(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*engine.Error](err); ok {
		text = strings.ReplaceAll(text, string(e.Code)+": ", "")
	}
	return strings.Join(strings.Fields(text), " ")
}

// dataDir makes the data directory, private to its owner, and returns its
// absolute path.
func dataDir(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	probe, err := os.CreateTemp(abs, ".writable-*")
	if err != nil {
		return "", fmt.Errorf("data directory %s can't be written: %w", abs, err)
	}
	if err := probe.Close(); err != nil {
		return "", fmt.Errorf("data directory %s can't be written: %w", abs, err)
	}
	return abs, os.Remove(probe.Name())
}
