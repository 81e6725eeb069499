// SPDX-License-Identifier: Apache-2.0
// Input: the contract of everything that records come from, and Batch, what it fills.
// Thread rule: claim() is called by one thread at a time (the run loop holds a lock); load() by the
// worker that claimed, in parallel with other batches. Errors are reported through InputEvents,
// never thrown; a bad source never stops the others.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/time.h"
#include "engine/event/decode.h"
#include "engine/event/framer.h"
#include "engine/event/geo.h"

namespace tocsin {

struct Ruleset;

// One stream of records: a file, a pipe. Lives as long as any batch of it.
struct SourceInfo {
  std::string input;  // id of the input it belongs to
  std::string name;   // path as the user would write it, or "-"
  DecodeOptions decode;
  Hash128 stream_id;  // set before the first batch: a hash of the first document, see DETECTION.md
                      // "Identity"
};

struct Batch {
  std::uint64_t number = 0;  // dense, ascending over all inputs: the order of output
  std::shared_ptr<const SourceInfo> source;
  std::shared_ptr<const Ruleset> ruleset;  // read once, when the batch was claimed
  std::shared_ptr<const GeoSet> geo;       // the same; null: none is configured
  TimeNs received_at = 0;
  std::vector<char> buffer;         // owns the bytes; padded by limits::padding_bytes
  std::string_view bytes;           // whole documents
  std::uint64_t stream_offset = 0;  // of bytes[0] in the decompressed stream
  bool lines = false;               // true: each line is a document; false: see frames
  std::vector<Frame> frames;        // documents in bytes (lines == false)
  bool first_of_source = false;     // record numbers restart at 0
  bool last_of_source = false;
  // What this batch changes in the input's state, as rows, one a line: KEY TAB TEXT. A row replaces
  // the earlier one of its key, an empty TEXT removes it; all rows that are left are what the input
  // goes on from. Empty: nothing changes.
  std::string position;
  // How load() finds what was claimed; the input's own.
  std::uint64_t claim_begin = 0, claim_end = 0;
  std::shared_ptr<void> claim;

  void clear();
};

enum class ClaimStatus : std::uint8_t {
  batch,     // `batch` is claimed
  idle,      // nothing now, more may come (tail): wait() before trying again
  finished,  // never more
};

// What an input has to say beside records. Called from any thread; the callee locks.
struct InputNotice {
  enum class Kind : std::uint8_t {
    unreadable,  // a source could not be read (at all, or from here on): exit status 3
    warning,     // something the user should know (a skipped FIFO, a symlink that leaves the root)
    information,
    lost,  // bytes that can no longer be read: counted, reported
  };
  Kind kind = Kind::information;
  std::string code;    // stable: "not-regular", "truncated-gzip"
  std::string source;  // path
  std::string message;
  std::uint64_t bytes = 0;
};
using NoticeSink = std::function<void(const InputNotice&)>;

// What an input knows of its files, for metrics. Totals count since the start.
struct InputStatus {
  std::string input;
  std::uint64_t files = 0;         // followed
  std::uint64_t files_open = 0;    // descriptors held
  std::uint64_t bytes_behind = 0;  // seen in files, not read yet
  std::uint64_t rotations = 0;     // files that left the place where they were followed
  std::uint64_t restarts = 0;      // files whose content was truncated or replaced
};

class Input {
 public:
  virtual ~Input() = default;
  virtual ClaimStatus claim(Batch& batch) = 0;
  // Reads (and inflates) what was claimed. Does nothing where claim() did it already.
  virtual void load(Batch& batch) = 0;
  // Blocks until claim() may have something, wake() was called, or `timeout_ns` of real time
  // passed.
  virtual void wait(DurationNs timeout_ns) = 0;
  virtual void wake() = 0;
  // Called while nobody claims because what was claimed is not finished: what comes and goes
  // meanwhile must not be missed. Never beside claim() or wait().
  virtual void keep_up() {}
  // Bytes in all sources as far as known, for progress; 0: unknown. And bytes claimed so far
  // (compressed size).
  virtual std::uint64_t bytes_total() const = 0;
  virtual std::uint64_t bytes_done() const = 0;
  // Appends what is known of this input, as of its last look. From any thread.
  virtual void status(std::vector<InputStatus>& out) const { static_cast<void>(out); }
  // All rows of Batch::position that a new input of the same id would go on from. Called by the
  // thread that calls claim(). Empty: it keeps none.
  virtual std::string positions() const { return {}; }
};

}  // namespace tocsin
