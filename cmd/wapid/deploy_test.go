package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// What is read of the files in docs/deploy and of the Dockerfile.
type composeFile struct {
	Services map[string]struct {
		Ports       []string
		Environment map[string]string
		Volumes     []string
		Grace       time.Duration `yaml:"stop_grace_period"`
		ReadOnly    bool          `yaml:"read_only"`
		Build       struct{ Context string }
	}
	Volumes map[string]any
}

type clusterObject struct {
	Kind       string
	Metadata   struct{ Name string }
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Replicas             int
		ServiceName          string `yaml:"serviceName"`
		Selector             map[string]any
		VolumeClaimTemplates []struct {
			Metadata struct{ Name string }
		} `yaml:"volumeClaimTemplates"`
		Ports []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Spec struct {
				Grace           int `yaml:"terminationGracePeriodSeconds"`
				SecurityContext struct {
					RunAsUser int `yaml:"runAsUser"`
					FSGroup   int `yaml:"fsGroup"`
				} `yaml:"securityContext"`
				Containers []clusterContainer
				Volumes    []struct{ Name string }
			}
		}
	}
}

type clusterContainer struct {
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	Startup      probe `yaml:"startupProbe"`
	Liveness     probe `yaml:"livenessProbe"`
	Readiness    probe `yaml:"readinessProbe"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func readFile(t *testing.T, parts ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// knownSettings are the environment variables and flags that the program has.
func knownSettings(t *testing.T) (variables, flags map[string]bool, parse func(args ...string) error) {
	t.Helper()
	var cli commands
	parser, err := kong.New(&cli, kong.Name("wapid"), kong.Vars{"version": "", "scenarios": "-"}, kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	variables, flags = map[string]bool{}, map[string]bool{"--help": true}
	for _, node := range parser.Model.Leaves(false) {
		for _, group := range node.AllFlags(false) {
			for _, flag := range group {
				flags["--"+flag.Name] = true
				for _, name := range flag.Envs {
					variables[name] = true
				}
			}
		}
	}
	return variables, flags, func(args ...string) error { _, err := parser.Parse(args); return err }
}

// dockerImage is what the Dockerfile makes.
type dockerImage struct {
	user, port, data, goVersion string
	health                      []string
}

func readImage(t *testing.T) dockerImage {
	t.Helper()
	text := strings.ReplaceAll(readFile(t, "Dockerfile"), "\\\n", "")
	found := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("the Dockerfile has no %s", pattern)
		}
		return m[1]
	}
	var health []string
	if err := yaml.Unmarshal([]byte(found(`^HEALTHCHECK .*CMD (\[.*\])$`)), &health); err != nil {
		t.Fatal(err)
	}
	return dockerImage{found(`^USER (\d+):\d+$`), found(`^EXPOSE (\d+)$`), found(`WAPID_DATA=(\S+)`), found(`^FROM golang:([0-9.]+)-`), health}
}

func TestDockerfile(t *testing.T) {
	i := readImage(t)
	_, _, parse := knownSettings(t)
	if i.health[0] != "/usr/local/bin/wapid" || parse(i.health[1:]...) != nil {
		t.Errorf("the health check is %q: %v", i.health, parse(i.health[1:]...))
	}
	if want := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(readFile(t, "go.mod"))[1]; i.goVersion != want {
		t.Errorf("it is built with Go %s, go.mod wants %s", i.goVersion, want)
	}
	text := readFile(t, "Dockerfile")
	for _, want := range []string{"WAPID_LISTEN=0.0.0.0:" + i.port, "VOLUME " + i.data, "--chown=" + i.user + ":" + i.user + " /out/data " + i.data, `CMD ["serve"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile lacks %s", want)
		}
	}
	if !regexp.MustCompile(`(?m)^static:`).MatchString(readFile(t, "Makefile")) {
		t.Error("the Makefile has no static")
	}
}

