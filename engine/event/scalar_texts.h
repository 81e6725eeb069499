// SPDX-License-Identifier: Apache-2.0
// ScalarTexts: the texts of a record's scalars behind one another: many literals are looked for in
// all of them at once, and neither keys nor brackets are looked at. Thread rule: one thread each;
// used again for the next record, it does not allocate. Cost: a copy of the texts, 32 bytes a step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tocsin {

struct StructuralIndex;

class ScalarTexts {
 public:
  // Of the record `json`, which `index` is of: every scalar but null, at any depth, as written.
  // Precondition: limits::padding_bytes readable bytes follow it.
  void fill(const StructuralIndex& index, std::string_view json);

  // Between two texts is a byte that is part of neither.
  std::string_view bytes() const { return {bytes_.data(), size_}; }

  // Where bytes() begin..end-1 end in the record's json(); nullopt: they are not all of one text.
  // Precondition: begin < end <= bytes().size(). Cost: O(log n).
  std::optional<std::size_t> end_in_json(std::size_t begin, std::size_t end) const {
    const auto behind =
        std::upper_bound(pieces_.begin(),
                         pieces_.begin() + static_cast<std::ptrdiff_t>(count_),
                         begin,
                         [](std::size_t at, const Piece& piece) { return at < piece.at; });
    if (behind == pieces_.begin()) {
      return std::nullopt;
    }
    const Piece& piece = *(behind - 1);
    const std::size_t past = end - piece.at;
    return past <= piece.size ? std::optional(piece.in_json + past) : std::nullopt;
  }

 private:
  struct Piece {
    std::uint32_t at = 0;  // in bytes_
    std::uint32_t size = 0;
    std::uint32_t in_json = 0;
  };

  std::vector<char> bytes_;
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
  std::size_t count_ = 0;  // of pieces_
};

}  // namespace tocsin
