# make serve   the predictor on its embedded model
# make test    the tests      make check   ruff, mypy, import-linter
# make nightly the long tests
#
# make lint-manifests   every fault of manifests/, by file, field, value and rule
# make scan-manifests   checkov on the pods that become of them
#
# make loadtest-demo   the load tester on the embedded model; reports in $(DEMO)
# make selfcheck       the load tester measured by itself
# make loadtest-capacity   its speed beside locust, guidellm and vLLM's client, which it installs
#
# make canary-demo     real rollouts on this machine, good and bad; reports in $(CANARY_DEMO)
# make canary-power    how often and how soon the judge is right, beside the rules of others
# make soak            1,000 rollouts killed and 1,000 with faults, each judged by its end
#
# make bench-engine    the engine beside transformers, and vLLM where that is installed
# make bench-host      the host's time in a step      make bench-products   weights by their form
#
# make image   the container image, by $(BUILD_IMAGE)      make sbom   its bill of materials
# make image-test   builds and runs it, by buildah and podman, as root
# make locks   what it is installed from, resolved anew
#
# TORCH_INDEX is a package index for torch alone, such as PyTorch's CPU index; empty: pip's own.

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
DEMO ?= loadtest-demo
CANARY_DEMO ?= canary-demo
BENCH ?=
INSTALLED := $(VENV)/installed
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
# checkov pins a hundred packages of its own.
SCAN := .venv-scan
RIVALS := $(addprefix .venv-rivals/,locust guidellm vllm)
LOCK := $(VENV)/bin/uv pip compile --quiet --no-annotate --generate-hashes --python-version 3.11 \
	--python-platform x86_64-manylinux_2_28 --custom-compile-command 'make locks' \
	--constraints constraints.txt

BUILD_IMAGE ?= docker build
IMAGE_FLAGS ?=
# Where torch's CPU wheel is, which PyPI lacks.
TORCH_LINKS ?= https://download.pytorch.org/whl/cpu/torch/

.PHONY: serve bench-engine bench-host bench-products loadtest-demo selfcheck loadtest-capacity canary-power canary-demo soak test nightly check lint-manifests scan-manifests image image-test sbom locks format clean

serve: $(INSTALLED)
	@$(VENV)/bin/r1-predictor --model-dir demo

loadtest-demo: $(INSTALLED)
	$(VENV)/bin/python -m loadtest.demo $(DEMO)

selfcheck: $(INSTALLED)
	$(VENV)/bin/r1-loadtest selfcheck

loadtest-capacity: $(INSTALLED) $(RIVALS:=/installed)
	$(VENV)/bin/python -m tests.loadtest.capacity

bench-engine: $(INSTALLED)
	$(VENV)/bin/python -m tests.predictor.bench $(BENCH)

bench-host bench-products: bench-%: $(INSTALLED)
	$(VENV)/bin/python -m tests.predictor.bench.$*

canary-power: $(INSTALLED)
	$(VENV)/bin/python -m tests.canary.power

canary-demo: $(INSTALLED)
	$(VENV)/bin/python -m tests.canary.demo $(CANARY_DEMO)

soak: $(INSTALLED)
	$(VENV)/bin/python -m tests.canary.soak --kills 1000 --faults 1000

test: $(INSTALLED)
	$(VENV)/bin/pytest

nightly: $(INSTALLED)
	$(VENV)/bin/pytest -m nightly

check: $(INSTALLED)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

lint-manifests: $(INSTALLED)
	$(VENV)/bin/python -m manifests.lint

scan-manifests: $(INSTALLED) $(SCAN)/installed
	$(VENV)/bin/pytest -m scan tests/manifests/scan

image:
	$(BUILD_IMAGE) --file predictor/Dockerfile --tag ghcr.io/kserve-r1/predictor \
		--build-arg VERSION=$$(sed -n 's/^version = //p' setup.cfg) \
		--build-arg REVISION=$$(git rev-parse HEAD) \
		--build-arg CREATED=$$(git show -s --format=%cI) $(IMAGE_FLAGS) .

image-test: $(INSTALLED)
	$(VENV)/bin/pytest -m image tests/image

sbom:
	$(BUILD_IMAGE) --file predictor/Dockerfile --target sbom --output type=local,dest=. $(IMAGE_FLAGS) .

locks: $(INSTALLED)
	$(LOCK) setup.cfg --excludes predictor/image/excluded.txt --output-file predictor/image/gpu.txt
	$(LOCK) setup.cfg --excludes predictor/image/excluded.txt --find-links $(TORCH_LINKS) \
		--output-file predictor/image/cpu.txt
	printf 'pip\nsetuptools\n' | $(LOCK) - --output-file predictor/image/build.txt
	echo cyclonedx-bom | $(LOCK) - --output-file predictor/image/sbom.txt
	$(VENV)/bin/python -c 'import configparser; setup = configparser.ConfigParser(); \
		setup.read("setup.cfg"); extras = setup["options.extras_require"]; \
		print(extras["canary"], extras["loadtest"])' \
		| $(LOCK) - --excludes predictor/image/excluded-tools.txt \
			--output-file predictor/image/tools.txt

format: $(INSTALLED)
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) install --quiet --no-deps --constraint constraints.txt --index-url $(TORCH_INDEX) torch)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(SCAN)/installed: tests/manifests/scan/requirements.txt
	$(PYTHON) -m venv $(SCAN)
	$(SCAN)/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	touch $@

.venv-rivals/%/installed: tests/loadtest/capacity/requirements/%.txt
	$(PYTHON) -m venv $(@D)
	$(if $(TORCH_INDEX),grep '^torch==' $< | xargs --no-run-if-empty $(@D)/bin/python -m pip \
		--disable-pip-version-check install --quiet --no-deps --index-url $(TORCH_INDEX))
	$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement $<
	touch $@

clean:
	rm -rf $(VENV) $(SCAN) .venv-rivals
