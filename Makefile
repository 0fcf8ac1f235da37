.PHONY: demo test setup thumbnails screenshots
.DEFAULT_GOAL := demo

demo: ## from a bare machine to a film of a turning heart
	@scripts/demo.sh

test: ## from a bare machine through lint, types and the whole test suite
	@scripts/test.sh

setup: ## only make .venv and fetch the model, for developers
	@scripts/setup.sh --dev

thumbnails: ## make those pictures of the library again that are no longer true; goes on where it was stopped
	@nice -n 19 .venv/bin/python scripts/thumbnails.py $(ARGS)

screenshots: ## make the pictures of the window in docs/images/window again; needs Chromium
	@PYTHONPATH=. .venv/bin/python scripts/screenshots.py $(ARGS)
