// SPDX-License-Identifier: Apache-2.0
// The keys of rule documents, as tables: for the checks of unknown keys, the did-you-mean and the
// JSON Schema. Thread rule: constants.
#pragma once

#include <span>
#include <string_view>

namespace tocsin {

struct DocumentKey {
  std::string_view name;
  // "text", "texts" (a list), "text | texts", "boolean", "duration", "timespan", "uuid", "date",
  // "map", "list", or the values themselves: "eager | watermark".
  std::string_view takes;
  std::string_view about;
};

// Of a document; others are custom attributes.
std::span<const DocumentKey> document_keys();
// Of `tocsin`, and of each of its `tests`.
std::span<const DocumentKey> extension_keys();
std::span<const DocumentKey> test_keys();
// Of `correlation`; those of single types are in correlation_types().
std::span<const DocumentKey> correlation_keys();

}  // namespace tocsin
