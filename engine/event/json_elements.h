// SPDX-License-Identifier: Apache-2.0
// Finding the elements of a document that holds many records without a structural index: byte by
// byte, for documents in which something is broken or that simdjson's stage 1 refuses. Thread rule:
// pure functions. Cost: O(n); a document with many broken elements is scanned at most
// resync_passes_max times.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "engine/event/json.h"

namespace tocsin {

// The offset behind the one value that starts at document[at] (no white space), or npos if its
// brackets or quotes do not balance. `stop`: where it was given up.
std::size_t scan_json_value(std::string_view document, std::size_t at, std::size_t& stop);

// The members of a record's outermost object, as written, without looking into them. Ends early
// where something is broken.
class MemberScan {
 public:
  explicit MemberScan(std::string_view record);
  // `key` and `value` as written, without white space around them; the key without its quotes.
  // False: that was all.
  bool next(std::string_view& key, std::string_view& value);

 private:
  void skip_space();
  std::string_view record_;
  std::size_t at_ = 0;
};

// As JsonReader::split, every element `indexed == false`.
bool split_tolerantly(std::string_view document,
                      std::string_view key,
                      std::vector<JsonReader::Element>& elements);

}  // namespace tocsin
