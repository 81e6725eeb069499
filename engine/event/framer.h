// SPDX-License-Identifier: Apache-2.0
// Framer: where documents begin and end in a stream of bytes that arrives in pieces. DETECTION.md,
// "Framing": if the first document ends at its line's end, each newline ends a document from then
// on; else documents may span lines and follow one another (pretty-printed, glued, arrays).
// {"Records":[...]} and arrays that are larger than a record may be are handed on element by
// element, so that a file of any size needs one record's memory.
//
// Thread rule: one per stream, one thread at a time. Cost: lines: memchr; spanning documents: one
// scan of the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

struct Frame {
  std::uint64_t offset = 0;  // of the document's first byte in the stream
  std::uint32_t begin = 0;   // in the bytes given to feed()
  std::uint32_t size = 0;
  bool oversized =
      false;  // larger than limits::record_bytes_max: the bytes given are only its beginning
  bool broken = false;  // the stream ended inside it, or another document begins inside it
};

class Framer {
 public:
  enum class Mode : std::uint8_t { undecided, lines, spanning };

  Framer();
  ~Framer();
  Framer(Framer&&) noexcept;
  Framer& operator=(Framer&&) noexcept;

  // Looks at `bytes` (what is not consumed yet, followed by new bytes; the first starts at
  // `stream_offset`) and appends the documents that are complete to `frames`. Returns how many
  // bytes are consumed: the caller gives the rest again, with more behind it. `end`: no more bytes
  // will come, so what is left is a document too (in lines mode a last line without newline; in
  // spanning mode marked `broken` if it is incomplete). A UTF-8 byte order mark at offset 0 and CR
  // before LF are no part of a document. NUL bytes at the start (the hole that copytruncate leaves)
  // are skipped and counted.
  std::size_t feed(std::string_view bytes,
                   std::uint64_t stream_offset,
                   bool end,
                   std::vector<Frame>& frames);

  Mode mode() const;
  std::uint64_t skipped_nul_bytes() const;
  // Forgets everything: the stream starts anew (truncated file).
  void reset();

  // For a position that is resumed: the mode it had. Precondition: nothing was fed yet.
  void resume(Mode mode);

  // Joins the stream somewhere, not at a document's beginning: what comes before the next line
  // (that begins with a bracket, unless the mode is `lines`) is skipped. `at_line_start`: the first
  // byte begins a line. Precondition: as resume().
  void join(Mode mode, bool at_line_start);

  // The first document's bytes, at most 4,096 of them: what a stream's id is the hash of. Empty
  // until they are known, which is at the latest when the first frame is.
  std::string_view first_document() const;

  // All that the framer knows, for a position behind the bytes it consumed. restore() is false for
  // other text; then the framer is as after reset(). Precondition of restore(): nothing was fed
  // yet.
  std::string save() const;
  bool restore(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
