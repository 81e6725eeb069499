// SPDX-License-Identifier: Apache-2.0
// LogSource, and the field table: log sources by the values of fields, for records that neither
// their input's settings nor their shape classify (DETECTION.md, "Log sources"). Thread rule: plain
// values.
#pragma once

#include <string>
#include <vector>

namespace tocsin {

// A rule's logsource: an absent (empty) attribute is a wildcard. Comparison is exact.
struct LogSource {
  std::string category;
  std::string product;
  std::string service;
  friend bool operator==(const LogSource&, const LogSource&) = default;
};

// A record in which `field` has one of `values` (compared as a rule's plain value is: its whole
// text, case folded) belongs to `source`. Of several rows the first that fits.
struct SourceRow {
  std::string field;  // a dotted path of the record; no derived field
  std::vector<std::string> values;
  LogSource source;
};

}  // namespace tocsin
