#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzzer of a build folder for a while, each from its committed seeds in fuzz/seeds/NAME.
# usage: scripts/fuzz.sh BUILD_DIR [SECONDS_EACH]
set -euo pipefail
build=${1:?usage: scripts/fuzz.sh BUILD_DIR [SECONDS_EACH]}
seconds=${2:-60}
source_dir=$(cd "$(dirname "$0")/.." && pwd)
shopt -s nullglob
ran=0
for program in "$build"/fuzz/*_fuzz; do
  [ -x "$program" ] || continue
  name=$(basename "$program" _fuzz)
  grown=$build/fuzz/corpus-$name
  mkdir -p "$grown"
  seeds=()
  [ -d "$source_dir/fuzz/seeds/$name" ] && seeds=("$source_dir/fuzz/seeds/$name")
  echo "fuzz: $name for $seconds s"
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/fuzz/crash-$name-" "$grown" "${seeds[@]}"
  ran=$((ran + 1))
done
if [ "$ran" -eq 0 ]; then
  echo "fuzz: no fuzzer was built in $build/fuzz" >&2
  exit 1
fi
echo "fuzz: $ran fuzzers, no crash"
