# Every target sets up what it needs, in folders of its own: Python 3.11 or later is all that a machine must have.
# The few that need Debian's packages name them, and install them with INSTALL=1: make faults INSTALL=1
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORACLE := .venv-oracle
ORACLE_KERAS_2 := .venv-oracle-keras-2
BLUEPRINTS := .venv-blueprints
UPGRADE := .venv-upgrade
LIBRARIES := .venv-libraries
BENCH := .venv-bench
PINS := tools/pins
INSTALL_PINS = @$(BIN)/pip install --quiet --require-hashes --requirement $(PINS)/build.txt --requirement
INSTALL_SELF = @$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
# The pins' versions without their hashes, for packages that have none beside them
VERSIONS = sed -n 's/^\([[:alnum:]._-]*==[^ ;]*\).*/\1/p' $(PINS)/dev.txt > $(@D)/versions.txt

.PHONY: run test check lint format openapi release oracle oracle-keras-2 clients image image-test pins sbom audit faults attacks gateway manifests browser fuzz hostile cost unique soak bench blueprints blueprints-check upgrade upgrade-diffusers upgrade-oracle architectures architectures-check libraries-check clean

run: $(VENV)/.run  ## serve on http://127.0.0.1:8000
	@$(BIN)/paramcount serve

test: $(VENV)/.dev  ## all tests, on all cores
	$(BIN)/pytest

check: lint test  ## everything that a change must pass

lint: $(VENV)/.dev  ## format, lint, types, import contracts, words, the contract's snapshot
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.snapshot --check
	$(BIN)/python -m tools.compatibility
	$(BIN)/python -m tools.words

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.dev  ## renew openapi.yaml
	$(BIN)/python -m tools.snapshot

release: openapi  ## make the contract that is served now the one that later ones are held against
	$(BIN)/python -m tools.compatibility --release

oracle: $(ORACLE)/.done  ## replay every case on the real frameworks
	$(ORACLE)/bin/python -m tools.oracle

oracle-keras-2: $(ORACLE_KERAS_2)/.done  ## compare small models of tf.keras 2.15, with Python 3.11
	TF_CPP_MIN_LOG_LEVEL=3 $(ORACLE_KERAS_2)/bin/python -m tools.oracle.keras_2

fuzz: $(ORACLE)/.done  ## ten minutes of bytes that no reader has seen before
	$(ORACLE)/bin/pip install --quiet --constraint $(ORACLE)/versions.txt atheris
	$(ORACLE)/bin/python -m tools.fuzz --seconds 600

hostile: $(VENV)/.dev  ## a live service: whatever the contract allows and forbids, and hostile requests by seed
	$(BIN)/python -m tools.fuzz.contract --seed $${SEED:-0}

cost: $(VENV)/.dev  ## two minutes of search for requests that cost much for each byte; SECONDS_OF_COST=3600 for an hour
	$(BIN)/python -m tools.fuzz.cost --seconds $${SECONDS_OF_COST:-120} --seed $${SEED:-1}

unique: $(VENV)/.dev  ## ten minutes of good requests that never repeat: no worker above 80 MB
	$(BIN)/python -m tools.fuzz.soak --unique --seconds $${SECONDS_OF_SOAK:-600}

soak: $(VENV)/.dev  ## ten minutes of good and hostile requests: no worker may grow
	$(BIN)/python -m tools.fuzz.soak

clients: $(VENV)/.dev  ## lint the contract; generate clients of it, compile them, count with them
	$(BIN)/python -m tools.clients

image: $(VENV)/.dev  ## build the container image, without a daemon
	$(BIN)/python -m tools.image build

image-test: $(VENV)/.dev  ## build it, and try what it claims
	$(BIN)/python -m tools.image test

pins: $(VENV)/.dev  ## renew the pins: what pyproject.toml asks for, with the hash of every file
	$(BIN)/python -m tools.supply pins

sbom: $(VENV)/.dev  ## write the bill of materials of the image, as CycloneDX
	$(BIN)/python -m tools.supply sbom

