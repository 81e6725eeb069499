#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over every source that a build folder compiles, with the checks of .clang-tidy. A finding is a failure.
# usage: scripts/lint.sh BUILD_DIR [FILE...]
set -euo pipefail
build=${1:?usage: scripts/lint.sh BUILD_DIR [FILE...]}
shift
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(git ls-files 'engine/*.cc' 'rules/*.cc' 'detectors/*.cc' 'alerts/*.cc' 'app/*.cc')
fi
printf '%s\0' "${files[@]}" |
  xargs -0 -n 4 -P "$(nproc)" clang-tidy-14 -p "$build" --quiet --warnings-as-errors='*'
