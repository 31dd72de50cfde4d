# make demo: one video of a real person, from nothing.   make test: everything that must hold.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: env demo test check fix docs clean

env: $(VENV)/.ready ## the environment, made once and again when pyproject.toml or constraints.txt change

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: env ## a video of the person in examples/astronaut.jpg, with its scores
	$(BIN)/steadface generate --reference examples/astronaut.jpg --consent licensed --out demo \
		--prompt "A woman, in an orange flight suit, walks across the launch pad at dawn, smiling as she looks up at the rocket."

test: check ## the whole suite
	HF_HUB_OFFLINE=1 $(BIN)/pytest -n 2

check: env ## style, types and the laws of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: env ## what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: env ## the pages that follow from the code
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) demo