audit: $(VENV)/.dev  ## look for known vulnerabilities of the pins
	$(BIN)/python -m tools.supply audit

manifests: $(VENV)/.dev  ## check k8s/ by schema, by checkov and by value; try the alerts
	$(BIN)/python -m tools.manifests

faults: $(VENV)/.dev  ## load while instances restart and workers die
	$(BIN)/python -m tools.faults

attacks: $(VENV)/.dev  ## ten minutes of attacks, good requests and restarts; SECONDS=60 for less
	$(BIN)/python -m tools.attacks --seconds $(or $(SECONDS),600)

gateway: $(VENV)/.dev  ## try the example configurations with real nginx and Traefik
	$(BIN)/python -m tools.gateway

browser: $(VENV)/.dev  ## try the page in Chromium, with axe-core
	$(BIN)/python -m tools.browser

blueprints: $(BLUEPRINTS)/.done  ## compile what changed of transformers' classes, and print how the data changed
	$(BLUEPRINTS)/bin/python -m tools.blueprints

blueprints-check: $(BLUEPRINTS)/.done  ## hold two dozen shipped blueprints against transformers, on configs never seen before
	$(BLUEPRINTS)/bin/python -m tools.blueprints --check --seconds 5 --seed $${SEED:-$$(date +%Y%m%d)}

upgrade: LIBRARY := transformers
upgrade: $(UPGRADE)/newest  ## hold what ships against the newest transformers, compile what differs, and say what changed
	$(UPGRADE)/bin/python -m tools.blueprints.upgrade $(UPGRADE_OPTIONS)

upgrade-diffusers: LIBRARY := diffusers
upgrade-diffusers: $(UPGRADE)/newest  ## the same of diffusers
	BLUEPRINTS_LIBRARY=diffusers $(UPGRADE)/bin/python -m tools.blueprints.upgrade $(UPGRADE_OPTIONS)

upgrade-oracle: LIBRARY := transformers
upgrade-oracle: $(UPGRADE)/newest  ## replay every case on the newest frameworks: where all agree, raise the oracle's pins
	@sed 's/==[^ ;]*//' tools/oracle/requirements.txt | grep -v '^transformers' > $(UPGRADE)/oracle.txt
	@$(UPGRADE)/bin/pip install --quiet --upgrade --constraint $(UPGRADE)/versions.txt --requirement $(UPGRADE)/oracle.txt
	$(UPGRADE)/bin/python -m tools.oracle

architectures: $(ORACLE)/.done  ## build every model of keras, timm and torchvision (an hour), write the tables
	$(ORACLE)/bin/python -m tools.architectures keras
	$(ORACLE)/bin/python -m tools.architectures torchvision
	$(ORACLE)/bin/python -m tools.architectures timm

architectures-check: $(ORACLE)/.done  ## hold some models of the tables against keras, timm and torchvision
	$(ORACLE)/bin/python -m tools.architectures keras --check 6 --seed $${SEED:-1}
	$(ORACLE)/bin/python -m tools.architectures torchvision --check 24 --seed $${SEED:-1}
	$(ORACLE)/bin/python -m tools.architectures timm --check 24 --seed $${SEED:-1}

libraries-check: $(LIBRARIES)/.done  ## hold random configs against diffusers, open_clip and sentence-transformers
	$(LIBRARIES)/bin/python -m tools.libraries.diffusers_models $${SEED:-1}
	$(LIBRARIES)/bin/python -m tools.libraries.diffusers_pipelines $${SEED:-1}
	$(LIBRARIES)/bin/python -m tools.libraries.open_clip_models $${SEED:-1}
	$(LIBRARIES)/bin/python -m tools.libraries.sentence_modules $${SEED:-1}

bench: $(BENCH)/.done  ## measure against the floor and the peers, and renew docs/performance.md
	$(BENCH)/bin/python -m benchmarks

