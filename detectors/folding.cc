// SPDX-License-Identifier: Apache-2.0
#include "detectors/folding.h"

#include <algorithm>

#include "detectors/common.h"
#include "detectors/registry.h"

namespace tocsin {

bool Folding::shows(const CorrelationSpec& spec, const Report& report) {
  const DetectorType* type = find_detector_type(spec.type);
  if (type == nullptr || type->never_folds) {
    return true;
  }
  key_.clear();
  WireWriter writer(key_);
  writer.text(spec.info.key);
  if (type->folds_by_value) {
    writer.text(report.fold_value);
  }
  append_group_key(report.group, key_);
  const DurationNs span = type->folds_by_value ? day_ns : spec.timespan_ns;
  bool created = false;
  TimeNs& last = shown_.touch(key_, &created);
  if (created) {
    last = report.time;
    return true;
  }
  // A late report may come before the one that was shown.
  const bool folded =
      report.time <= add_saturating(last, span) && report.time >= subtract_saturating(last, span);
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
