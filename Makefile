# Partywall's own targets; those of the lab are in lab/lab.mk. `make help`
# lists what a user calls.

GOARCH ?= $(shell go env GOARCH)
VERSION := $(shell sed -n 's/^const version = "\(.*\)"/\1/p' cmd/partywall/version.go)
PROBE_REF := ghcr.io/partywall/probe:$(VERSION)

include lab/lab.mk

.DEFAULT_GOAL := build
.PHONY: help build demo bench kind-up kind-down test test-unit test-on-lab test-e2e test-dual-stack test-mesh test-pages test-packages lint

help:
	@echo "make build      bin/partywall"
	@echo "make kind-up kind-down   a kind cluster with the probe's image, where there is Docker"
	@echo "make demo       three tenants on a lab of its own, and what partywall says of them; PROFILE=mesh"
	@echo "make bench      what a run costs, on the lab and simulated, beside a baseline; BENCH=flags"
	@echo "make test       all tests, on the lab too, and on one of two address families"
	@echo "make test-mesh  the mesh suite, on a lab of its own with Istio, which it compiles first"
	@echo "make test-pages  the HTML reports in a real Chromium, by axe; installs what it lacks"
	@echo "make lint       golangci-lint, with vet and gofmt"
	@echo "make lab-up lab-down lab-status lab-kubeconfig   the lab by itself; PROFILE=mesh"

# build gives bin/partywall its names as kubectl's plugin, too.
build: bin/partywall
	@ln -sf partywall bin/kubectl-partywall
	@ln -sf partywall bin/kubectl_complete-partywall

# CARRIED are the probes that bin/partywall has inside; a plain `go build` has
# none, and says so when asked for its image.
CARRIED := $(foreach arch,amd64 arm64,probes/image/carried/probe-linux-$(arch).gz)

# Go knows best whether anything changed.
.PHONY: bin/partywall bin/probe-image.tar $(CARRIED) $(CARRIED:probes/image/carried/%.gz=bin/%)
bin/partywall: $(CARRIED)
	@go build -tags carry_probe -trimpath -o $@ ./cmd/partywall

$(CARRIED): probes/image/carried/%.gz: bin/%
	@gzip -9nc $< > $@.next && mv $@.next $@

bin/probe-linux-amd64 bin/probe-linux-arm64: bin/probe-linux-%:
	@CGO_ENABLED=0 GOOS=linux GOARCH=$* go build -trimpath -ldflags "-s -w" -o $@ ./cmd/probe

bin/probe-image.tar: bin/probe-linux-$(GOARCH)
	@go run ./probes/image/build --binary $< --arch $(GOARCH) --ref $(PROBE_REF) --out $@

# DEMO are the demo's tenants, and the folder with the tenancy file about them.
DEMO := manifests/demo/tenants.yaml
ifeq ($(PROFILE),mesh)
DEMO := manifests/demo/mesh/
endif

# demo shows what partywall says of three tenants, two of which have holes. That
# partywall fails is what the demo wants to see.
demo: build lab-up
	@bin/lab apply --name $(LAB) $(DEMO)
	@bin/partywall run --kubeconfig "$$(bin/lab kubeconfig --name $(LAB))" -f $(dir $(DEMO))tenancy.yaml; \
	code=$$?; \
	if [ $$code -ne 1 ]; then \
		echo "demo: partywall ended with exit code $$code, and not with 1 for the holes that the tenants have" >&2; exit 1; \
	fi; \
	echo "demo: partywall ended with exit code 1, as it must: the tenants have holes. The lab stays up; make lab-down removes it."

# bench leaves the lab as it was found. BENCH are flags of its program, such as
# BENCH="-tenants 3 -full ''".
bench: build lab-binary
	@go build -trimpath -o bin/bench ./bench
	@up=0; bin/lab kubeconfig --name $(LAB) >/dev/null 2>&1 && up=1; \
	$(MAKE) -s lab-up || exit 1; \
	code=0; bin/bench -kubeconfig "$$(bin/lab kubeconfig --name $(LAB))" -lab $(LAB) $(BENCH) || code=1; \
	[ $$up = 1 ] || $(MAKE) -s lab-down || code=1; \
	exit $$code

