# make demo: one video of a real person, from nothing.   make test: everything that must hold.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: env demo test check fix docs clean

INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

env: $(VENV)/.ready ## the environment to work in, made again when pyproject.toml or constraints.txt change

$(VENV)/.ready: $(VENV)/.usable
	$(INSTALL) -e '.[dev]'
	$(INSTALL) --no-deps 'insightface>=2'
	touch $@

# What users need, and no more: the demo installs no torch.
$(VENV)/.usable: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

demo: $(VENV)/.usable ## a video of the person in examples/astronaut.jpg, with its scores
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
