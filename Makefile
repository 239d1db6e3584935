# `make` alone lists the targets. Nothing here needs more than a Rust toolchain and bash.

CARGO ?= cargo
MINUTES ?= 10
DESTDIR ?=
PREFIX ?= /usr
# What must hold for both ways to a viewer.
HANDOFF_TESTS := on_demand outages slow_viewers real_programs rtsp_answers

.DEFAULT_GOAL := help
.PHONY: help build run test lint bench soak fuzz deb install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the relay, optimised: target/release/rtsp-relay
	$(CARGO) build --release --locked

run: ## a simulated camera and the relay, with the URLs to open; Ctrl-C ends both
	@export CARGO='$(CARGO)'; exec examples/run-demo

test: ## all tests, with real players; installs the players that are missing
	@tests/tools/install
	$(CARGO) test --workspace --locked
	@echo 'Once more with every picture going through its viewer'\''s thread:'
	RTSP_RELAY_HANDOFF=off $(CARGO) test --locked $(addprefix --test ,$(HANDOFF_TESTS))

lint: ## formatting, clippy, documentation and scripts; a warning is an error
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --workspace --no-deps --locked
	tests/tools/check-scripts

bench: ## the relay beside the kernel's own price: CPU, latency, memory; under 5 minutes
	$(CARGO) build --release --locked --bins $(addprefix --example ,bench camera load floor)
	target/release/examples/bench

soak: ## failing cameras, misbehaving viewers, for MINUTES (10); SEED=n for the same plans again
	$(CARGO) build --release --locked --bins --example soak
	target/release/examples/soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

fuzz: ## each fuzz target for MINUTES (10); needs cargo-fuzz (docs/fuzzing.md)
	@for place in rtsp-proto/fuzz tests/fuzz; do \
		for target in $$($(CARGO) fuzz list --fuzz-dir $$place); do \
			echo "$$target:"; \
			$(CARGO) fuzz run --fuzz-dir $$place -s none "$$target" -- \
				-max_total_time=$$(($(MINUTES) * 60)) -timeout=20 -rss_limit_mb=1024 \
				-print_final_stats=1 || exit 1; \
		done; \
	done

deb: ## the Debian package: ../rtsp-relay_VERSION_ARCH.deb
	debian/build

install: $(if $(BUILT),,build) ## into DESTDIR (for packages): program, unit, manuals, completion, configuration
	install -D -m 755 $(or $(BUILT),target/release/rtsp-relay) $(DESTDIR)$(PREFIX)/bin/rtsp-relay
	install -D -m 644 etc/systemd/rtsp-relay.service $(DESTDIR)$(PREFIX)/lib/systemd/system/rtsp-relay.service
	install -D -m 644 etc/sysusers.d/rtsp-relay.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/rtsp-relay.conf
	install -D -m 644 etc/bash-completion/rtsp-relay $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rtsp-relay
	install -D -m 644 docs/man/rtsp-relay.8 $(DESTDIR)$(PREFIX)/share/man/man8/rtsp-relay.8
	install -D -m 644 docs/man/rtsp-relay.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/rtsp-relay.conf.5
	install -D -m 640 etc/rtsp-relay.conf $(DESTDIR)/etc/rtsp-relay.conf

clean: ## removes what was built
	$(CARGO) clean
