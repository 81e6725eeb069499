// SPDX-License-Identifier: Apache-2.0
#include "detectors/folding.h"

#include <algorithm>

#include "detectors/common.h"
#include "engine/flow/feed.h"

namespace tocsin {

namespace {

// A late report may come before the one that was shown.
bool is_near(TimeNs time, TimeNs shown, const CorrelationSpec& spec, const DetectorType& type) {
  const DurationNs span = type.folds_by_value ? day_ns : spec.timespan_ns;
  return time <= add_saturating(shown, span) && time >= subtract_saturating(shown, span);
}

}  // namespace

// Into key_, but for the group.
void Folding::make_key(const CorrelationSpec& spec,
                       const DetectorType& type,
                       std::string_view fold_value) {
  key_.clear();
  WireWriter writer(key_);
  writer.text(spec.info.key);
  if (type.folds_by_value) {
    writer.text(fold_value);
  }
}

bool Folding::repeats(const CorrelationSpec& spec,
                      const DetectorType& type,
                      std::string_view group_key,
                      TimeNs time,
                      std::string_view fold_value) {
  if (type.never_folds) {
    return false;
  }
  make_key(spec, type, fold_value);
  key_ += group_key;
  const TimeNs* last = shown_.use(key_);
  return last != nullptr && is_near(time, *last, spec, type);
}

bool Folding::shows(const CorrelationSpec& spec, const DetectorType& type, const Report& report) {
  if (type.never_folds) {
    return true;
  }
  make_key(spec, type, report.fold_value);
  append_group_key(report.group, key_);
  bool created = false;
  TimeNs& last = shown_.touch(key_, &created);
  if (created) {
    last = report.time;
    return true;
  }
  const bool folded = is_near(report.time, last, spec, type);
  if (!folded) {
    last = std::max(last, report.time);
  }
  return !folded;
}

void Folding::save(WireWriter& writer) const {
  writer.number(shown_.size());
  shown_.for_each([&](std::string_view key, const TimeNs& time, std::uint8_t standing) {
    writer.text(key);
    writer.number(standing);
    writer.signed_number(time);
  });
}

void Folding::load(WireReader& reader) {
  for (std::size_t keys = reader.count(3); keys > 0 && reader.ok(); --keys) {
    const std::string_view key = reader.text();
    const std::uint64_t standing = reader.number();
    shown_.restore(key, standing) = reader.signed_number();
  }
}

}  // namespace tocsin
