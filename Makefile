# Everything that is done with Lunette, each as one target. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test wasm build lint unit docs deny purity worker bench soak fuzz smoke tools servers reference corpora envoy faces service peers weights cuda clean

# One profile for `run` and `test`, so that candle and wasmtime compile once.
CARGO_BUILD := cargo build --locked --profile ci
WASM := target/wasm32-wasip1/wasm/filter_proxy_wasm.wasm
FILTER := target/ci/filter_proxy_wasm.wasm
TOOLS := target/tools
# Seconds of `make fuzz`, and of `make soak`.
fuzz: TIME ?= 60
soak: TIME ?= 1800
REFERENCE := target/reference
CORPORA := target/corpora
ENVOY := target/envoy
FACES := target/faces
SERVICE := target/service
PEERS := target/peers

export LUNETTE_FILTER := $(CURDIR)/$(WASM)
export LUNETTE_TEST_PYTHON := $(CURDIR)/$(REFERENCE)/bin/python
export LUNETTE_TEST_CORPORA := $(CURDIR)/$(CORPORA)
export LUNETTE_TEST_FACES := $(CURDIR)/$(FACES)/bin/python
export LUNETTE_TEST_ENVOY := $(CURDIR)/$(ENVOY)/envoy
export LUNETTE_TEST_SERVICE := $(CURDIR)/$(SERVICE)/bin/python
export LUNETTE_TEST_PEERS := $(CURDIR)/$(PEERS)/bin/python
export LUNETTE_TEST_PROMETHEUS := $(CURDIR)/$(SERVICE)/prometheus
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

say = @printf '\n\033[1m==> %s\033[0m\n' "$(1)"

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: toolchain build ## start gate and node on this machine, and cut out a photo
	@scripts/run

test: toolchain tools lint build purity reference unit smoke docs deny ## run every test, installing what they need
	$(call say,all of it passed)

build: wasm ## build the binary, with the filter beside it
	$(call say,building lunette (the first time takes a quarter of an hour))
	@$(CARGO_BUILD)
	@cp $(WASM) $(FILTER)

wasm: toolchain ## build the filter as a proxy-wasm module
	$(call say,building the filter)
	@cargo build --locked --profile wasm -p filter-proxy-wasm --target wasm32-wasip1
	@ls -l $(WASM) | awk '{ print $$9 ": " $$5 " bytes" }'

lint: toolchain ## formatting and clippy, for native and both Wasm targets
	$(call say,formatting)
	@cargo fmt --all --check
	$(call say,clippy)
	@cargo clippy --locked --profile ci --all-targets -- -D warnings
	@cargo clippy --locked --profile wasm -p filter-proxy-wasm --target wasm32-wasip1 -- -D warnings
	@cargo clippy --locked --profile wasm -p edge --target wasm32-unknown-unknown -- -D warnings

unit: tools servers build worker reference corpora envoy faces service ## tests and doctests
	$(call say,fetching the models' weights)
	@target/ci/lunette models fetch u2netp
	@target/ci/lunette models fetch u2net
	@target/ci/lunette models fetch ppocr
	$(call say,tests)
	@cargo nextest run --locked --cargo-profile ci
	$(call say,doctests)
	@cargo test --locked --profile ci --doc

docs: toolchain ## the API documentation, without a warning
	$(call say,documentation)
	@RUSTDOCFLAGS='-D warnings' cargo doc --locked --profile ci --no-deps

deny: tools ## licences, sources and banned crates of all dependencies
	$(call say,licences and sources and bans)
	@cargo deny --log-level error check bans licenses sources

purity: toolchain ## what the filter imports as a Wasm module: nothing but the standard library's own
	$(call say,purity of the filter)
	@cargo build --locked --profile wasm -p filter --example purity --target wasm32-wasip1
	@python3 scripts/imports.py target/wasm32-wasip1/wasm/examples/purity.wasm filter/imports.txt

bench: build envoy worker reference peers weights ## measure, side by side with peers; writes target/bench/summary.json, and charts into docs/charts
	$(call say,bench)
	@cargo build --locked --profile wasm -p filter-proxy-wasm --examples --target wasm32-wasip1
	@scripts/worker hello
	@target/ci/bench
	@scripts/charts

soak: build peers weights ## keep a node under twice its load for half an hour: make soak TIME=1800; draws docs/charts/soak.svg
	$(call say,soak: $(TIME) seconds)
	@target/ci/bench soak $(TIME)
	@scripts/charts

weights: build
	$(call say,fetching the models' weights)
	@target/ci/lunette models fetch u2netp
	@target/ci/lunette models fetch u2net
	@target/ci/lunette models fetch ppocr

cuda: toolchain ## build lunette for NVIDIA's GPUs, with or without one in this machine
	@scripts/cuda build

fuzz: toolchain ## fuzz the filter for TIME seconds in all: make fuzz TIME=600
	@scripts/setup fuzz
	@scripts/fuzz run $(TIME)

smoke: toolchain
	$(call say,fuzz targets: the committed inputs and a second of each (the first time they are built))
	@scripts/setup fuzz
	@scripts/fuzz smoke

worker: toolchain ## build the Cloudflare Worker into edge/dist, and try its deployment without a network
	@scripts/setup worker
	@scripts/worker build
	@scripts/worker dry-run

toolchain:
	@scripts/setup toolchain

tools:
	@scripts/setup tools $(TOOLS)

servers:
	@scripts/setup servers

reference:
	@scripts/setup reference $(REFERENCE)

corpora:
	@scripts/setup corpora $(CORPORA)

envoy: ## install Envoy, as target/envoy/envoy
	@scripts/setup envoy $(ENVOY)

faces:
	@scripts/setup faces $(FACES)

service:
	@scripts/setup service $(SERVICE)

peers:
	@scripts/setup peers $(PEERS)

clean: ## remove everything that was built
	@cargo clean
