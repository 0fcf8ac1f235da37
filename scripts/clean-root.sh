#!/usr/bin/env bash
# Proves `make demo` and `make test` from nothing: a fresh Debian file system, a clone of the last
# commit, and only what the README says to type.
#
#   sudo scripts/clean-root.sh [options] [COMMAND…]     commands default to: "make demo" "make test"
#
#   --suite NAME     Debian release (bookworm)
#   --mirror URL     where debootstrap and apt fetch from (what this machine's apt uses, if known)
#   --ca FILE        certificates that this network needs (taken over from *_CERT* variables if set)
#   --cache DIR      keep the person's ~/.cache in this folder, so that a second proof is quicker
#   --user           be an ordinary user with sudo inside, not root
#   --folder DIR     work in this folder (a new one under $TMPDIR or /tmp)
#   --keep           leave the folder there, to look inside; the next call with the same --folder
#                    goes on in that root with the newest commit (quick, but no proof from nothing)
#
# Needs root, debootstrap, git and about 6 GB. bubblewrap fails in a plain chroot, so the root is
# entered by new mount and process namespaces and pivot_root; the network is this machine's.
set -euo pipefail
self=$(realpath "$0")

if [ "${1:-}" = --inside ]; then # second half: process 1 of the new namespaces
  root=$2 person=$3
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mount -t tmpfs -o mode=1777,size=4g tmpfs "$root/tmp"
  if [ -n "${CLEAN_ROOT_CACHE:-}" ]; then
    mount --bind "$CLEAN_ROOT_CACHE" "$root$(cat "$root/etc/clean-root-home")/.cache"
  fi
  cd "$root"
  mkdir -p .host
  pivot_root . .host
  cd /
  umount -l /.host
  rmdir /.host
  home=$(cat /etc/clean-root-home)
  # shellcheck disable=SC2016  # expanded inside
  exec setpriv --reuid "$person" --regid "$person" --init-groups env -i HOME="$home" \
    USER="$person" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    bash -c 'set -a; . /etc/clean-root-environment; set +a; cd "$HOME/intentos"; bash "$0"' \
    /etc/clean-root-commands </dev/null
fi

cd "$(dirname "$self")/.."
suite=bookworm mirror="" ca="" cache="" person=root folder="" keep=""
while [ $# -gt 0 ]; do
  case "$1" in
    --suite) suite=$2; shift 2 ;;
    --mirror) mirror=$2; shift 2 ;;
    --ca) ca=$2; shift 2 ;;
    --cache) mkdir -p "$2"; cache=$(realpath "$2"); shift 2 ;;
    --user) person=person; shift ;;
    --folder) mkdir -p "$2"; folder=$(realpath "$2"); shift 2 ;;
    --keep) keep=yes; shift ;;
    --help) sed -n '2,18s/^# \{0,1\}//p' "$self"; exit ;;
    -*) echo "unknown option $1; see --help" >&2; exit 2 ;;
    *) break ;;
  esac
done
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=("make demo" "make test")

[ "$(id -u)" = 0 ] || { echo "run this as root" >&2; exit 4; }
for tool in debootstrap git unshare pivot_root setpriv; do
  command -v "$tool" >/dev/null || { echo "missing: $tool (apt-get install debootstrap git util-linux)" >&2; exit 4; }
done

# The network's own certificates: the file named, or the one that the environment points at.
if [ -z "$ca" ]; then
  ca=$(env | sed -n 's/^[A-Z_]*\(CERT_FILE\|_CERT\|CA_BUNDLE\)=//p' | head -n 1)
fi
if [ -z "$mirror" ]; then # the first archive that this machine's own apt uses for the suite
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 2>/dev/null |
    awk -v suite="$suite" '$2 == suite { print $1; exit }')
fi

made=""
if [ -z "$folder" ]; then folder=$(mktemp -d "${TMPDIR:-/tmp}/intentos-root.XXXXXX"); made=yes; fi
root="$folder/root"
clean() { # the mounts went with their namespace, so nothing of the host lies below
  if [ -n "$keep" ]; then echo "kept: $root" >&2; return; fi
  rm -rf --one-file-system "$root"
  if [ -n "$made" ]; then rm -rf "$folder"; fi
}
trap clean EXIT

took() { # title, command…
  local started=$SECONDS status=0
  echo "==> $1" >&2
  "${@:2}" || status=$?
  echo "==> $1: $((SECONDS - started)) s, exit $status" >&2
  return $status
}

bootstrap() {
  debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$folder/debootstrap.log" 2>&1 ||
    { tail -n 20 "$folder/debootstrap.log" >&2; return 1; }
}

make_root() {
  took "a fresh Debian $suite" bootstrap

  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  printf 'Acquire::Retries "3";\nAPT::Sandbox::User "root";\n' >"$root/etc/apt/apt.conf.d/90clean-root"
  environment="$root/etc/clean-root-environment"
  env | grep -iE '^(http|https|no|ftp|all)_proxy=' | sed "s/=\(.*\)/='\1'/" >"$environment" || true
  if [ -n "$ca" ]; then # beside the system's own, so that ca-certificates must still be installed
    cp -L "$ca" "$root/etc/network-certificates.pem"
    for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
      echo "$name=/etc/network-certificates.pem" >>"$environment"
    done
    echo 'Acquire::https::CAInfo "/etc/network-certificates.pem";' >>"$root/etc/apt/apt.conf.d/90clean-root"
  fi

  home=/root
  if [ "$person" != root ]; then
    home=/home/$person
    chroot "$root" useradd --create-home --shell /bin/bash "$person"
    mkdir -p "$root/etc/sudoers.d"
    echo "$person ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$person"
  fi
  echo "$home" >"$root/etc/clean-root-home"
  git clone -q . "$root$home/intentos"
  mkdir -p "$root$home/.cache"
  chroot "$root" chown -R "$person:" "$home"
  if [ -n "$cache" ]; then chown -R --reference="$root$home" "$cache"; fi

  # What a reader types first: make (and sudo, where not root) are not in a minimal Debian.
  extra="make"
  [ "$person" = root ] || extra="make sudo"
  took "apt-get install $extra" chroot "$root" env DEBIAN_FRONTEND=noninteractive bash -c \
    "apt-get -q update && apt-get -q -y install --no-install-recommends $extra" >"$folder/apt.log" 2>&1 ||
    { tail -n 20 "$folder/apt.log" >&2; exit 1; }
}

if [ -e "$root/etc/clean-root-ready" ]; then
  echo "==> going on in $root" >&2
  home=$(cat "$root/etc/clean-root-home") person=$(cat "$root/etc/clean-root-ready")
  git -c safe.directory='*' -C "$root$home/intentos" fetch -q "$PWD" HEAD
  git -c safe.directory='*' -C "$root$home/intentos" reset -q --hard FETCH_HEAD
  chown -R --reference="$root$home" "$root$home/intentos"
else
  make_root
  echo "$person" >"$root/etc/clean-root-ready"
fi

status=0
for number in "${!commands[@]}"; do
  command=${commands[$number]}
  printf '%s\n' "$command" >"$root/etc/clean-root-commands"
  log="$folder/$((number + 1)).log"
  echo "==> in the clean root: $command   (all of it: $log)" >&2
  started=$SECONDS code=0
  CLEAN_ROOT_CACHE="$cache" unshare --mount --pid --fork --kill-child \
    bash "$self" --inside "$root" "$person" >"$log" 2>&1 || code=$?
  tail -n 25 "$log"
  echo "==> $command: $((SECONDS - started)) s, exit $code" >&2
  [ $code = 0 ] || status=1
done
exit $status
