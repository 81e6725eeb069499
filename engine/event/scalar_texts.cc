// SPDX-License-Identifier: Apache-2.0
#include "engine/event/scalar_texts.h"

#include <cstring>

#include "engine/event/json_index.h"

namespace tocsin {
namespace {

constexpr std::size_t step = 32;  // less than is readable behind a record

}  // namespace

void ScalarTexts::fill(const StructuralIndex& index, std::string_view json) {
  // Each text and the byte behind it take no more than they and their brackets or commas do.
  bytes_.resize(std::max(bytes_.size(), json.size() + 1 + step));
  pieces_.resize(std::max<std::size_t>(pieces_.size(), index.last - index.first));
  char* const bytes = bytes_.data();
  char* out = bytes;
  Piece* piece = pieces_.data();
  for (std::uint32_t i = index.first; i < index.last; ++i) {
    std::string_view text;
    if (index.kinds[i] == '"') {
      if (index.kinds[i + 1] == ':') {
        ++i;  // a key
        continue;
      }
      text = index.string(i);
    } else if (is_json_operator(index.kinds[i])) {
      continue;
    } else {
      text = bare_word(index.text, index.positions[i], index.positions[i + 1]);
      if (text == "null") {
        continue;
      }
    }
    *piece++ = {static_cast<std::uint32_t>(out - bytes),
                static_cast<std::uint32_t>(text.size()),
                static_cast<std::uint32_t>(text.data() - json.data())};
    for (std::size_t at = 0; at < text.size(); at += step) {
      std::memcpy(out + at, text.data() + at, step);
    }
    out += text.size();
    *out++ = '\0';
  }
  size_ = static_cast<std::size_t>(out - bytes);
  count_ = static_cast<std::size_t>(piece - pieces_.data());
}

}  // namespace tocsin
