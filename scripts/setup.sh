#!/usr/bin/env bash
# Makes a working copy of IntentOS from a bare machine: system packages, .venv, language model.
#
#   scripts/setup.sh          what running needs
#   scripts/setup.sh --dev    and what the tests need (linters, pytest, a browser)
#
# On Debian and Ubuntu missing system packages are installed with apt (sudo if not root); elsewhere
# the script says what to install and ends with 4. Everything else stays in .venv and in the user's
# cache folder. Running it again is quick: what is there is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

dev=""
case "${1:-}" in
  "") ;;
  --dev) dev=yes ;;
  *) echo "usage: scripts/setup.sh [--dev]" >&2; exit 2 ;;
esac

need_kilobytes=5000000 # .venv 1.1, uv's cache 0.6, compiling 0.5, model 1.1 twice while it is joined

# ---- words ------------------------------------------------------------------------------------

case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in zh*) chinese=yes ;; *) chinese="" ;; esac

say() { # english, chinese
  if [ -n "$chinese" ]; then printf '\n==> %s\n' "$2" >&2; else printf '\n==> %s\n' "$1" >&2; fi
}

fail() { # english, chinese; 4 is the program's own code for "something needed is missing"
  if [ -n "$chinese" ]; then printf '\nERROR: %s\n' "$2" >&2; else printf '\nERROR: %s\n' "$1" >&2; fi
  exit 4
}

fetch_failed() { # what broke
  if [ "$(free_kilobytes .)" -lt 300000 ] || [ "$(free_kilobytes "$cache")" -lt 300000 ]; then
    fail "$1 failed: the disk is full. Free some space and run the same command again." \
         "$1 失败：磁盘已满。请腾出空间后再运行同一条命令。"
  fi
  fail "$1 failed (its own words are above). If the network is the reason: check the connection, a proxy (HTTPS_PROXY) or the network's own certificates (SSL_CERT_FILE, PIP_CERT), then run the same command again; what was fetched already is kept." \
       "$1 失败（原因见上）。如果是网络问题：请检查网络、代理（HTTPS_PROXY）或网络自己的证书（SSL_CERT_FILE、PIP_CERT），然后再运行同一条命令；已下载的内容会保留。"
}

free_kilobytes() { df -Pk "$1" | awk 'NR == 2 { print $4 }'; }

# ---- system packages --------------------------------------------------------------------------

find_python() { # the first Python that is new enough and can make a virtual environment
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

any() { [ -n "$(find -L "${@:2}" -maxdepth 4 -iname "$1" -print -quit 2>/dev/null)" ]; } # name, folders…

has() { # is this thing here?
  case "$1" in
    python) find_python >/dev/null ;;
    compiler) command -v c++ >/dev/null || command -v g++ >/dev/null ;;
    sandbox) command -v bwrap >/dev/null ;;
    vulkan) any '*.json' /usr/share/vulkan/icd.d /etc/vulkan/icd.d &&
      any libvulkan.so.1 /usr/lib /usr/lib64 ;;
    font) any '*cjk*' /usr/share/fonts /usr/local/share/fonts ;;
    certificates) [ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ] ;;
    engine) command -v dockerd >/dev/null ;;
    speaker) command -v flite >/dev/null ;;
    network) command -v ip >/dev/null ;;
    clock) any libfaketime.so.1 /usr/lib ;;
    browser) command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
      command -v google-chrome >/dev/null ;;
  esac
}

