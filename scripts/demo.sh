#!/usr/bin/env bash
# Sets everything up, says one sentence to IntentOS, and tells where the film lies.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh

printf '\n==> intentos ask "帮我画一颗旋转的爱心" --yes --out demo\n' >&2
.venv/bin/intentos ask "帮我画一颗旋转的爱心" --yes --out demo
printf '\n'
find "$PWD/demo" -name '*.mp4' -o -name '*.gif'