clean:
	rm -rf $(VENV) $(ORACLE) $(ORACLE_KERAS_2) $(BLUEPRINTS) $(UPGRADE) $(LIBRARIES) $(BENCH) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml $(PINS)/build.txt $(PINS)/run.txt | $(BIN)/python
	@echo "Installing Paramcount into $(VENV) (once, about a minute) ..."
	$(INSTALL_PINS) $(PINS)/run.txt
	$(INSTALL_SELF)
	@touch $@

$(VENV)/.dev: pyproject.toml $(PINS)/build.txt $(PINS)/dev.txt | $(BIN)/python
	@echo "Installing Paramcount and the tools of its development into $(VENV) (once, some minutes) ..."
	$(INSTALL_PINS) $(PINS)/dev.txt
	$(INSTALL_SELF)
	@touch $@ $(VENV)/.run

$(ORACLE)/.done: pyproject.toml tools/oracle/requirements.txt
	$(PYTHON) -m venv $(ORACLE)
	@$(VERSIONS)
	$(ORACLE)/bin/pip install --quiet torch==2.13.0
	$(ORACLE)/bin/pip install --quiet --constraint $(ORACLE)/versions.txt --requirement tools/oracle/requirements.txt --editable .
	$(ORACLE)/bin/pip install --quiet --no-deps torchvision==0.28.0 timm==1.0.31  # their needs would bring another torch
	@touch $@

$(LIBRARIES)/.done: pyproject.toml tools/libraries/requirements.txt
	$(PYTHON) -m venv $(LIBRARIES)
	@$(VERSIONS)
	$(LIBRARIES)/bin/pip install --quiet torch==2.13.0
	$(LIBRARIES)/bin/pip install --quiet --constraint $(LIBRARIES)/versions.txt --requirement tools/libraries/requirements.txt --editable .
	@touch $@

$(ORACLE_KERAS_2)/.done: pyproject.toml tools/oracle/keras_2_requirements.txt
	$(PYTHON) -m venv $(ORACLE_KERAS_2)
	$(ORACLE_KERAS_2)/bin/pip install --quiet --requirement tools/oracle/keras_2_requirements.txt --editable .
	@touch $@

$(BLUEPRINTS)/.done: tools/blueprints/requirements.txt
	$(PYTHON) -m venv $(BLUEPRINTS)
	@$(VERSIONS)
	$(BLUEPRINTS)/bin/pip install --quiet torch==2.13.0
	$(BLUEPRINTS)/bin/pip install --quiet --constraint $(BLUEPRINTS)/versions.txt --requirement tools/blueprints/requirements.txt --editable .
	$(BLUEPRINTS)/bin/pip install --quiet --no-deps torchvision==0.28.0 timm==1.0.31
	@touch $@

$(UPGRADE)/bin/python:
	$(PYTHON) -m venv $(UPGRADE)

# The newest releases that pip may install, each time; RELEASE=5.23.0 takes that one of the library to upgrade
NEWEST := torch torchvision timm diffusers transformers
.PHONY: $(UPGRADE)/newest
$(UPGRADE)/newest: | $(UPGRADE)/bin/python
	@$(VERSIONS)
	@echo "Installing the newest releases into $(UPGRADE) (some gigabytes at first) ..."
	@$(UPGRADE)/bin/pip install --quiet --upgrade $(if $(RELEASE),$(NEWEST:$(LIBRARY)=$(LIBRARY)==$(RELEASE)),$(NEWEST))
	@sed 's/==.*//' tools/blueprints/requirements.txt | grep -v '^transformers' > $(UPGRADE)/newest.txt
	@$(UPGRADE)/bin/pip install --quiet --constraint $(UPGRADE)/versions.txt --requirement $(UPGRADE)/newest.txt --editable .

$(BENCH)/.done: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	@$(VERSIONS)
	$(BENCH)/bin/pip install --quiet torch==2.13.0
	$(BENCH)/bin/pip install --quiet --constraint $(BENCH)/versions.txt --requirement benchmarks/requirements.txt --editable .
	@touch $@
