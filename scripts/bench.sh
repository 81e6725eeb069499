#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of a build folder: the table of docs/BENCHMARKS.md (scripts/bench.py, which makes the data and takes the
# options), the detectors, and rules with correlations over the same stream.
# usage: scripts/bench.sh BUILD_DIR [OPTION...]
set -euo pipefail
build=${1:?usage: scripts/bench.sh BUILD_DIR [OPTION...]}
source_dir=$(cd "$(dirname "$0")/.." && pwd)
shared=${TOCSIN_SHARED:-$source_dir/../shared}
python3 "$source_dir/scripts/bench.py" "$@"
"$build/bench/detectors"
data=$build/cloudtrail-200mb.ndjson
aws=$shared/rules/sigmahq/rules/cloud/aws
if [ -f "$data" ] && [ -d "$aws" ]; then
  "$build/bench/stream" --data "$data" --rules "$aws" --rules "$source_dir/bench/stream"
else
  echo "skipped: stream (needs generated data and the SigmaHQ rules in $shared)"
fi
