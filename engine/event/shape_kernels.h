// SPDX-License-Identifier: Apache-2.0
// The two questions that RecordShapes asks of every record, answered by the machine's vectors: how
// is it built, and does it have these keys? Only for record_shapes.cc. Thread rule: pure functions.
// Cost: some ten instructions for each 64 structural characters, and eight for each key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tocsin {

struct ShapeKernels {
  // Kinds come in blocks of so many.
  static constexpr std::size_t block_kinds = 64;
  static constexpr std::size_t key_bytes = 32;

  // A key as it stands in a text behind its opening quote: it and its closing quote, then zeros,
  // which count for nothing. No key has a zero in it.
  struct alignas(key_bytes) Pattern {
    char text[key_bytes] = {};
  };
  struct Key {
    std::uint16_t structural = 0;  // counted from the record's first
    std::uint16_t pattern = 0;
  };
  // Where a record stands.
  struct Record {
    const char* text = nullptr;
    const std::uint32_t* positions = nullptr;  // of its first structural character
    std::uint32_t count = 0;                   // of structural characters
  };

  // Writes `count` kinds to `out`, whole blocks, with one sign for all that is neither a string nor
  // an operator: the first byte of a bare word says nothing of the structure. Returns a hash.
  // Precondition: `out` has room for whole blocks.
  std::uint64_t (*normalize)(const char* kinds, std::size_t count, char* out) = nullptr;
  // Are these the same normal kinds? Both in whole blocks.
  bool (*same_kinds)(const char* a, const char* b, std::size_t count) = nullptr;
  // Does each key stand where it is expected? Precondition: limits::padding_bytes are readable
  // behind the text.
  bool (*has_keys)(std::span<const Key> keys,
                   const Pattern* patterns,
                   const Record& record) = nullptr;

  // Those that fit the kernel that simdjson has chosen for this machine (or was told to take).
  static ShapeKernels chosen();
};

}  // namespace tocsin
