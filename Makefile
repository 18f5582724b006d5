# Each target makes or reuses .venv by itself; PYTHON chooses the interpreter that it starts from.
PYTHON ?= python3
BIN := .venv/bin
QUICK := runs/quickstart
MPLBACKEND := Agg
export MPLBACKEND
# What an installation is made of, beside the Python sources, which it reads where they lie; the native library is built by it.
INSTALLED := pyproject.toml kernels/CMakeLists.txt $(wildcard kernels/native/*)

.PHONY: quickstart results api card test lint onnx test-onnx

quickstart: .venv/installed-train $(QUICK)/tracks/.complete
	$(BIN)/python scripts/train_progressive.py --stage all --preset quick --workdir $(QUICK) \
		--config.data.root=$(QUICK)/tracks --config.data.tfds_dir=$(QUICK)/tfds
	$(BIN)/python scripts/evaluate.py --checkpoint $(QUICK)/best --data-root $(QUICK)/tracks \
		--split val --tfds-dir $(QUICK)/tfds --out $(QUICK)

$(QUICK)/tracks/.complete: .venv/installed-train
	$(BIN)/python scripts/make_tracks.py --out $(QUICK)/tracks --tracks 500 --seed 1 --scenario-b 0 --overwrite
	touch $@

results: .venv/installed-train
	$(BIN)/lpasrn results --out docs/results.md

api: .venv/installed-test
	$(BIN)/python docs/api_reference.py docs/api.md

# The table of MODEL_CARD.md, from the cards of the bundled weights.
card:
	$(PYTHON) docs/model_card.py

# The environment in which `lpasrn export --out reader.onnx` works.
onnx: .venv-onnx/installed

.venv-onnx/installed: $(INSTALLED)
	test -x .venv-onnx/bin/python || $(PYTHON) -m venv .venv-onnx
	.venv-onnx/bin/python -m pip install --quiet --editable '.[onnx]'
	touch $@

# The tests of the ONNX export, which are skipped where jax2onnx is not installed.
test-onnx: .venv-onnx/installed
	.venv-onnx/bin/python -m pip install --quiet pytest
	.venv-onnx/bin/python -m pytest tests/weights/test_onnx_export.py tests/weights/test_bench_onnx.py

test: .venv/installed-test lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/installed-train: $(INSTALLED)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[train]'
	touch $@

.venv/installed-test: $(INSTALLED) .ci/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[train,serve,parity,dev]' --constraint .ci/constraints.txt
	touch $@ .venv/installed-train
