// SPDX-License-Identifier: Apache-2.0
#include "app/record_numbers.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "engine/base/rows.h"

namespace tocsin {
namespace {

std::optional<std::uint64_t> parse(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value, base);
  return problem == std::errc() && stop == end && !text.empty() ? std::optional(value)
                                                                : std::nullopt;
}

constexpr std::size_t hex_digits = 16;

}  // namespace

void RecordNumbers::load(const std::vector<Position>& positions) {
  for (const Position& position : positions) {
    RowReader reader(position.input == input_name ? position.state : std::string_view());
    for (TextRow row; reader.next(row);) {
      if (row.key.size() != 2 * hex_digits) {
        continue;
      }
      const auto high = parse(row.key.substr(0, hex_digits), 16);
      const auto low = parse(row.key.substr(hex_digits), 16);
      const auto records = parse(row.text, 10);
      std::string unchanged;
      if (high && low && records) {
        note({*high, *low}, *records, unchanged);
      }
    }
  }
}

std::uint64_t RecordNumbers::before(const Hash128& stream) const {
  const auto found = by_id_.find(stream);
  return found == by_id_.end() ? 0 : found->second->records;
}

void RecordNumbers::note(const Hash128& stream, std::uint64_t records, std::string& rows) {
  const auto found = by_id_.find(stream);
  if (found != by_id_.end()) {
    streams_.splice(streams_.end(), streams_, found->second);
    found->second->records = records;
  } else {
    by_id_.emplace(stream, streams_.insert(streams_.end(), {stream, records}));
  }
  rows += to_hex(stream) + "\t" + std::to_string(records) + "\n";
  if (streams_.size() > streams_max) {
    rows += to_hex(streams_.front().id) + "\t\n";
    by_id_.erase(streams_.front().id);
    streams_.pop_front();
  }
}

}  // namespace tocsin
