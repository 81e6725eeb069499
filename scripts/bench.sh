#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of a build folder: the table of docs/BENCHMARKS.md (scripts/bench.py, which makes the data and takes the
# options).
# usage: scripts/bench.sh BUILD_DIR [OPTION...]
set -euo pipefail
: "${1:?usage: scripts/bench.sh BUILD_DIR [OPTION...]}"
source_dir=$(cd "$(dirname "$0")/.." && pwd)
python3 "$source_dir/scripts/bench.py" "$@"
