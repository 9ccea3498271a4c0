# Thin names for what ./eyeline does; `make` alone lists them.
LOCK := .cache/eyeline/lock
# The lock has markers for versions of Python alone: one version of a package serves every platform.
# PyTorch pins its CUDA packages itself.

.PHONY: help demo test lint bench lock docs clean
help:   ## list the targets
	@sed -n 's/^\([a-z]*\): *## /\1\t/p' Makefile
demo:   ## install, then serve the page at http://localhost:7860
	./eyeline demo
test:   ## install, then run every test
	./eyeline test
lint:   ## formatting, lint, types, import rules and documents
	./eyeline lint
bench:  ## install what the commands in docs/benchmarks.md need
	./eyeline install test,lint,bench
lock:   ## pin what pyproject.toml has new; UPGRADE=--upgrade chooses every version anew
	rm -rf $(LOCK)
	python3 -m venv $(LOCK)
	$(LOCK)/bin/pip install --quiet uv
	cp constraints.txt $(LOCK)/constraints.txt
	$(LOCK)/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	  $(UPGRADE) --upgrade-package torch==2.13.0 --no-header --no-annotate \
	  --extra test --extra lint --extra bench --extra train --extra cluster -o $(LOCK)/constraints.txt pyproject.toml
	sed -n '1p' constraints.txt >$(LOCK)/head
	sed -E -e 's/\+cpu//' -e '/^(#|$$)/d' -e '/^(nvidia|cuda|triton)/d' -e "/== '(emscripten|win32)'/d" \
	  -e '/python_full_version/!s/ ;.*//' $(LOCK)/constraints.txt | cat $(LOCK)/head - >constraints.txt
docs:   ## write docs/settings.md from the settings in web/config.py
	.venv/bin/python -m web.settings_page >docs/settings.md
clean:  ## remove the environment and every cache, weights included
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
