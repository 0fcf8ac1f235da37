.PHONY: demo test setup
.DEFAULT_GOAL := demo

demo: ## from a bare machine to a film of a turning heart
	@scripts/demo.sh

test: ## from a bare machine through lint, types and the whole test suite
	@scripts/test.sh

setup: ## only make .venv and fetch the model, for developers
	@scripts/setup.sh --dev
