// SPDX-License-Identifier: Apache-2.0
#include "app/stage_state.h"

#include "engine/base/wire.h"

namespace tocsin {
namespace {

constexpr std::uint64_t format_version = 1;

bool load_snapshot(std::string_view bytes,
                   Duplicates& duplicates,
                   CorrelationEngine& correlations) {
  WireReader reader(bytes);
  if (reader.number() != format_version) {
    return false;
  }
  duplicates.load(reader);
  const std::string_view detectors = reader.text();
  return reader.ok() && reader.at_end() && correlations.load(detectors);
}

// One row of the log: the journals of one or more batches.
bool replay(std::string_view journal, Duplicates& duplicates, CorrelationEngine& correlations) {
  WireReader reader(journal);
  while (reader.ok() && !reader.at_end()) {
    WireReader added(reader.text());
    const std::string_view fed = reader.text();
    while (added.ok() && !added.at_end()) {
      const Hash128 id = added.hash();
      const TimeNs time = added.signed_number();
      if (added.ok()) {
        duplicates.insert(id, time);
      }
    }
    if (!reader.ok() || !added.ok() || !correlations.replay(fed)) {
      return false;
    }
  }
  return reader.ok();
}

}  // namespace

std::string stage_snapshot(const Duplicates& duplicates,
                           const CorrelationEngine& correlations,
                           std::size_t bytes_expected) {
  std::string bytes;
  bytes.reserve(bytes_expected);
  WireWriter writer(bytes);
  writer.number(format_version);
  duplicates.save(writer);
  const std::size_t begin = writer.begin_text();
  correlations.save(bytes);
  writer.end_text(begin);
  return bytes;
}

std::string stage_journal(std::string_view added, std::string_view fed) {
  std::string bytes;
  if (!added.empty() || !fed.empty()) {
    bytes.reserve(added.size() + fed.size() + 2 * WireWriter::number_bytes_max);
    WireWriter writer(bytes);
    writer.text(added);
    writer.text(fed);
  }
  return bytes;
}

void append_added(const Hash128& id, TimeNs event_time, std::string& added) {
  WireWriter writer(added);
  writer.hash(id);
  writer.signed_number(event_time);
}

bool restore_stage(const SavedState& saved,
                   Duplicates& duplicates,
                   CorrelationEngine& correlations) {
  if (!load_snapshot(saved.snapshot, duplicates, correlations)) {
    return false;
  }
  for (const std::string& journal : saved.journal) {
    if (!replay(journal, duplicates, correlations)) {
      return false;
    }
  }
  return true;
}

}  // namespace tocsin
