# Partywall's own targets; those of the lab are in lab/lab.mk. `make help`
# lists what a user calls.

GOARCH ?= $(shell go env GOARCH)
VERSION := $(shell sed -n 's/^const version = "\(.*\)"/\1/p' cmd/partywall/version.go)
PROBE_REF := ghcr.io/partywall/probe:$(VERSION)

include lab/lab.mk

.DEFAULT_GOAL := build
.PHONY: help build demo demo-down test test-unit test-e2e lint clean

help:
	@echo "make build      bin/partywall"
	@echo "make demo       three tenants on a lab of its own, and what partywall says of them"
	@echo "make test       all tests, on the lab too"
	@echo "make lint       gofmt, vet, golangci-lint"
	@echo "make lab-up lab-down lab-status lab-kubeconfig   the lab by itself"

build: bin/partywall

# Go knows best whether anything changed.
.PHONY: bin/partywall bin/probe-image.tar
bin/partywall:
	@go build -trimpath -o $@ ./cmd/partywall

bin/probe-image.tar:
	@CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) go build -trimpath -ldflags "-s -w" -o bin/probe ./cmd/probe
	@go run ./probes/image/build --binary bin/probe --arch $(GOARCH) --ref $(PROBE_REF) --out $@
