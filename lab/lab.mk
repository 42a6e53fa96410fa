# The lab's targets, included by the Makefile at the root. They need root.

# LAB is the name of the lab: labs with different names live side by side.
LAB ?= default
# PROFILE is what the lab is made of: default, or mesh for one with Istio too.
PROFILE ?= default
# PROBE_IMAGE is the docker archive that every node gets.
PROBE_IMAGE ?= bin/probe-image.tar
# LAB_FLAGS are further flags of `lab up`, such as --dual-stack.
LAB_FLAGS ?=
# LAB_PACKAGES are the Debian packages whose commands the lab calls.
LAB_PACKAGES := runc iptables nftables conntrack clang-19 iproute2
ifeq ($(PROFILE),mesh)
LAB_PACKAGES += python3-pip
endif

.PHONY: lab-packages lab-binary lab-build lab-up lab-down lab-status lab-kubeconfig lab-test

# lab-packages installs what is missing, and asks for nothing where all is there.
lab-packages:
	@command -v dpkg-query >/dev/null || exit 0; \
	missing=""; \
	for p in $(LAB_PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "lab: installing$$missing" >&2; \
		apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing >&2; \
	fi

lab-binary:
	@cd lab && CGO_ENABLED=0 go build -trimpath -o ../bin/lab ./cmd/lab

# lab-build compiles the lab's components, which takes minutes the first time.
lab-build: lab-packages lab-binary
	@bin/lab build --name $(LAB) --profile $(PROFILE)

# lab-up starts the lab, or brings a new probe image into one that is up.
lab-up: lab-packages lab-binary $(PROBE_IMAGE)
	@bin/lab up --name $(LAB) --profile $(PROFILE) --probe-image $(PROBE_IMAGE) $(LAB_FLAGS)

# lab-down removes the lab and fails where something of it is left.
lab-down: lab-binary
	@bin/lab down --name $(LAB)

lab-status: lab-binary
	@bin/lab status --name $(LAB)

# lab-kubeconfig prints a path and nothing else, for $$(make -s lab-kubeconfig).
lab-kubeconfig: lab-binary
	@bin/lab kubeconfig --name $(LAB)

# lab-test proves the walls of the lab that is up, and the lab's own code; then
# it starts and kills labs of its own. With PROFILE=mesh it proves the mesh.
LAB_TESTS := ./walls ./cmd/lab
ifeq ($(PROFILE),mesh)
LAB_TESTS := ./walls ./mesh ./cmd/lab -run 'TestWalls|TestBaseline|TestMesh'
endif
lab-test: lab-binary
	@cd lab && go test $$(go list ./... | grep -v -e /walls -e /mesh -e /cmd/lab) && \
	PARTYWALL_E2E=required PARTYWALL_LAB=$(LAB) PARTYWALL_LAB_PROFILE=$(PROFILE) PARTYWALL_KUBECONFIG="$$(../bin/lab kubeconfig --name $(LAB))" \
	go test -p 1 -count=1 -v -timeout 30m $(LAB_TESTS)
