// SPDX-License-Identifier: Apache-2.0
// Reads the keys of our own correlation types. The first problem is kept with its place; readers
// give their default then. Thread rule: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/registry.h"
#include "engine/base/cidr.h"

namespace tocsin {

class OptionReader {
 public:
  // `known`: the type's own keys; any other is an error.
  OptionReader(const CorrelationSpec& spec, std::span<const std::string_view> known);

  DurationNs duration(std::string_view key, DurationNs otherwise);
  std::uint64_t integer(std::string_view key, std::uint64_t otherwise);
  double number(std::string_view key, double otherwise, double least, double greatest);
  // Index into `choices`.
  std::size_t choice(std::string_view key,
                     std::span<const std::string_view> choices,
                     std::size_t otherwise);
  // A number and one of `units`, each worth that many ("500km").
  struct Unit {
    std::string_view name;
    double factor;
  };
  double quantity(std::string_view key, std::span<const Unit> units, double otherwise);
  std::vector<std::string> list(std::string_view key);
  bool has(std::string_view key) const { return find(key) != nullptr; }

  void fail(std::string_view key, std::string message, std::string hint = {});
  const std::optional<SpecError>& error() const { return error_; }

 private:
  const CorrelationSpec::Option* find(std::string_view key) const;
  // The one value of the option; nullptr if it is not given or has not exactly one.
  const std::string* one(std::string_view key);

  const CorrelationSpec& spec_;
  std::optional<SpecError> error_;
};

// `exclude:` of detectors: values and networks.
class ExcludeList {
 public:
  explicit ExcludeList(std::vector<std::string> entries);
  bool is_empty() const { return values_.empty(); }
  bool contains(std::string_view value, const std::optional<IpAddress>& address) const;

 private:
  std::vector<std::string> values_;  // sorted
  std::vector<IpNetwork> networks_;
};

}  // namespace tocsin
