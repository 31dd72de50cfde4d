# make demo: one video of a real person, from nothing.   make test: everything that must hold.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: env demo test check conformance fix docs bundle node clean

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

# Tests start hundreds of processes, which compiled code serves; neighbours on one worker share what they start.
test: check node ## the whole suite
	PYTHONDONTWRITEBYTECODE= HF_HUB_OFFLINE=1 $(BIN)/pytest -n 2 --dist worksteal

conformance: env node ## the MCP server held against the official suite, the Inspector and the SDK's client, as a table
	$(BIN)/pytest tests/peers tests/serving/test_eras.py

# Without npm the tests that need these packages are skipped, each with its reason; in CI that fails.
node: ## the npm packages that tests run
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(addsuffix /node_modules,tests/peers bundle frontend); \
	else echo "npm is not installed: the tests that need its packages are skipped"; fi

%/node_modules: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

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

DIST    := dist
BUNDLE   = $(DIST)/bundle
# The project's own sources lie under steadface/ in the bundle, as a source distribution has them.
SOURCES := agent tools prompts server.py pyproject.toml README.md LICENSE CHANGELOG.md

bundle: bundle/node_modules ## dist/steadface.mcpb, which Claude Desktop installs by itself
	rm -rf $(BUNDLE)
	mkdir -p $(BUNDLE)/steadface
	cp bundle/manifest.json bundle/icon.png bundle/main.py bundle/pyproject.toml LICENSE $(BUNDLE)
	tar --exclude __pycache__ -cf - $(SOURCES) | tar -xf - -C $(BUNDLE)/steadface
	bundle/node_modules/.bin/mcpb pack $(BUNDLE) $(DIST)/steadface.mcpb

clean:
	rm -rf $(VENV) demo