# kind-up takes Docker, or another runtime that kind knows.
kind-up: build
	@bin/partywall image save bin/partywall-probe.tar
	@go run ./kind up kind-config.yaml bin/partywall-probe.tar

kind-down:
	@go run ./kind down

# test runs every test there is. Those on the lab are not left out: where it
# cannot be had, they fail. The lab is left as it was found.
test: test-unit test-dual-stack
	@if bin/lab kubeconfig --name $(LAB) >/dev/null 2>&1; then \
		$(MAKE) -s lab-up test-on-lab; \
	else \
		$(MAKE) -s lab-up || exit 1; \
		code=0; $(MAKE) -s test-on-lab || code=1; \
		$(MAKE) -s lab-down || code=1; \
		exit $$code; \
	fi

test-unit: test-packages build lab-binary
	@go test -race $$(go list ./... | grep -v /e2e)

test-on-lab: lab-test test-e2e

test-e2e: build lab-binary
	@PARTYWALL_E2E=required PARTYWALL_LAB=$(LAB) go test ./e2e -count=1 -v -parallel 3 -timeout 70m

# test-dual-stack has a lab of its own: on one of two families every pair takes
# more attempts, which the other tests count.
test-dual-stack: build lab-binary
	@$(MAKE) -s lab-up LAB=$(LAB)-dual LAB_FLAGS=--dual-stack || exit 1; \
	code=0; \
	PARTYWALL_E2E=required PARTYWALL_DUAL_STACK=required PARTYWALL_LAB=$(LAB)-dual \
		go test ./e2e -run SecondFamily -count=1 -v -timeout 20m || code=1; \
	$(MAKE) -s lab-down LAB=$(LAB)-dual || code=1; \
	exit $$code

# test-mesh has a lab of its own, with Istio, which takes long to compile the
# first time.
test-mesh: build lab-binary
	@$(MAKE) -s lab-up LAB=$(LAB)-mesh PROFILE=mesh || exit 1; \
	code=0; \
	PROFILE=mesh PARTYWALL_E2E=required PARTYWALL_MESH=required PARTYWALL_LAB=$(LAB)-mesh \
		go test ./e2e -run Mesh -count=1 -v -timeout 40m || code=1; \
	$(MAKE) -s lab-down LAB=$(LAB)-mesh || code=1; \
	exit $$code

# test-packages are the Debian packages that only tests call.
test-packages:
	@command -v xmllint >/dev/null || { apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends libxml2-utils >&2; }

# test-pages looks at the pages in a real Chromium, by axe, which a wheel carries.
AXE_WHEEL := axe_playwright_python-0.1.8-py3-none-any.whl
AXE_SHA256 := fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8
test-pages: bin/axe.min.js
	@command -v chromium >/dev/null || { apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium >&2; }
	@PARTYWALL_CHROMIUM=$$(command -v chromium) PARTYWALL_AXE=$(CURDIR)/bin/axe.min.js go test ./reports -run Browser -count=1 -v

bin/axe.min.js:
	@python3 -m pip --version >/dev/null 2>&1 || { apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-pip >&2; }
	@python3 -m pip download --quiet --no-deps --only-binary=:all: --dest bin axe-playwright-python==0.1.8
	@echo "$(AXE_SHA256)  bin/$(AXE_WHEEL)" | sha256sum --check --quiet
	@python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile("bin/$(AXE_WHEEL)").read("axe_playwright_python/axe.min.js"))' > $@.part && mv $@.part $@

# lint compiles its linter the first time, which takes minutes.
lint:
	@go tool -modfile=tools/go.mod golangci-lint run ./...
	@cd lab && go tool -modfile=../tools/go.mod golangci-lint run ./...
