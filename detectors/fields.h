// SPDX-License-Identifier: Apache-2.0
// FieldReader: the texts of the fields that correlations group by and count, from a record's JSON,
// each read once per record. Thread rule: one thread. Cost: one parse per record, then one look-up
// per field.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/json_tree.h"
#include "engine/flow/alert.h"
#include "engine/flow/detector.h"

namespace tocsin {

// Values as text: null and [] are no values; numbers in their shortest form, integral ones without
// fraction (conformance COR-06, COR-24); objects as DETECTION.md, choice 4. Derived fields
// (tocsin.*) as the decoder derives them.
FieldTexts read_field(const JsonNode& record, std::string_view path, const GeoLookup& geo);

class FieldReader {
 public:
  explicit FieldReader(GeoLookup geo) : geo_(std::move(geo)) {}

  // The number of a path, the same for equal ones.
  std::uint32_t intern(std::string_view path);
  // Turns to this record, and keeps it until the next call.
  void use(std::shared_ptr<const RecordCopy> record);
  const FieldTexts& get(std::uint32_t field);

 private:
  struct Slot {
    std::string path;
    FieldTexts texts;
    std::uint64_t record = 0;  // number of the record that `texts` are of
  };
  GeoLookup geo_;
  std::vector<Slot> slots_;
  std::shared_ptr<const RecordCopy> record_;
  std::uint64_t record_number_ = 0;
  bool parsed_ = false;
  JsonNode root_;
};

}  // namespace tocsin
