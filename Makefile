# Everything starts from a fresh clone: each target makes the virtual environment that it needs.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
LABEL_STUDIO := .venv-label-studio
BROWSER := $(shell which chromium chromium-browser google-chrome)
PROMTOOL := $(shell which promtool)
POSTGRES := $(wildcard /usr/lib/postgresql/15/bin/pg_ctl)
AUDIT = $(VENV)/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off \
	-r requirements.txt -r requirements-clouds.txt -r requirements-cluster.txt
CLUSTER := tests/backend/bulk/test_cluster.py
# Packages are compiled here, on all cores and not by pip on one: where Python may not write byte code, it would compile
# thousands of files at each start. A few are of another Python's syntax, and nobody imports them.
COMPILE = -m compileall -qq -j 0
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo -n)

# As in backend/server/threads.py, for what loads torch itself.
export OMP_WAIT_POLICY ?= PASSIVE
export GOMP_SPINCOUNT ?= 1000

.PHONY: setup demo test lint audit bench bench-full soak e2e browser postgres promtool serve clean

setup: $(VENV)/.running ## What `make demo` and `make serve` need

demo: $(VENV)/.running ## Serve, send sample tasks, check the masks, write out/demo/index.html
	$(RUN) -m backend demo

serve: $(VENV)/.running ## Serve on 127.0.0.1:9090; settings come from ANYWORD_ variables
	$(RUN) -m backend serve

# Ray's own threads outlive its shutdown, and whatever they touch then: its driver has a process for itself.
test: $(VENV)/.developing postgres promtool
	$(RUN) -m pytest --ignore $(CLUSTER)
	$(RUN) -m pytest $(CLUSTER)

lint: $(VENV)/.developing
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/hadolint docker/Dockerfile docker/label-studio-ml/Dockerfile
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml
	$(VENV)/bin/kubernetes-validate --strict --quiet docker/kubernetes.yaml
	$(VENV)/bin/bandit -c pyproject.toml -q -r backend model docker
# Advisories appear without any change of ours, and need the network: here they are shown, `make audit` fails for them.
	-$(AUDIT)

audit: $(VENV)/.developing ## Look up the installed packages in PyPI's advisories
	$(AUDIT)

bench: $(VENV)/.developing ## Accuracy and clicks on unseen scenes and photographs, speed and memory over HTTP, then learning
	$(RUN) -m model.evaluation
	$(RUN) -m model.evaluation clicks
	$(RUN) -m tests.benchmarks.brightness
	$(RUN) -m tests.benchmarks.http
	$(RUN) -m tests.benchmarks.loop
	$(RUN) -m tests.benchmarks.learning

soak: $(VENV)/.developing ## Half an hour on loopback: a crowd beside a pre-annotation, kill -9, fuzzed and broken requests
	$(RUN) -m tests.benchmarks.soak

bench-full: $(VENV)/.developing ## Speed and memory at Stable Diffusion 2.1's and SAM ViT-H's size, random weights, beside a textbook
	$(RUN) -m tests.benchmarks.full

e2e: $(VENV)/.developing $(LABEL_STUDIO)/.installed browser postgres ## Against a real Label Studio server, in a real browser
	$(RUN) -m pytest tests/e2e

browser: ## Debian's Chromium; where it cannot be installed, the tests that need it are skipped
ifeq ($(BROWSER),)
	-$(AS_ROOT) sh -c "apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium"
endif

postgres: ## Debian's PostgreSQL 15; where it cannot be installed, the tests that need it are skipped
ifeq ($(POSTGRES),)
	-$(AS_ROOT) sh -c "apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql-15"
endif

promtool: ## Debian's Prometheus, whose promtool tests the alerts; where it cannot be installed, that test is skipped
ifeq ($(PROMTOOL),)
	-$(AS_ROOT) sh -c "apt-get update -qq && apt-get install -qq -y --no-install-recommends prometheus"
endif

$(VENV)/.running: requirements.txt
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.txt
	$(RUN) $(COMPILE) $(VENV)/lib || true
	touch $@

$(VENV)/.developing: requirements-dev.txt requirements-clouds.txt requirements-cluster.txt $(VENV)/.running
	$(RUN) -m pip install --quiet --no-compile --disable-pip-version-check -r requirements-dev.txt
	$(RUN) $(COMPILE) $(VENV)/lib || true
	touch $@

$(LABEL_STUDIO)/.installed: tests/e2e/requirements.txt
	test -x $(LABEL_STUDIO)/bin/python || $(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -r tests/e2e/requirements.txt
	$(LABEL_STUDIO)/bin/python $(COMPILE) $(LABEL_STUDIO)/lib || true
	touch $@

clean:
	rm -rf $(VENV) $(LABEL_STUDIO) out .mypy_cache .pytest_cache .ruff_cache .hypothesis
