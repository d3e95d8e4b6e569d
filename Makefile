# The front door. Each target installs and builds what it needs first, and does nothing twice.

# Runs a command with this project's Node (24 or newer) and its installed tools first in PATH.
RUN := tools/node/run

INSTALLED := node_modules/.package-lock.json
PROGRAMS := packages/agent/dist/nixfleet-agent.js packages/dashboard/dist/nixfleet-dashboard.js
PAGE := packages/web/dist/index.html

# Everything that a build reads. Tests are no part of it, so that writing one builds nothing.
files_in = $(shell find $(wildcard $(1)) -type f ! -name '*.test.ts' ! -name '*.test.tsx' ! -name '*.fixture.ts')
PROGRAM_SOURCES := $(call files_in,packages/protocol/src packages/runtime/src packages/agent/src packages/dashboard/src) \
  rolldown.config.ts package-lock.json
PAGE_SOURCES := $(call files_in,packages/protocol/src packages/web/src packages/web/public) \
  $(wildcard packages/web/index.html packages/web/vite.config.ts) package-lock.json

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test dev lab lab-test lab-measure check check-format check-lint check-types check-boundaries mutate bench build programs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) $(PROGRAMS) $(PAGE) ## a dashboard, a config repository and three hosts on this machine
	@$(RUN) node demo/start.ts

dev: $(INSTALLED) ## the same with reload on every change, and a simulated fleet at hand
	@$(RUN) node demo/dev.ts

test: $(INSTALLED) $(PROGRAMS) $(PAGE) ## every test that needs no root; the last line counts them
	@$(RUN) node tools/test/run.ts

check: check-format check-lint check-types check-boundaries ## format, lint, types, boundaries between packages

check-format: $(INSTALLED)
	@$(RUN) biome check --error-on-warnings .

check-lint: $(INSTALLED)
	@$(RUN) oxlint

# All packages are looked at, also after one that fails.
check-types: $(INSTALLED)
	@failed=0; \
	for project in . packages/* demo bench e2e modules lab; do $(RUN) tsc --project $$project || failed=1; done; \
	exit $$failed

# First everything, tests included, for what nothing uses; then the code that is shipped, which may import only what its own
# package.json names as a dependency.
check-boundaries: $(INSTALLED)
	@$(RUN) knip --no-progress --no-config-hints
	@$(RUN) knip --no-progress --no-config-hints --strict --files --dependencies

lab: $(INSTALLED) $(PROGRAMS) $(PAGE) ## real hosts with systemd and Nix on this machine (root, Debian 12); HOSTS=20 for more
	@$(RUN) node lab/start.ts $(if $(HOSTS),--hosts $(HOSTS))

lab-test: $(INSTALLED) $(PROGRAMS) $(PAGE) ## the tests that need such hosts, among them the fault matrix
	@$(RUN) node tools/test/run.ts --config lab/vitest.config.ts

lab-measure: $(INSTALLED) $(PROGRAMS) $(PAGE) ## how fast hosts come home, and what a safe switch costs
	@$(RUN) node lab/measure.ts

mutate: $(INSTALLED) $(PROGRAMS) ## small faults in FILES=..., and which of them no test notices; MINUTES=10
	@$(RUN) node tools/mutate/run.ts --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1) \
	  $(if $(NEAR),--near) $(addprefix --tests=,$(wildcard $(TESTS))) $(FILES)

bench: $(INSTALLED) $(PROGRAMS) $(PAGE) ## measure, and print a table and JSON
	@$(RUN) node bench/run.ts

build: $(PROGRAMS) $(PAGE) ## agent and dashboard as one file each, and the page

programs: $(PROGRAMS)

clean: ## remove everything that was installed, built or left by the demo
	@if [ -d .demo ]; then chmod -R u+w .demo; fi # Nix makes what is in its stores read-only
	rm -rf node_modules packages/*/node_modules packages/*/dist tools/node/.installed test-results .demo .lab

# Not `npm ci`: it refuses a lock file without the optional packages of other platforms, and a registry that mirrors another need
# not have those (https://github.com/npm/cli/issues/9846). Versions and checksums are those of the lock file all the same, and
# tools/lock-file.test.ts sees to it that the lock file is up to date.
$(INSTALLED): package-lock.json
	@$(RUN) npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

# Both programs come from one run of the bundler. The first is its witness, the second only follows it: GNU make 3.81, which
# macOS has, knows no rule with several targets.
packages/agent/dist/nixfleet-agent.js: $(PROGRAM_SOURCES) | $(INSTALLED)
	@$(RUN) rolldown --config --logLevel warn

packages/dashboard/dist/nixfleet-dashboard.js: packages/agent/dist/nixfleet-agent.js
	@if [ -s $@ ]; then touch $@; else $(RUN) rolldown --config --logLevel warn; fi

$(PAGE): $(PAGE_SOURCES) | $(INSTALLED)
	@cd packages/web && ../../$(RUN) vite build --logLevel warn
