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
  group_at_ = key_.size();
}

bool Folding::repeats(const CorrelationSpec& spec,
                      const DetectorType& type,
                      std::string_view group_key,
                      TimeNs time,
                      std::string_view fold_value,
                      std::uint32_t number) {
  if (type.never_folds) {
    return false;
  }
  make_key(spec, type, fold_value);
  key_ += group_key;
  Shown* const last = shown_.use(key_);
  if (last == nullptr || !is_near(time, last->time, spec, type)) {
    return false;
  }
  count(*last, number);
  return true;
}

bool Folding::shows(const CorrelationSpec& spec,
                    const DetectorType& type,
                    const Report& report,
                    std::uint32_t number) {
  if (type.never_folds) {
    return true;
  }
  make_key(spec, type, report.fold_value);
  append_group_key(report.group, key_);
  bool created = false;
  Shown& last = shown_.touch(key_, &created);
  if (!created && is_near(report.time, last.time, spec, type)) {
    count(last, number);
    return false;
  }
  if (created || report.time >= last.time) {
    last.time = report.time;
    last.record = report.identity;
    last.round = 0;
  }
  return true;
}

// Precondition: key_ is of `shown`.
void Folding::count(Shown& shown, std::uint32_t number) {
  if (number == uncounted) {
    return;
  }
  if (shown.round != round_) {
    shown.round = round_;
    shown.place = static_cast<std::uint32_t>(folded_.size());
    folded_.push_back({number, key_.substr(group_at_), shown.record, 0});
  }
  ++folded_[shown.place].count;
}

std::vector<FoldedReports> Folding::take() {
  ++round_;
  return std::exchange(folded_, {});
}

void Folding::save(WireWriter& writer) const {
  writer.number(shown_.size());
  shown_.for_each([&](std::string_view key, const Shown& shown, std::uint8_t standing) {
    writer.text(key);
    writer.number(standing);
    writer.signed_number(shown.time);
    writer.hash(shown.record);
  });
}

void Folding::load(WireReader& reader, bool with_records) {
  for (std::size_t keys = reader.count(3); keys > 0 && reader.ok(); --keys) {
    const std::string_view key = reader.text();
    const std::uint64_t standing = reader.number();
    Shown& shown = shown_.restore(key, standing);
    shown.time = reader.signed_number();
    shown.record = with_records ? reader.hash() : Hash128{};
  }
}

}  // namespace tocsin
