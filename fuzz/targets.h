// SPDX-License-Identifier: Apache-2.0
// What reads untrusted bytes, one function each: called by libFuzzer (fuzzer_main.cc) and by the
// replay of seeds (replay.cc). A finding ends the process: a sanitizer's report, or fuzz_check().
// Thread rule: one thread.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/base/limits.h"

namespace tocsin::fuzz {

void yaml_loader(std::string_view bytes);  // a rule file's YAML
void condition(std::string_view bytes);    // a condition, of rules and of correlations
void modifiers(std::string_view bytes);    // a whole rule file, loaded as `check` does
void pipelines(std::string_view bytes);    // a processing pipeline, with rules of its own
void json_reader(std::string_view bytes);  // a record, strictly and not: the same values
void framer(std::string_view bytes);       // a stream, in pieces and whole: the same documents
void decode(std::string_view bytes);       // a document with its envelopes
void config(std::string_view bytes);       // tocsin.yaml

inline void fuzz_check(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "finding: %s\n", what);
    std::abort();
  }
}

// Bytes with the padding that the readers of records need; what stands there must not matter.
class Padded {
 public:
  explicit Padded(std::string_view bytes) : bytes_(bytes), size_(bytes.size()) {
    bytes_.append(limits::padding_bytes, '"');
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::string bytes_;
  std::size_t size_;
};

}  // namespace tocsin::fuzz
