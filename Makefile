# One line of help stands behind each target; `make help` prints them.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GOARCH   ?= $(shell go env GOARCH)
BIN      ?= bin/ptbrelay
DIST     ?= dist
DOCKER   ?= docker
FUZZTIME ?= 10s

.DEFAULT_GOAL := help
.PHONY: build packages image licences test lint bench fuzz help

build: ## build the static binary bin/ptbrelay, stamped with VERSION
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X ptbrelay/cmd/ptbrelay/app.version=$(VERSION)" -o $(BIN) ./cmd/ptbrelay

packages: build licences ## write the Debian and the RPM package of the binary into dist/
	integration/packages/build.sh $(BIN) $(VERSION) $(GOARCH) $(DIST)

image: build ## build the image ptbrelay:VERSION from bin/ptbrelay by DOCKER (docker, podman or buildah)
	$(DOCKER) build $(IMAGEFLAGS) --build-context build=$(dir $(BIN)) --build-arg VERSION=$(VERSION) -t ptbrelay:$(VERSION) .

licences: ## write dist/LICENCES, the licences of all that is in the binary
	@mkdir -p $(DIST)
	GOOS=linux CGO_ENABLED=0 go list -deps -f "$$(cat integration/packages/licences/list.tmpl)" ./cmd/ptbrelay >$(DIST)/modules
	GOOS= GOARCH= go run ./integration/packages/licences <$(DIST)/modules >$(DIST)/LICENCES

test: ## run all tests
	go test ./...

lint: ## run the linters of .golangci.yml
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

bench: ## measure ptbrelay against the least that a relay can do, in 3 minutes
	go test -run '^$$' -bench OneNode -benchtime 3s -timeout 15m ./integration/bench

# A target that never ran its function proves nothing, so 0 execs is a failure.
# Go minimises every new input for up to a minute; a second is enough here.
# The end of FUZZTIME may reach a worker in the middle of an input, and Go then
# calls its own deadline a failure; a real one names the input that failed.
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
	    echo "$$(dirname $$file) $$target"; \
	    out=$$(go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$(dirname $$file) 2>&1) \
	      || case "$$out" in \
	        *"Failing input"*) echo "$$out"; exit 1;; \
	        *"context deadline exceeded"*) ;; \
	        *) echo "$$out"; exit 1;; \
	      esac; \
	    execs=$$(echo "$$out" | sed -n 's/.*execs: \([0-9]*\).*/\1/p' | tail -n 1); \
	    echo "  $${execs:-0} execs"; \
	    [ "$${execs:-0}" -gt 0 ] || { echo "$$out"; echo "$$target did nothing"; exit 1; }; \
	  done; \
	done

help: ## print this list
	@sed -n 's/^\([a-z]*\):.* ## /\1\t/p' Makefile | expand -t 10
