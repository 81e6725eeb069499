// SPDX-License-Identifier: Apache-2.0
#include "detectors/options.h"

#include <algorithm>
#include <charconv>

#include "detectors/common.h"
#include "engine/base/text.h"

namespace tocsin {

OptionReader::OptionReader(const CorrelationSpec& spec, std::span<const std::string_view> known)
    : spec_(spec) {
  for (const CorrelationSpec::Option& option : spec.options) {
    if (std::find(known.begin(), known.end(), option.key) != known.end()) {
      continue;
    }
    const std::optional<std::string> near = did_you_mean(option.key, known);
    fail(option.key,
         spec.type + " has no key '" + option.key + "'",
         near ? "did you mean '" + *near + "'?" : std::string());
  }
}

void OptionReader::fail(std::string_view key, std::string message, std::string hint) {
  if (error_) {
    return;
  }
  error_ = SpecError{std::move(message), std::move(hint), 0, 0};
  if (const CorrelationSpec::Option* option = find(key)) {
    error_->line = option->line;
    error_->column = option->column;
  }
}

const CorrelationSpec::Option* OptionReader::find(std::string_view key) const {
  for (const CorrelationSpec::Option& option : spec_.options) {
    if (option.key == key) {
      return &option;
    }
  }
  return nullptr;
}

const std::string* OptionReader::one(std::string_view key) {
  const CorrelationSpec::Option* option = find(key);
  if (option == nullptr) {
    return nullptr;
  }
  if (option->values.size() != 1) {
    fail(key, std::string(key) + " takes one value");
    return nullptr;
  }
  return &option->values.front();
}

DurationNs OptionReader::duration(std::string_view key, DurationNs otherwise) {
  const std::string* text = one(key);
  if (text == nullptr) {
    return otherwise;
  }
  const std::optional<DurationNs> duration = parse_duration(*text);
  if (!duration) {
    fail(key, "'" + *text + "' is no duration", "write 90s, 15m, 24h or 7d");
  }
  return duration.value_or(otherwise);
}

std::uint64_t OptionReader::integer(std::string_view key, std::uint64_t otherwise) {
  const std::string* text = one(key);
  if (text == nullptr) {
    return otherwise;
  }
  std::uint64_t value = 0;
  const std::from_chars_result result =
      std::from_chars(text->data(), text->data() + text->size(), value);
  if (result.ec != std::errc() || result.ptr != text->data() + text->size()) {
    fail(key, "'" + *text + "' is no whole number");
    return otherwise;
  }
  return value;
}

double OptionReader::number(std::string_view key, double otherwise, double least, double greatest) {
  const std::string* text = one(key);
  if (text == nullptr) {
    return otherwise;
  }
  const std::optional<double> value = parse_real(*text);
  if (!value || *value < least || *value > greatest) {
    fail(key,
         std::string(key) + " must be a number from " + number_text(least) + " to " +
             number_text(greatest));
    return otherwise;
  }
  return *value;
}

std::size_t OptionReader::choice(std::string_view key,
                                 std::span<const std::string_view> choices,
                                 std::size_t otherwise) {
  const std::string* text = one(key);
  if (text == nullptr) {
    return otherwise;
  }
  const auto found = std::find(choices.begin(), choices.end(), *text);
  if (found != choices.end()) {
    return static_cast<std::size_t>(found - choices.begin());
  }
  std::string list;
  for (const std::string_view name : choices) {
    list += list.empty() ? "" : ", ";
    list += name;
  }
  fail(key, "'" + *text + "' is no value of " + std::string(key), "one of " + list);
  return otherwise;
}

double OptionReader::quantity(std::string_view key, std::span<const Unit> units, double otherwise) {
  const std::string* text = one(key);
  if (text == nullptr) {
    return otherwise;
  }
  for (const Unit& unit : units) {
    if (text->size() > unit.name.size() && text->ends_with(unit.name)) {
      const std::optional<double> value =
          parse_real(std::string_view(*text).substr(0, text->size() - unit.name.size()));
      if (value && *value > 0) {
        return *value * unit.factor;
      }
    }
  }
  fail(key,
       "'" + *text + "' is no " + std::string(key),
       "a number with its unit: 500" + std::string(units.front().name));
  return otherwise;
}

std::vector<std::string> OptionReader::list(std::string_view key) {
  const CorrelationSpec::Option* option = find(key);
  return option == nullptr ? std::vector<std::string>{} : option->values;
}

ExcludeList::ExcludeList(std::vector<std::string> entries) : values_(std::move(entries)) {
  std::sort(values_.begin(), values_.end());
  for (const std::string& value : values_) {
    if (const Result<IpNetwork> network = parse_network(value)) {
      networks_.push_back(*network);
    }
  }
}

bool ExcludeList::contains(std::string_view value, const std::optional<IpAddress>& address) const {
  return std::binary_search(values_.begin(), values_.end(), value) ||
         (address && std::any_of(networks_.begin(), networks_.end(), [&](const IpNetwork& network) {
            return network.contains(*address);
          }));
}

}  // namespace tocsin
