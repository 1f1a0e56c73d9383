package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// facadePages are the pages for programs of other systems, and what the sandbox's
// receiver prints when its reader has copied their commands.
var facadePages = []struct{ page, printed string }{
	{"cloud-api.md", `"object":"whatsapp_business_account"`},
	{"on-premises.md", `"wa_id":"919876543211"`},
	{"whatsapp-hub.md", `"event":"message.received"`},
	{"whatomate.md", "message of session main"},
	{"official-api.md", "message of session official"},
}

// linking is what each of these pages expects the reader to have done.
const linking = `
curl -s http://127.0.0.1:8080/api/whatsapp/session -H "X-API-Key: $(cat data/sandbox/api-key)" -H 'Content-Type: application/json' -d '{"sessionId":"main"}'
curl -s 'http://127.0.0.1:8080/api/whatsapp/session/main/status?wait=10' -H "X-API-Key: $(cat data/sandbox/api-key)" | curl -s 'http://127.0.0.1:9444/phones/919876543210/scan?wait=10' --data-binary @-
`

// TestCommandsOfTheFacadesDocs copies the commands of the façades' pages into one shell,
// beside a sandbox with a linked session, and stops at the first that is refused.
func TestCommandsOfTheFacadesDocs(t *testing.T) {
	for _, c := range facadePages {
		t.Run(c.page, func(t *testing.T) {
			home := t.TempDir()
			places := []string{}
			s := reachable(t, home, "sandbox", []string{"8080", "9444", "8081"}, &places)
			raw, err := os.ReadFile(filepath.Join("../../docs", c.page))
			if err != nil {
				t.Fatal(err)
			}
			script := "set -eo pipefail\ncurl() { command curl --fail-with-body \"$@\"; echo; }\n" + linking
			for _, block := range shellBlock.FindAllStringSubmatch(string(raw), -1) {
				switch {
				case strings.Contains(block[1], "EAAG"): // asks for credentials of the reader's own
				case strings.HasPrefix(block[1], "./bin/wapid sandbox"):
					s = reachable(t, home, "official", []string{"8090", "9454", "8091"}, &places)
				default:
					script += block[1]
				}
			}
			cmd := exec.Command("bash", "-c", strings.NewReplacer(places...).Replace(script))
			cmd.Dir = home
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			s.await(t, c.printed)
		})
	}
}

// reachable starts a sandbox with its data below home and adds where it is to places:
// of the API, of the phones and of the receiver, which the documents know by these ports.
func reachable(t *testing.T, home, name string, ports []string, places *[]string) *sandbox {
	t.Helper()
	dir := filepath.Join(home, "data", name)
	s := startSandbox(t, dir)
	key, err := os.ReadFile(filepath.Join(dir, "api-key"))
	if err != nil {
		t.Fatal(err)
	}
	base := apiAddress.FindString(s.guide[0])
	control := base
	for _, line := range s.guide {
		if strings.Contains(line, "/phones/") {
			all := apiAddress.FindAllString(line, -1)
			control = all[len(all)-1]
		}
	}
	own := s.run(t, "curl -s "+base+"/api/account/webhook -H 'X-API-Key: "+strings.TrimSpace(string(key))+"'")
	receiver := apiAddress.FindString(own)
	for i, at := range []string{base, control, receiver} {
		*places = append(*places, "http://127.0.0.1:"+ports[i], at)
	}
	return s
}
