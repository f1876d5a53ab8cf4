# HashCart. `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help start reset test coverage lint checkov format e2e oscar-test sam-local fuzz cold-start page-weight lock

BIN := .venv/bin
INSTALLED := .venv/installed
OSCAR := .venv/oscar
OSCAR_INSTALLED := $(OSCAR)/installed
CHECKOV := .venv/checkov
CHECKOV_INSTALLED := $(CHECKOV)/installed
NPM := $(shell command -v npm 2>/dev/null)
AXE := $(if $(NPM),tests/end_to_end/node_modules/axe-core/axe.min.js)
# The store that posts link to: the demo store, or `make start STORE=oscar` for a real django-oscar shop.
STORE ?= demo
export HASHCART_STORE := $(STORE)
SHOP_INSTALLED := $(if $(filter oscar,$(STORE)),$(OSCAR_INSTALLED))
END_TO_END_demo := tests/end_to_end --ignore tests/end_to_end/test_oscar.py
END_TO_END_oscar := tests/end_to_end/test_oscar.py
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export SAM_CLI_TELEMETRY := 0

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

start: $(INSTALLED) $(SHOP_INSTALLED) ## Run the whole of HashCart on this machine, and print the address to open
	@$(BIN)/python -m local.stack start

reset: $(INSTALLED) ## Forget the carts, posts and deployment of `make start`
	@$(BIN)/python -m local.stack reset

test: $(INSTALLED) ## Unit, functional and template tests with coverage, offline
	@COVERAGE_CORE=sysmon $(BIN)/pytest --numprocesses auto --dist worksteal --cov --cov-report term

coverage: $(INSTALLED) ## The same tests with more examples, and the coverage of branches
	@HYPOTHESIS_PROFILE=usual $(BIN)/pytest --numprocesses auto --dist worksteal --cov --cov-branch --cov-report term

lint: $(INSTALLED) ## Style, types, import rules and the template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=layers/hashcart $(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	$(BIN)/sam validate --lint --region us-east-1

checkov: $(INSTALLED) $(CHECKOV_INSTALLED) ## cfn-lint and checkov on the template with every option on
	@$(BIN)/python -m tests.template.deploying > $(CHECKOV)/template.json
	@$(BIN)/cfn-lint --ignore-checks W2001 W8001 -- $(CHECKOV)/template.json
	@$(CHECKOV)/bin/checkov --config-file lint/checkov/config.yaml --file $(CHECKOV)/template.json

format: $(INSTALLED) ## Let ruff mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

e2e: $(INSTALLED) $(AXE) $(SHOP_INSTALLED) ## End-to-end tests, on a stack of their own; also with STORE=oscar
	@$(BIN)/python -m local.stack exec $(BIN)/pytest $(END_TO_END_$(STORE))

sam-local: $(INSTALLED) ## The good event of each function through `sam local invoke` (needs a Docker engine)
	@$(BIN)/python -m local.stack sam-local

FUZZ_PATH := layers/hashcart:functions/cart_page:functions/account_linking:.
# FUZZ_SECONDS bounds each target, KEEP=1 takes what is new into the corpus, TARGETS chooses among intake, parser, links, pages.
fuzz: $(INSTALLED) ## Look for inputs that break intake, parser, links or pages: [FUZZ_SECONDS=600] [TARGETS=links] [KEEP=1]
	@$(BIN)/python -c 'import atheris' 2>/dev/null || { echo '✗ atheris has wheels for Linux on x86_64 only.' >&2; exit 1; }
	@PYTHONPATH=$(FUZZ_PATH) $(BIN)/python -m tests.fuzz $(or $(FUZZ_SECONDS),60) $(TARGETS) $(if $(KEEP),--keep)

cold-start: $(INSTALLED) ## How long each function takes to load, beside boto3's own time
	@$(BIN)/python -m local.stack build
	@$(BIN)/python benchmarks/cold_start.py

