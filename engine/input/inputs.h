// SPDX-License-Identifier: Apache-2.0
// The inputs of scan and tail over files. Thread rule: as flow/input.h. Errors: Result at start,
// notices later.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/flow/input.h"

namespace tocsin {

struct FileInputOptions {
  std::string id = "files";
  std::vector<std::string> paths;    // files, folders (recursive), globs (* ? [ ] **), "-" (stdin)
  std::vector<std::string> exclude;  // globs on the whole path
  bool follow_links = false;         // symlinks that leave the root
  std::string skipped_folder;        // tocsin's own: not entered; empty: none
  DecodeOptions decode;
  std::size_t batch_bytes = limits::batch_bytes;
  NoticeSink notice;
  std::function<TimeNs()> now;  // receive time
};

// Reads everything once, in the order of the paths (a folder's files by name), then is finished. A
// path or glob that names nothing is an Error.
Result<std::unique_ptr<Input>> make_scan_input(FileInputOptions options);

struct TailOptions {
  bool from_beginning = false;  // --start beginning: what exists at the first start is read too
  DurationNs poll_ns = 250'000'000;      // stat of files that grow; idle ones every second
  DurationNs rescan_ns = 1'000'000'000;  // globs and folders
  DurationNs rotate_wait_ns =
      30 * second_ns;  // a renamed or deleted file is kept open this long after its last byte
  DurationNs compressed_stall_ns =
      10 * minute_ns;              // an incomplete gz or zst file is given up after this
  std::size_t head_bytes = 1024;   // of the growing head hash
  std::size_t marker_bytes = 256;  // of the marker before the offset
};

// Follows for ever. `positions`: what an earlier run committed (Position::state of this input), or
// empty: a first start.
Result<std::unique_ptr<Input>> make_tail_input(FileInputOptions options,
                                               TailOptions tail,
                                               std::string positions);

}  // namespace tocsin
