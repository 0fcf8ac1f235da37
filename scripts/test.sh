#!/usr/bin/env bash
# Sets up what is missing, then runs every check: lint, format, types, the whole test suite.
# All of them run even when an earlier one fails; the exit code is 0 only if all are content.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --dev

failed=""
check() {
  printf '\n==> %s\n' "$*" >&2
  ".venv/bin/$1" "${@:2}" || failed="$failed $1"
}
check ruff check .
check ruff format --check .
check mypy
# Two processes, a file each: one waits for the sandbox while the other computes.
check pytest -n 2 --dist loadfile --durations=10
if [ -n "$failed" ]; then
  echo "not content:$failed" >&2
  exit 1
fi