.PHONY: bench
# Tables and plots go to .local/benchmarks; BENCH="bill viral_post" runs some, BENCH=--quick only proves that all run.
bench: $(INSTALLED) ## Cold starts, AWS calls and bill, throughput, a viral post: beside their targets [BENCH=bill]
	@$(BIN)/python -m local.stack build
	@PYTHONPATH=layers/hashcart:.$(subst $() ,,$(patsubst %/,:%,$(wildcard functions/*/))) $(BIN)/python -m benchmarks $(BENCH)

.PHONY: store-check
# STACK=… (if given) names a deployed stack, CONFIG_ENV=prod a section of samconfig.toml, SECRET=file.json credentials that
# are not deployed, CUSTOMER=… a cart.
store-check: $(INSTALLED) ## Whether your store works: PRODUCT=https://… [STACK=…] [PARAMETERS="Store=shopify …"]
	@PYTHONPATH=layers/hashcart $(BIN)/python -m local.store_check "$(PRODUCT)" $(PARAMETERS) \
		$(if $(filter-out file undefined,$(origin STACK)),--stack "$(STACK)" $(if $(REGION),--region "$(REGION)")) \
		$(if $(CONFIG_ENV),--config-env "$(CONFIG_ENV)") $(if $(SECRET),--secret "$(SECRET)") $(if $(CUSTOMER),--customer "$(CUSTOMER)")

.PHONY: x-setup x-status x-teardown
# STACK is the deployed stack's name, REGION its region, REDIRECT the redirect URI of the bot's sign-in if it is another.
STACK ?= hashcart
X_OPERATIONS = @PYTHONPATH=layers/hashcart $(BIN)/python -m local.x_operations
X_OPTIONS = --stack "$(STACK)" $(if $(REGION),--region "$(REGION)") $(if $(REDIRECT),--redirect "$(REDIRECT)")
x-setup: $(INSTALLED) ## Register the webhook at X, sign the bot in, subscribe its mentions: STACK=hashcart [REGION=…]
	$(X_OPERATIONS) setup $(X_OPTIONS)

x-status: $(INSTALLED) ## What a deployment has at X: webhook, subscriptions, sign-in, last event, sweeps, spending, limits
	$(X_OPERATIONS) status $(X_OPTIONS)

x-teardown: $(INSTALLED) ## End the subscriptions and the webhook at X (secrets and tokens stay) [WEBHOOK=id of another]
	$(X_OPERATIONS) teardown $(X_OPTIONS) $(if $(WEBHOOK),--webhook "$(WEBHOOK)")

.PHONY: alarms queues logs redrive discard look-up pause-source resume-source rotate-secret back-up restore
# STACK=local is the stack of `make start`. docs/operating.md explains each command and each of its options.
OPERATE = @PYTHONPATH=layers/hashcart $(BIN)/python -m local.operations
IN_STACK = --stack "$(STACK)" $(if $(REGION),--region "$(REGION)")
alarms: $(INSTALLED) ## Which alarms ring, and where the runbook has their entries
	$(OPERATE) alarms $(IN_STACK)

queues: $(INSTALLED) ## What waits in the queues and dead-letter queues, and whether their functions read them
	$(OPERATE) queues $(IN_STACK)

logs: $(INSTALLED) ## What a log says, counted: LOG=cart_insertion|http_api|… [SINCE=1h] [LEVEL=INFO]
	$(OPERATE) logs $(IN_STACK) --log "$(LOG)" $(if $(SINCE),--since "$(SINCE)") $(if $(LEVEL),--level "$(LEVEL)")

redrive: $(INSTALLED) ## Send back what failed: QUEUE=posts|cart-requests|outcomes|email-feedback [REASON=…] [DRY_RUN=no]
	$(OPERATE) redrive $(IN_STACK) --queue "$(QUEUE)" $(if $(REASON),--reason "$(REASON)") \
		$(if $(DRY_RUN),--dry-run "$(DRY_RUN)") $(if $(FORCE),--force "$(FORCE)") $(if $(RATE),--rate "$(RATE)")

discard: $(INSTALLED) ## Remove dead letters that nothing will ever take: QUEUE=posts|… REASON=malformed [DRY_RUN=no]
	$(OPERATE) discard $(IN_STACK) --queue "$(QUEUE)" --reason "$(REASON)" $(if $(DRY_RUN),--dry-run "$(DRY_RUN)")

look-up: $(INSTALLED) ## The way of a post, and what to do: POST=<id> [AUTHOR=<id>] [DAYS=3]
	$(OPERATE) look-up $(IN_STACK) --post "$(POST)" $(if $(AUTHOR),--author "$(AUTHOR)") $(if $(DAYS),--days "$(DAYS)")

pause-source: $(INSTALLED) ## Stop a source for a while: SOURCE=replies|outcomes|webhook|cart-requests|mentions|search [FOR=12h]
	$(OPERATE) pause-source $(IN_STACK) --source "$(SOURCE)" $(if $(FOR),--for "$(FOR)")

resume-source: $(INSTALLED) ## Let a source go on where it stopped: SOURCE=…
	$(OPERATE) resume-source $(IN_STACK) --source "$(SOURCE)"

.PHONY: fill-secrets
fill-secrets: $(INSTALLED) ## Ask for the keys that the secrets of a new stack still lack
	$(OPERATE) fill-secrets $(IN_STACK)

rotate-secret: $(INSTALLED) ## New value for SECRET=webhook|pages|app|bot-client|login-client|store-api|store-sign-in [STEP=finish]
	$(OPERATE) rotate-secret $(IN_STACK) --secret "$(SECRET)" $(if $(STEP),--step "$(STEP)") \
		$(if $(FIELD),--field "$(FIELD)") $(if $(FORCE),--force "$(FORCE)")

back-up: $(INSTALLED) ## Make a backup of the tables that `make restore` brings back: NAME=before-the-migration
	$(OPERATE) back-up $(IN_STACK) --name "$(NAME)"

restore: $(INSTALLED) ## Bring back what tables have lost, but nobody who has left: AT=2026-11-24T17:00:00Z|latest, or BACKUP=… [DRY_RUN=no]
	$(OPERATE) restore $(IN_STACK) $(if $(AT),--at "$(AT)") $(if $(BACKUP),--backup "$(BACKUP)") \
		$(if $(TABLES),--tables "$(TABLES)") $(if $(DRY_RUN),--dry-run "$(DRY_RUN)") $(if $(ERASURES_ONLY),--erasures-only "$(ERASURES_ONLY)")

.PHONY: load
REPLIES ?= 10000
FAULTS ?= all
load: $(INSTALLED) ## Replies while everything fails, on a stack of its own, and a ledger of them: [REPLIES=10000] [FAULTS=all]
	@$(BIN)/python -m local.stack exec $(BIN)/python -m benchmarks.load --replies $(REPLIES) --faults $(FAULTS)

oscar-test: $(INSTALLED) $(OSCAR_INSTALLED) ## Tests of the app that a django-oscar shop installs for HashCart
	@cd local/oscar_shop && OSCAR_SHOP_STATE=$$(mktemp -d) $(CURDIR)/$(OSCAR)/bin/python -W ignore -m django test --settings shop.settings

page-weight: $(INSTALLED) ## How heavy the pages are, and how soon they come (while `make start` runs)
	@PYTHONPATH=layers/hashcart:. $(BIN)/python benchmarks/pages.py

.PHONY: configuration
configuration: $(INSTALLED) ## Make the tables of docs/configuration.md from template.yaml
	@$(BIN)/python -m local.configuration_reference

lock: $(INSTALLED) ## Pin all dependencies anew (LOCK_OPTIONS=--upgrade takes newer ones)
	$(BIN)/uv pip compile pyproject.toml --group dev --python-version 3.13 --universal --generate-hashes \
		--no-header --quiet $(LOCK_OPTIONS) --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group lambda --constraints requirements.lock --python-version 3.13 \
		--no-header --no-annotate --quiet --upgrade --output-file layers/base/requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group sign-in --constraints requirements.lock --python-version 3.13 \
		--no-header --no-annotate --quiet --upgrade --output-file layers/sign_in/requirements.txt
	$(BIN)/uv pip compile local/oscar_shop/requirements.in --python-version 3.13 --universal --generate-hashes \
		--no-header --quiet $(LOCK_OPTIONS) --output-file local/oscar_shop/requirements.lock
	$(BIN)/uv pip compile lint/checkov/requirements.in --python-version 3.13 --universal --generate-hashes \
		--no-header --quiet $(LOCK_OPTIONS) --output-file lint/checkov/requirements.lock

# The pages' tests run axe-core in the browser; they are skipped on a machine without npm.
tests/end_to_end/node_modules/axe-core/axe.min.js: tests/end_to_end/package-lock.json
	@$(NPM) ci --prefix tests/end_to_end --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# uv comes first, by pip and with its hashes; it installs the rest. The functions run in an environment that holds only
# what Lambda's runtime brings, so that a package missing from a layer is missed here too.
$(INSTALLED): requirements.lock
	@python=$$(for name in python3.13 python3 python; do \
		"$$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1 && echo "$$name" && break; done); \
	if [ -z "$$python" ]; then \
		printf '%s\n' '✗ HashCart needs Python 3.13, and there is none on PATH.' \
			'  Debian 13:  apt install python3 python3-venv' \
			'  pyenv:      pyenv install 3.13      (.python-version in this directory chooses it)' \
			'  uv:         uv python install 3.13  (then put it on PATH)' >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
		printf '%s\n' "✗ $$python has no venv module." '  Debian:  apt install python3-venv' >&2; exit 1; fi; \
	echo 'Installing into .venv (a minute or two, once) …'; \
	"$$python" -m venv .venv
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement .venv/uv.lock || { \
		printf '%s\n' '✗ The packages could not be fetched: the first installation needs the network, then `make test` does not.' \
			'  Behind a mirror or proxy: PIP_INDEX_URL and UV_INDEX_URL, or HTTPS_PROXY. Then run the same command again.' >&2; exit 1; }
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/lambda-runtime
	@$(BIN)/uv pip install --quiet --python .venv/lambda-runtime/bin/python --constraints requirements.lock boto3
	@touch $(INSTALLED)

# A real shop, with Django and its packages in an environment of their own.
$(OSCAR_INSTALLED): local/oscar_shop/requirements.lock $(INSTALLED)
	@echo 'Installing the Oscar shop into $(OSCAR) (once) …'
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(OSCAR)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(OSCAR)/bin/python local/oscar_shop/requirements.lock
	@touch $(OSCAR_INSTALLED)

$(CHECKOV_INSTALLED): lint/checkov/requirements.lock $(INSTALLED)
	@echo 'Installing checkov into $(CHECKOV) (once) …'
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(CHECKOV)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(CHECKOV)/bin/python lint/checkov/requirements.lock
	@touch $(CHECKOV_INSTALLED)
