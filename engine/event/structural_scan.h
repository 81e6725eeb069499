// SPDX-License-Identifier: Apache-2.0
// StructuralScan: the structural characters of a line or of a document, in one pass that finds the
// line's end too. The same characters as simdjson's stage 1, and it refuses the same bytes; but a
// line need not be found first, and each structural character's kind is at hand without a look at
// the text.
//
// Thread rule: one thread each. Cost: a few cycles for 64 bytes and one for each structural
// character; no allocation in steady state. Precondition: limits::padding_bytes readable bytes
// follow what is scanned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/event/json_index.h"

namespace tocsin {

class StructuralScan {
 public:
  struct Found {
    const char* end = nullptr;  // of the line: its newline, or where the bytes end
    bool has_backslash = false;
    bool ascii = false;
    // Between strings there is neither white space nor a backslash.
    bool compact = false;
    // False: a string does not end, there is a control character, a byte that is no UTF-8, or
    // nothing at all: there is no index.
    bool sound = false;
  };
  enum class Path : unsigned char { avx512, avx2, baseline };

  // The path that fits the kernel that simdjson has chosen for this machine (or was told to take).
  StructuralScan();
  static Path chosen();
  // One of those that supported() allows.
  explicit StructuralScan(Path path);
  static bool supported(Path path);

  // Up to the first newline.
  Found line(const char* begin, const char* end);
  // All of it: a newline is white space. Less than 4 GiB.
  Found document(std::string_view text);

  // Of the last scan, if it was sound; offsets count from its first byte.
  StructuralIndex index() const { return {text_, positions_.get(), kinds_.get(), 0, count_}; }

  // What a kernel is given and gives.
  struct Run {
    const char* begin = nullptr;
    const char* end = nullptr;
    std::uint32_t* positions = nullptr;
    char* kinds = nullptr;
    const char* line_end = nullptr;
    std::uint32_t count = 0;
    bool has_backslash = false;
    bool has_high = false;  // a byte that is not ASCII
    bool compact = false;
    bool broken = false;
  };

 private:
  using Kernel = void (*)(Run& run);
  Found scan(Kernel kernel, const char* begin, const char* end);
  void reserve(std::size_t bytes);

  Kernel line_;
  Kernel document_;
  const char* text_ = nullptr;
  std::uint32_t count_ = 0;
  std::size_t capacity_ = 0;
  std::unique_ptr<std::uint32_t[]> positions_;  // touched only as far as they are needed
  std::unique_ptr<char[]> kinds_;
};

}  // namespace tocsin
