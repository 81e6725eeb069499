#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that tocsin needs and that are not installed yet, and says which.
# usage: scripts/setup.sh SET...   (build, test, fuzz, lint; see packages_of)
# TOCSIN_OS_RELEASE names another os-release file (for the test of this script).
set -euo pipefail

packages_of() {
  case "$1" in
    build)
      echo cmake ninja-build g++ ccache pkg-config python3 libre2-dev libyaml-cpp-dev libsimdjson-dev \
        libboost-program-options-dev libsqlite3-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev \
        libdeflate-dev libxxhash-dev libmaxminddb-dev prometheus-cpp-dev libcivetweb-dev doctest-dev ca-certificates
      ;;
    test) echo clang-format-14 python3-yaml python3-jsonschema dpkg-dev file ;;
    fuzz) echo clang-14 libclang-rt-14-dev ;;
    lint) echo clang-tidy-14 clang-14 ;;
    *)
      echo "setup: unknown set '$1' (build, test, fuzz, lint)" >&2
      exit 2
      ;;
  esac
}

system_name() {
  local file="${TOCSIN_OS_RELEASE:-/etc/os-release}"
  [ -r "$file" ] || { echo "an unknown system"; return; }
  (. "$file" && echo "${PRETTY_NAME:-${NAME:-an unknown system}}")
}

is_debian_12() {
  local file="${TOCSIN_OS_RELEASE:-/etc/os-release}"
  [ -r "$file" ] && (. "$file" && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Says what to install by hand, then ends.
give_up() {
  {
    echo "setup: $1"
    echo "setup: tocsin needs these packages (names as in Debian 12):"
    printf '  %s\n' "${wanted[@]}"
    echo "setup: $2"
  } >&2
  exit 1
}

[ $# -gt 0 ] || { echo "usage: $0 build|test|fuzz|lint..." >&2; exit 2; }
wanted=()
for set in "$@"; do
  names=$(packages_of "$set")
  # shellcheck disable=SC2206  # package names have no blanks
  wanted+=($names)
done

if ! is_debian_12 || ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  give_up "this is $(system_name); packages are installed by themselves on Debian 12 only." \
    "install their equivalents, then run make again with SETUP=no."
fi

missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=(sudo)
  else
    wanted=("${missing[@]}")
    give_up "packages are missing, and neither root nor sudo is at hand to install them." \
      "as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  fi
fi

echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run_apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" </dev/null >>"$log" 2>&1
}
if ! { run_apt update && run_apt install --no-install-recommends "${missing[@]}"; }; then
  tail -n 30 "$log" >&2
  wanted=("${missing[@]}")
  give_up "apt-get failed (its last lines are above)." "mend that, then run make again."
fi
echo "setup: done"
