# The targets are described in CONTRIBUTING.md.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
# SQLite is to sync with fdatasync, as Linux distributions build it: a commit then
# need not wait until the time of the file's last change is on the disk, too.
export CGO_CFLAGS ?= -g -O2 -DHAVE_FDATASYNC=1

.PHONY: screenshots run build static release test chaos soak bench report profile microbench fuzz lint vendor clean

build: # the first build compiles SQLite: about a minute
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/wapid ./cmd/wapid

# static builds a binary that needs nothing of the system that it runs on; OUT, CC and
# GOARCH choose another place and another platform.
OUT ?= bin/wapid
static:
	CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=false -tags netgo,osusergo,sqlite_omit_load_extension \
		-ldflags "$(LDFLAGS) -buildid= -linkmode external -extldflags '-static -Wl,--build-id=none'" -o $(OUT) ./cmd/wapid

# release fills dist/ for linux on amd64 and arm64, or on ARCH alone; see docs/deploy.md.
ARCH ?= amd64 arm64
release:
	.ci/release/build '$(VERSION)' $(ARCH)

run: build
	./bin/wapid sandbox

test:
	$(GO) test -race -timeout 25m ./...
	@command -v node >/dev/null || echo 'left out: the Baileys suite (node is not on this machine)'

# chaos is the long run of the fault harness; see docs/chaos.md. The same seed does the same again.
SEED    ?= $(shell date +%s)
KILLS   ?= 50
MINUTES ?= 8
chaos:
	CHAOS_SEED=$(SEED) CHAOS_KILLS=$(KILLS) CHAOS_MINUTES=$(MINUTES) \
		$(GO) test -count=1 -timeout $$(( $(MINUTES) * 2 + 15 ))m -run '^TestChaos$$' -v ./cmd/wapid

# soak holds a daemon under a constant load and fails if it goes on growing; see docs/operating.md.
SESSIONS ?= 50
RATE     ?= 50
soak: MINUTES = 30
soak:
	SOAK_MINUTES=$(MINUTES) SOAK_SESSIONS=$(SESSIONS) SOAK_RATE=$(RATE) SOAK_FILE=$(CURDIR)/bin/soak.csv \
		$(GO) test -count=1 -timeout $$(( $(MINUTES) + 15 ))m -run '^TestSoak$$' -v ./cmd/wapid

# bench measures the daemon beside raw clients; see docs/benchmarks.md. BENCH takes
# further flags, such as BENCH='--sessions 50 --scenarios repeat --runs 3'.
JSON ?= bin/bench.json
bench: build
	./bin/wapid bench --json $(JSON) $(BENCH)

# report rewrites the tables and the plot of docs/benchmarks.md from a committed run.
report:
	$(GO) run ./cmd/benchreport docs/benchmarks.json docs/benchmarks.md docs/benchmarks.svg

# profile writes profiles of the daemon's CPU time and heap under a load. BENCH takes
# further flags here, too, but sessions and scenarios in it are added to these.
SCENARIOS ?= repeat,first
profile: build
	./bin/wapid bench --sessions $(SESSIONS) --scenarios $(SCENARIOS) --runs 1 --duration 10s --profiles profiles $(BENCH)

microbench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# fuzz runs every fuzz target for FUZZTIME each.
FUZZTIME ?= 10s
fuzz:
	@GO='$(GO)' .ci/fuzz $(FUZZTIME)

lint:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# vendor makes the dashboard's libraries anew from their lock file; it needs node and npm.
VENDOR = httpapi/dashboard/vendor
vendor:
	rm -rf bin/vendor && mkdir -p bin/vendor
	cp $(VENDOR)/package.json $(VENDOR)/package-lock.json $(VENDOR)/build.mjs bin/vendor/
	cd bin/vendor && npm ci --ignore-scripts --no-fund --no-audit && node build.mjs $(CURDIR)/$(VENDOR)
	rm -rf bin/vendor

clean:
	rm -rf bin dist