package() { # manager, thing
  case "$1:$2" in
    apt:python) echo python3 python3-venv ;;
    apt:compiler) echo g++ ;;
    apt:sandbox | dnf:sandbox | pacman:sandbox) echo bubblewrap ;;
    apt:vulkan) echo mesa-vulkan-drivers libvulkan1 ;;
    apt:font) echo fonts-noto-cjk ;;
    apt:engine) echo docker.io ;;
    apt:speaker) echo flite ;;
    apt:network) echo iproute2 ;;
    apt:clock) echo faketime ;;
    apt:browser) . /etc/os-release; if [ "$ID" = ubuntu ]; then echo chromium-browser; else echo chromium; fi ;;
    *:certificates) echo ca-certificates ;;
    dnf:python) echo python3.12 ;;
    dnf:compiler) echo gcc-c++ ;;
    dnf:vulkan) echo mesa-vulkan-drivers vulkan-loader ;;
    dnf:font) echo google-noto-sans-cjk-fonts ;;
    pacman:python | brew:python) echo python ;;
    pacman:compiler) echo gcc ;;
    pacman:vulkan) echo vulkan-swrast vulkan-icd-loader ;;
    pacman:font) echo noto-fonts-cjk ;;
    dnf:browser | pacman:browser | brew:browser) echo chromium ;;
    *) echo "$2" ;;
  esac
}

packages() { # manager, things…
  local manager=$1 thing
  shift
  for thing in "$@"; do printf '%s ' "$(package "$manager" "$thing")"; done
}

install_with_apt() { # packages…
  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      fail "System packages are missing and sudo is not there. As root, run: apt-get install $*" \
           "缺少系统软件包，并且没有 sudo。请以 root 身份运行：apt-get install $*"
    root=(sudo)
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  say "Installing system packages: $*" "正在安装系统软件包：$*"
  # A stranger's package list that cannot be fetched is no reason to stop: the install will tell.
  "${root[@]+"${root[@]}"}" "${apt[@]}" update >&2 || true
  "${root[@]+"${root[@]}"}" "${apt[@]}" install --no-install-recommends "$@" >&2 ||
    fetch_failed "apt-get install $*"
}

