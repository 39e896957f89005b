# Two commands matter: `make demo` shows the main job on real images, `make test` checks everything that this
# machine can check. Both need Python 3.11 or newer, make and a network; neither needs root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLEET := examples/fleet
DEMO_FAMILIES := family-vision-cu121 family-torch-cu121
INSTALLED := $(VENV)/.installed
FAST_TESTS := tests/unit tests/property tests/contract tests/snapshots tests/e2e

.PHONY: help demo images test test-fast test-slow lint types layers wheel check lock schema indexes clean

help:
	@echo "make demo    build two example family images; run the main job, sbom, vulns and gate on them"
	@echo "make images  build every example image"
	@echo "make test    everything that can run on this machine; what cannot says why"
	@echo "make test-fast  the part of it that needs no network and no image"
	@echo "make check   lint, types, layers and the wheel's contents"
	@echo "make indexes renew the package indexes that come along, from Debian's archive"
	@echo "make lock    renew the locks from the ranges in pyproject.toml"

$(INSTALLED): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

demo: $(INSTALLED)
	$(BIN)/python $(FLEET)/build_images.py $(DEMO_FAMILIES)
	@echo
	@echo "$$ fleet-audit deps $(DEMO_FAMILIES) -f $(FLEET)/fleet.yaml"
	@$(BIN)/fleet-audit deps $(DEMO_FAMILIES) -f $(FLEET)/fleet.yaml; \
	code=$$?; echo; echo "exit code $$code"; \
	test $$code -eq 1 || { echo "the demo expects exit code 1: required libraries are missing"; exit 1; }
	@for family in $(DEMO_FAMILIES); do for command in sbom vulns; do \
	echo; echo "$$ fleet-audit $$command $$family -f $(FLEET)/fleet.yaml -o text"; \
	$(BIN)/fleet-audit $$command $$family -f $(FLEET)/fleet.yaml -o text; \
	code=$$?; echo; echo "exit code $$code"; \
	case $$command-$$code in \
	sbom-0|vulns-0|vulns-1) ;; \
	*-3) echo "(3: incomplete; what is missing, and how to get it, is said above and by fleet-audit doctor)" ;; \
	*) exit 1 ;; \
	esac; done; done
	@echo; echo "$$ fleet-audit gate --built -f $(FLEET)/fleet.yaml"
	@$(BIN)/fleet-audit gate --built -f $(FLEET)/fleet.yaml; \
	code=$$?; echo; echo "exit code $$code"; \
	test $$code -eq 1 || { echo "the demo expects exit code 1: what is missing keeps images back"; exit 1; }

images: $(INSTALLED)
	$(BIN)/python $(FLEET)/build_images.py --all

test: test-fast test-slow

# Containers often forbid bytecode beside the sources; without any, each worker compiles all tests anew.
test-fast: export PYTHONDONTWRITEBYTECODE =
test-fast: export PYTHONPYCACHEPREFIX = $(CURDIR)/build/bytecode
test-fast: $(INSTALLED)
	$(BIN)/pytest -q --numprocesses auto $(FAST_TESTS)

test-slow: $(INSTALLED)
	$(BIN)/pytest -q --numprocesses auto --hypothesis-profile full -m hypothesis tests/unit tests/property
	$(BIN)/pytest -q tests/integration

check: lint types layers wheel

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

layers: $(INSTALLED)
	$(BIN)/lint-imports

wheel: $(INSTALLED)
	rm -rf build/wheel
	$(BIN)/python -m build --no-isolation --wheel --outdir build/wheel . > build.log 2>&1 || { cat build.log; exit 1; }
	rm -f build.log
	$(BIN)/check-wheel-contents build/wheel

lock:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.6,<1"
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --output-file requirements/runtime.txt
	$(BIN)/uv pip compile pyproject.toml --group dev $(LOCK) --output-file requirements/dev.txt
LOCK := --generate-hashes --no-config --universal --no-header --no-annotate --quiet

schema: $(INSTALLED)
	$(BIN)/python -c "from fleet_audit.audit.fleet.manifest import schema; import sys; sys.stdout.buffer.write(schema())" > fleet.schema.json

# SOURCE_DATE_EPOCH sets the day that they bear.
indexes: $(INSTALLED)
	$(BIN)/fleet-audit index export rules/indexes --suite bullseye --suite bookworm --suite trixie

clean:
	rm -rf $(VENV) build dist $(FLEET)/build .mypy_cache .ruff_cache .pytest_cache
