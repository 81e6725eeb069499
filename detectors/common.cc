// SPDX-License-Identifier: Apache-2.0
#include "detectors/common.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/limits.h"
#include "engine/base/text.h"

namespace tocsin {

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

std::uint64_t least_count(std::span<const Threshold> thresholds) {
  double least = 0;
  for (const Threshold& threshold : thresholds) {
    if (threshold.op == CompareOp::gt) {
      least = std::max(least, std::floor(threshold.value) + 1);
    } else if (threshold.op == CompareOp::gte || threshold.op == CompareOp::eq) {
      least = std::max(least, std::ceil(threshold.value));
    }
  }
  return static_cast<std::uint64_t>(std::min(least, 1e18));
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

std::string group_json(const GroupView& view) {
  EvidenceWriter json;
  json.integer("events", view.events);
  if (view.values > 0) {
    json.integer("values", view.values);
  }
  if (view.first_seen) {
    json.text("first_seen", format_rfc3339(*view.first_seen));
  }
  if (view.last_seen) {
    json.text("last_seen", format_rfc3339(*view.last_seen));
  }
  return std::move(json).finish();
}

Report report_of(const Observation& observation) {
  Report report;
  report.time = observation.time;
  report.sequence = observation.sequence;
  report.identity = observation.identity;
  report.group = parse_group_key(observation.group_key);
  report.first_seen = observation.time;
  report.last_seen = observation.time;
  if (observation.record != nullptr) {
    report.events.push_back(*observation.record);
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
    out.push_back(*fired.record);
  }
}

}  // namespace tocsin
