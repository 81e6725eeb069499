#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of a build folder on 200 MB of CloudTrail records.
# usage: scripts/bench.sh BUILD_DIR [DATA_FILE]
# Without DATA_FILE the data comes from gen_cloudtrail.py in the shared folder (TOCSIN_SHARED, else ../shared) and is
# kept in BUILD_DIR for the next run.
set -euo pipefail
build=${1:?usage: scripts/bench.sh BUILD_DIR [DATA_FILE]}
data=${2:-$build/cloudtrail-200mb.ndjson}
source_dir=$(cd "$(dirname "$0")/.." && pwd)
shared=${TOCSIN_SHARED:-$source_dir/../shared}
bytes_wanted=200000000

if [ ! -s "$data" ]; then
  generator=$shared/data/gen_cloudtrail.py
  if [ ! -f "$generator" ]; then
    echo "bench: no data: give a file of CloudTrail records, one a line: scripts/bench.sh $build FILE" >&2
    exit 1
  fi
  echo "bench: generating $bytes_wanted bytes into $data"
  python3 "$generator" --size "$bytes_wanted" -o "$data.part"
  mv "$data.part" "$data"
fi
program=$build/bench/throughput
if [ ! -x "$program" ]; then
  echo "bench: $program is not built" >&2
  exit 1
fi
rules=()
for folder in "$shared/rules/sigmahq/rules/cloud/aws" "$shared/rules/sigmahq/rules"; do
  [ -d "$folder" ] && rules+=(--rules "$folder")
done
if [ ${#rules[@]} -eq 0 ]; then
  rules=(--rules "$source_dir/examples/deleted-backups/rules")
fi
"$program" --data "$data" "${rules[@]}"
"$build/bench/detectors"
if [ -d "$shared/rules/sigmahq/rules/cloud/aws" ]; then
  "$build/bench/stream" --data "$data" --rules "$shared/rules/sigmahq/rules/cloud/aws" --rules "$source_dir/bench/stream"
else
  echo "skipped: stream (no SigmaHQ rules in $shared)"
fi
