# SPDX-License-Identifier: Apache-2.0
# The two commands to know: `make demo` and `make test`. Both do all set-up on a fresh Debian 12.
# SETUP=no skips the installation of packages; JOBS=N sets the parallelism (default: all cores).

SETUP ?= yes
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

# $(call setup,SET...): install what is missing of these package sets.
setup = $(if $(filter yes,$(SETUP)),@scripts/setup.sh $(1),@:)
# $(call build,PRESET,TARGET): configure once, then build.
define build
@[ -f build/$(1)/build.ninja ] || cmake --preset $(1)
@cmake --build build/$(1) --parallel $(JOBS) --target $(2)
endef

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

.PHONY: build
build:  ## Build the program: build/release/tocsin
	$(call setup,build)
	$(call build,release,tocsin)

.PHONY: demo
demo: build  ## Follow a growing CloudTrail file and see alerts (about 15 seconds)
	@python3 examples/demo/play.py --program build/release/tocsin

.PHONY: test
test:  ## Build everything and run all tests
	$(call setup,build test)
	$(call build,release,all)
	@ctest --preset release --parallel $(JOBS)

.PHONY: asan
asan:  ## All tests under the address and undefined-behaviour sanitizers
	$(call setup,build test)
	$(call build,asan,all)
	@ctest --preset asan --parallel $(JOBS)

.PHONY: tsan
tsan:  ## All tests under the thread sanitizer
	$(call setup,build test)
	$(call build,tsan,all)
	@ctest --preset tsan --parallel $(JOBS)

.PHONY: soak
soak:  ## The long tests: rotations under load, kills, hangs (minutes)
	$(call setup,build test)
	$(call build,release,all)
	@ctest --preset release -C soak -L soak --no-tests=error

.PHONY: package
package: build  ## Build the Debian package: build/release/tocsin_*.deb
	$(call setup,build test)
	$(call build,release,package)

.PHONY: bench
bench:  ## Throughput against a bare simdjson parse of the same bytes
	$(call setup,build)
	$(call build,bench,all)
	@scripts/bench.sh build/bench
	@python3 bench/durability.py --program build/bench/tocsin

.PHONY: fuzz
fuzz:  ## Run every fuzzer for FUZZ_SECONDS (default 60)
	$(call setup,build fuzz)
	$(call build,fuzz,all)
	@scripts/fuzz.sh build/fuzz $(FUZZ_SECONDS)

.PHONY: format
format:  ## Format all C++ sources
	$(call setup,test)
	@git ls-files '*.cc' '*.h' | xargs clang-format-14 -i

.PHONY: lint
lint:  ## clang-tidy over all C++ sources (slow)
	$(call setup,build lint)
	$(call build,dev,all)
	@scripts/lint.sh build/dev

.PHONY: clean
clean:  ## Remove all build folders
	@rm -rf build