func TestCompose(t *testing.T) {
	var file composeFile
	if err := yaml.Unmarshal([]byte(readFile(t, "docs", "deploy", "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	variables, _, _ := knownSettings(t)
	i, service := readImage(t), file.Services["wapid"]
	if !slices.Equal(service.Ports, []string{"127.0.0.1:8080:" + i.port}) || !slices.Equal(service.Volumes, []string{"data:" + i.data}) || !service.ReadOnly {
		t.Errorf("the service is %+v", service)
	}
	if _, named := file.Volumes["data"]; !named || service.Build.Context != "../.." || service.Grace <= defaultShutdown {
		t.Errorf("volumes %v, context %q, grace %v", file.Volumes, service.Build.Context, service.Grace)
	}
	for name := range service.Environment {
		if !variables[name] {
			t.Errorf("there is no setting %s", name)
		}
	}
}

func TestKubernetes(t *testing.T) {
	objects := map[string]clusterObject{}
	for dec := yaml.NewDecoder(strings.NewReader(readFile(t, "docs", "deploy", "kubernetes.yaml"))); ; {
		var o clusterObject
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		objects[o.Kind] = o
	}
	variables, _, parse := knownSettings(t)
	set, i := objects["StatefulSet"], readImage(t)
	pod := set.Spec.Template.Spec
	if set.Spec.Replicas != 1 || set.Spec.ServiceName != objects["Service"].Metadata.Name || time.Duration(pod.Grace)*time.Second <= defaultShutdown ||
		strconv.Itoa(pod.SecurityContext.RunAsUser) != i.user || strconv.Itoa(pod.SecurityContext.FSGroup) != i.user || len(pod.Containers) != 1 {
		t.Fatalf("the set is %+v", set.Spec)
	}
	c := pod.Containers[0]
	if err := parse(c.Args...); err != nil {
		t.Errorf("%q: %v", c.Args, err)
	}
	if len(c.Ports) != 1 || strconv.Itoa(c.Ports[0].ContainerPort) != i.port || c.Ports[0].Name != objects["Service"].Spec.Ports[0].TargetPort {
		t.Errorf("the ports are %+v and %+v", c.Ports, objects["Service"].Spec.Ports)
	}
	document := readFile(t, "httpapi", "openapi.yaml")
	for name, asked := range map[string]probe{"startup": c.Startup, "liveness": c.Liveness, "readiness": c.Readiness} {
		at := asked.HTTPGet
		if at.Port != c.Ports[0].Name || at.Path == "" || !strings.Contains(document, "\n  "+at.Path+":\n") {
			t.Errorf("the %s probe asks %+v", name, at)
		}
	}
	if c.VolumeMounts[0].MountPath != i.data || c.VolumeMounts[0].Name != set.Spec.VolumeClaimTemplates[0].Metadata.Name {
		t.Errorf("mounted are %+v", c.VolumeMounts)
	}
	for _, e := range c.Env {
		if !variables[e.Name] {
			t.Errorf("there is no setting %s", e.Name)
		}
	}
	// Whoever forgets to make keys has no daemon with known ones.
	for name, value := range objects["Secret"].StringData {
		if !variables[name] {
			t.Errorf("there is no setting %s", name)
		}
		cmd := program("", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--network", startNetwork(t).file)
		cmd.Env = append(cmd.Env, name+"="+value)
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("key")) {
			t.Errorf("a daemon starts with %s=%s: %v %s", name, value, err, out)
		}
	}
}

func TestUnit(t *testing.T) {
	text := readFile(t, "docs", "deploy", "wapid.service")
	_, _, parse := knownSettings(t)
	setting := func(name string) string {
		t.Helper()
		m := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("the unit has no %s", name)
		}
		return m[1]
	}
	if args := strings.Fields(setting("ExecStart")); args[0] != "/usr/local/bin/wapid" || parse(args[1:]...) != nil {
		t.Errorf("it starts %q", args)
	}
	if !strings.Contains(setting("Environment"), "WAPID_DATA=/var/lib/"+setting("StateDirectory")+" ") {
		t.Error("the data directory is not the state directory")
	}
	if seconds, err := strconv.Atoi(setting("TimeoutStopSec")); err != nil || time.Duration(seconds)*time.Second <= defaultShutdown {
		t.Errorf("it has %d seconds to stop, %v", seconds, err)
	}
	if setting("Type") != "notify" || setting("RestartPreventExitStatus") != "2" {
		t.Error("the unit does not fit how the daemon behaves")
	}
}

// TestDeployDocsNameSettings looks for settings that are written about and don't exist.
func TestDeployDocsNameSettings(t *testing.T) {
	variables, flags, _ := knownSettings(t)
	others := []string{"--build", "--build-arg", "--now", "--restart", "--stop-timeout", "--from-literal", "--tags", "--always"} // of other programs
	texts := readFile(t, "docs", "deploy.md")
	for _, name := range []string{"wapid.service", "compose.yaml", "kubernetes.yaml"} {
		texts += readFile(t, "docs", "deploy", name)
	}
	for _, name := range regexp.MustCompile(`\bWAPID_[A-Z_]+\b`).FindAllString(texts+readFile(t, "Dockerfile"), -1) {
		if name != "WAPID_PORT" && !variables[name] { // what Kubernetes would set
			t.Errorf("there is no setting %s", name)
		}
	}
	for _, name := range regexp.MustCompile("(?m)(?:^|[ `(])(--[a-z][a-z-]*[a-z])").FindAllStringSubmatch(texts, -1) {
		if !flags[name[1]] && !slices.Contains(others, name[1]) {
			t.Errorf("there is no flag %s", name[1])
		}
	}
	if defaultText := "40 s"; !strings.Contains(texts, "("+defaultText+")") || defaultShutdown != 40*time.Second {
		t.Error("the time for a shutdown is told wrongly")
	}
}
