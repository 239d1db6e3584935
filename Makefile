# `make` alone lists the targets. Nothing here needs more than a Rust toolchain and bash.

CARGO ?= cargo
FUZZ_SECONDS ?= 600
# What must hold for both ways to a viewer.
HANDOFF_TESTS := on_demand outages slow_viewers real_programs rtsp_answers

.DEFAULT_GOAL := help
.PHONY: help build run test lint bench fuzz clean

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
	$(CARGO) build --release --locked --bins --examples
	target/release/examples/bench

fuzz: ## each fuzz target for FUZZ_SECONDS (600); needs nightly and cargo-fuzz
	cd rtsp-proto && for target in $$($(CARGO) +nightly fuzz list); do \
		$(CARGO) +nightly fuzz run "$$target" -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

clean: ## removes what was built
	$(CARGO) clean
