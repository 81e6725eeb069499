// SPDX-License-Identifier: Apache-2.0
#include "detectors/common.h"

#include <array>
#include <charconv>
#include <cmath>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/base/wire.h"

namespace tocsin {

void append_group_key(std::span<const std::optional<std::string>> group, std::string& out) {
  WireWriter writer(out);
  for (const std::optional<std::string>& value : group) {
    // The size is one more, so that 0 is free to say "absent".
    writer.number(value ? value->size() + 1 : 0);
    if (value) {
      out.append(*value);
    }
  }
}

std::vector<std::optional<std::string>> parse_group_key(std::string_view key) {
  std::vector<std::optional<std::string>> group;
  while (!key.empty()) {
    WireReader reader(key);
    const std::uint64_t size = reader.number();
    key.remove_prefix(key.size() - reader.rest().size());
    if (size == 0) {
      group.emplace_back(std::nullopt);
      continue;
    }
    const auto bytes = static_cast<std::size_t>(size - 1);
    if (bytes > key.size()) {
      return group;
    }
    group.emplace_back(std::string(key.substr(0, bytes)));
    key.remove_prefix(bytes);
  }
  return group;
}

bool holds(const Threshold& threshold, int comparison) {
  switch (threshold.op) {
    case CompareOp::lt:
      return comparison < 0;
    case CompareOp::lte:
      return comparison <= 0;
    case CompareOp::gt:
      return comparison > 0;
    case CompareOp::gte:
      return comparison >= 0;
    case CompareOp::eq:
      return comparison == 0;
    case CompareOp::neq:
      return comparison != 0;
  }
  return false;
}

bool holds(std::span<const Threshold> thresholds, double value) {
  for (const Threshold& threshold : thresholds) {
    const int comparison = value < threshold.value ? -1 : (value > threshold.value ? 1 : 0);
    if (!holds(threshold, comparison)) {
      return false;
    }
  }
  return true;
}

std::string_view to_text(CompareOp op) {
  constexpr std::array<std::string_view, 6> texts = {"lt", "lte", "gt", "gte", "eq", "neq"};
  return texts[static_cast<std::size_t>(op)];
}

std::string to_text(std::span<const Threshold> thresholds) {
  std::string text;
  for (const Threshold& threshold : thresholds) {
    if (!text.empty()) {
      text += ", ";
    }
    text += to_text(threshold.op);
    text += ' ';
    text += number_text(threshold.value);
  }
  return text;
}

std::string number_text(double value) {
  std::array<char, 64> buffer{};
  // An integral double below 2^63 prints as the integer it is.
  const bool integral = std::floor(value) == value && std::fabs(value) < 9.2e18;
  const std::to_chars_result result =
      integral ? std::to_chars(
                     buffer.data(), buffer.data() + buffer.size(), static_cast<std::int64_t>(value))
               : std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), result.ptr);
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const std::from_chars_result result =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

void EvidenceWriter::key(std::string_view name) {
  if (json_.size() > 1) {
    json_.push_back(',');
  }
  append_json_string(name, json_);
  json_.push_back(':');
}

void EvidenceWriter::text(std::string_view name, std::string_view value) {
  key(name);
  append_json_string(value, json_);
}

void EvidenceWriter::number(std::string_view name, double value) {
  raw(name, number_text(value));
}

void EvidenceWriter::integer(std::string_view name, std::uint64_t value) {
  raw(name, std::to_string(value));
}

void EvidenceWriter::flag(std::string_view name, bool value) {
  raw(name, value ? "true" : "false");
}

void EvidenceWriter::raw(std::string_view name, std::string_view json) {
  key(name);
  json_.append(json);
}

std::string EvidenceWriter::finish() && {
  json_.push_back('}');
  return std::move(json_);
}

Report report_of(const Observation& observation) {
  Report report;
  report.time = observation.time;
  report.sequence = observation.sequence;
  report.identity = observation.identity;
  report.group.assign(observation.group.begin(), observation.group.end());
  report.first_seen = observation.time;
  report.last_seen = observation.time;
  if (observation.record != nullptr) {
    report.events.push_back(observation.record);
  }
  return report;
}

void append_events(std::span<const std::uint64_t> sequences,
                   const Observation& fired,
                   const RecordLookup& lookup,
                   std::vector<std::shared_ptr<const RecordCopy>>& out) {
  if (lookup) {
    const auto append = [&](std::uint64_t sequence) {
      if (std::shared_ptr<const RecordCopy> record = lookup(sequence)) {
        out.push_back(std::move(record));
      }
    };
    std::vector<std::uint64_t> last;  // newest first
    std::size_t at = sequences.size();
    while (at > 0 && last.size() + 1 < limits::alert_events_last) {
      --at;
      if (sequences[at] != fired.sequence) {
        last.push_back(sequences[at]);
      }
    }
    std::size_t first = 0;
    for (std::size_t i = 0; i < at && first < limits::alert_events_first; ++i) {
      if (sequences[i] != fired.sequence) {
        append(sequences[i]);
        ++first;
      }
    }
    for (std::size_t i = last.size(); i > 0; --i) {
      append(last[i - 1]);
    }
  }
  if (fired.record != nullptr) {
    out.push_back(fired.record);
  }
}

}  // namespace tocsin
