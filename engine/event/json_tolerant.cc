// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_tolerant.h"

#include <algorithm>

#include "engine/base/limits.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20;
}

}  // namespace

bool TolerantScan::scan(std::string_view record) {
  text_.clear();
  append_repaired_utf8(record, text_);
  size_ = text_.size();
  repaired_ = size_ != record.size();
  text_.append(limits::padding_bytes, ' ');
  positions_.clear();
  const std::string_view text = this->text();
  std::size_t at = 0;
  bool in_word = false;
  while (at < text.size()) {
    const char c = text[at];
    if (is_json_space(c)) {
      in_word = false;
    } else if (c == '"' || is_json_operator(c)) {
      in_word = false;
      positions_.push_back(static_cast<std::uint32_t>(at));
    } else if (!in_word) {
      in_word = true;
      positions_.push_back(static_cast<std::uint32_t>(at));
    }
    if (c == '"') {
      open_quote_ = static_cast<std::uint32_t>(at);
      at = find_json_quote(text, at + 1);
      if (at >= text.size()) {
        return false;
      }
      const auto* begin = text.begin() + open_quote_;
      repaired_ = repaired_ || std::any_of(begin, text.begin() + at, is_control);
    }
    ++at;
  }
  // The walk looks up to two places ahead.
  kinds_.resize(positions_.size());
  std::transform(
      positions_.begin(), positions_.end(), kinds_.begin(), [&text](std::uint32_t place) {
        return text[place];
      });
  kinds_.append(StructuralIndex::kinds_behind, '\0');
  positions_.insert(positions_.end(), 3, static_cast<std::uint32_t>(size_));
  return true;
}

std::uint32_t TolerantScan::original_offset(std::string_view record, std::uint32_t at) const {
  std::size_t offset = 0;
  std::size_t copied = 0;
  while (offset < record.size() && copied < at) {
    const std::size_t begin = offset;
    const bool replaced = next_code_point(record, offset) == 0xfffd && offset == begin + 1;
    copied += replaced ? 3 : offset - begin;
  }
  return static_cast<std::uint32_t>(offset);
}

}  // namespace tocsin
