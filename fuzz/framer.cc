// SPDX-License-Identifier: Apache-2.0
// A stream in pieces, whose size the first byte gives, holds the same documents as the stream at
// once; also where the framer is saved and restored between two pieces.
#include "engine/event/framer.h"

#include <algorithm>
#include <vector>

#include "fuzz/targets.h"

namespace tocsin::fuzz {
namespace {

std::vector<std::string> frames_of(std::string_view stream, std::size_t piece, bool restore) {
  std::vector<std::string> seen;
  Framer framer;
  std::size_t consumed = 0;
  std::size_t known = 0;
  do {
    known = std::min(stream.size(), known + piece);
    if (restore) {
      const std::string saved = framer.save();
      framer = Framer();
      fuzz_check(framer.restore(saved), "what was saved cannot be restored");
    }
    const Padded bytes(stream.substr(consumed, known - consumed));
    std::vector<Frame> frames;
    const std::size_t used = framer.feed(bytes.view(), consumed, known == stream.size(), frames);
    fuzz_check(used <= bytes.view().size(), "more consumed than given");
    for (const Frame& frame : frames) {
      fuzz_check(frame.begin + frame.size <= bytes.view().size(), "a document behind the bytes");
      fuzz_check(frame.offset == consumed + frame.begin, "a document at a wrong offset");
      seen.push_back(std::to_string(frame.offset) + (frame.broken ? "!" : ":") +
                     std::string(bytes.view().substr(frame.begin, frame.size)));
    }
    consumed += used;
  } while (known < stream.size());
  fuzz_check(consumed == stream.size(), "bytes are left");
  return seen;
}

}  // namespace

void framer(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  const std::size_t piece = static_cast<unsigned char>(bytes[0]) % 64 + 1u;
  const std::string_view stream = bytes.substr(1);
  const std::vector<std::string> whole = frames_of(stream, stream.size() + 1, false);
  fuzz_check(frames_of(stream, piece, false) == whole, "pieces make other documents");
  fuzz_check(frames_of(stream, piece, true) == whole, "restored pieces make other documents");
}

}  // namespace tocsin::fuzz