system_packages() {
  local things=(python compiler) missing=() thing
  if [ "$(uname -s)" = Linux ]; then things+=(sandbox vulkan font certificates); fi
  if [ -n "$dev" ]; then things+=(browser); fi
  # Somebody who speaks to the tests of speech, and clocks that are wrong; where there is no apt the
  # tests are told why they skip.
  if [ -n "$dev" ] && command -v apt-get >/dev/null; then things+=(speaker clock); fi
  # The tests start a Docker engine and networks of their own, which takes root; others are told.
  if [ -n "$dev" ] && [ "$(uname -s)$(id -u)" = Linux0 ] && command -v apt-get >/dev/null; then
    things+=(engine network)
  fi
  for thing in "${things[@]}"; do has "$thing" || missing+=("$thing"); done
  if [ ${#missing[@]} = 0 ]; then return; fi

  if command -v apt-get >/dev/null; then
    # shellcheck disable=SC2046  # one thing may be two packages
    install_with_apt $(packages apt "${missing[@]}")
    if ! has python; then newer_python_with_apt; fi
    for thing in "${missing[@]}"; do
      has "$thing" || fail "Installed $(package apt "$thing"), but $thing is still not found." \
                           "已安装 $(package apt "$thing")，但仍然找不到 $thing。"
    done
    return
  fi
  local how="${missing[*]}"
  if command -v dnf >/dev/null; then
    how="sudo dnf install $(packages dnf "${missing[@]}")"
  elif command -v pacman >/dev/null; then
    how="sudo pacman -S --needed $(packages pacman "${missing[@]}")"
  elif [ "$(uname -s)" = Darwin ]; then
    how=""
    for thing in "${missing[@]}"; do
      if [ "$thing" = compiler ]; then how="xcode-select --install; $how"
      else how="${how}brew install $(package brew "$thing"); "; fi
    done
  fi
  fail "Not here yet: ${missing[*]}. Install them, then run the same command again:  $how" \
       "还缺少：${missing[*]}。请先安装，然后再运行同一条命令：  $how"
}

newer_python_with_apt() { # Ubuntu 22.04 has 3.10 as python3 and 3.11 beside it
  local version
  for version in 3.13 3.12 3.11; do
    if apt-cache show "python$version-venv" >/dev/null 2>&1; then
      install_with_apt "python$version" "python$version-venv"
      return
    fi
  done
  fail "IntentOS needs Python 3.11 or newer; this system offers only $(python3 -V 2>&1). Install a newer one so that 'python3.12' works, then run the same command again." \
       "IntentOS 需要 Python 3.11 或更新的版本；这个系统只有 $(python3 -V 2>&1)。请安装更新的版本，使 python3.12 可用，然后再运行同一条命令。"
}

# ---- uv, .venv, the compiled engine, the model --------------------------------------------------

locked_version() { awk -v name="name = \"$1\"" '$0 == name { getline; gsub(/[^0-9.]/, ""); print; exit }' uv.lock; }

# uv lives in a place of its own: `uv sync` would remove it from .venv, and Debian's Python lets
# nobody install into itself. Its version is the one in uv.lock.
get_uv() {
  local version tools
  version=$(locked_version uv)
  tools="$cache/tools/uv-$version"
  uv="$tools/bin/uv"
  if "$uv" --version >/dev/null 2>&1; then return; fi
  say "Fetching uv $version, which installs the rest" "正在获取 uv $version，由它安装其余部分"
  rm -rf "$tools"
  "$python" -m venv "$tools" || fetch_failed "python3 -m venv"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$version" ||
    { rm -rf "$tools"; fetch_failed "pip install uv"; }
}

sync() {
  # .venv keeps the Python that it was made with; uv never fetches one of its own
  export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS="${CI:+1}"
  [ -n "$UV_NO_PROGRESS" ] || unset UV_NO_PROGRESS
  if ! .venv/bin/python -c '' 2>/dev/null; then export UV_PYTHON="$python"; fi
  # llama-cpp-python is compiled for the very CPU, and uv's cache would hand such a wheel to
  # another CPU: it is left out here and installed from a cache that knows the CPU. Without --dev
  # nothing is removed, so that a demo does not undo what the tests installed.
  local options=(--frozen --extra local --extra docker --extra voice --extra mesh --no-install-package llama-cpp-python)
  if [ -z "$dev" ]; then options+=(--no-dev --inexact); else options+=(--extra bench --extra dask); fi
  "$uv" sync "${options[@]}" >&2 || fetch_failed "uv sync"
}

install_llama() {
  local wheel
  wheel=$(.venv/bin/python scripts/llama_wheel.py --cache "$cache") || fetch_failed "llama-cpp-python"
  if [ -n "$wheel" ]; then
    "$uv" pip install --quiet --no-deps --reinstall --python .venv/bin/python "$wheel" >&2 ||
      fetch_failed "llama-cpp-python"
  fi
  .venv/bin/python -c 'import llama_cpp' ||
    fail "llama-cpp-python does not load on this machine." "llama-cpp-python 在这台机器上无法加载。"
}

if [ "$(uname -s)" = Darwin ]; then cache="$HOME/Library/Caches/intentos"
else cache="${XDG_CACHE_HOME:-$HOME/.cache}/intentos"; fi
cache="${INTENTOS_CACHE:-$cache}"
mkdir -p "$cache"

if [ ! -x .venv/bin/intentos ] && [ "$(free_kilobytes "$cache")" -lt $need_kilobytes ]; then
  fail "$cache has $(($(free_kilobytes "$cache") / 1000)) MB free; setting up needs about $((need_kilobytes / 1000)) MB. Free some space, or set INTENTOS_CACHE to a folder on a larger disk." \
       "$cache 只剩 $(($(free_kilobytes "$cache") / 1000)) MB；安装大约需要 $((need_kilobytes / 1000)) MB。请腾出空间，或把 INTENTOS_CACHE 设为更大磁盘上的文件夹。"
fi

system_packages
python=$(find_python)
get_uv
say "Installing IntentOS into .venv" "正在把 IntentOS 安装到 .venv"
sync
install_llama
say "Fetching the language model (1.1 GB, once)" "正在获取语言模型（1.1 GB，只需一次）"
.venv/bin/intentos models pull >&2 # its own message and exit code
if [ -n "$dev" ]; then # others are asked in the window, the first time they speak
  say "Fetching the speech model (145 MB, once)" "正在获取语音模型（145 MB，只需一次）"
  .venv/bin/intentos models pull whisper-base >&2
fi
say "Everything is in place." "一切就绪。"
