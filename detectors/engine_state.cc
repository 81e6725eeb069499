// SPDX-License-Identifier: Apache-2.0
// CorrelationEngine's state: what outlives a restart, and what a reload carries over.
#include <utility>

#include "detectors/engine.h"

namespace tocsin {

namespace {

constexpr std::uint64_t format_version = 5;
// Does not say which records fired the reports that others are folded into.
constexpr std::uint64_t format_without_records = 4;
// More would be no state of ours.
constexpr std::size_t shards_max = 1024;

}  // namespace

void CorrelationEngine::adopt(std::shared_ptr<const Ruleset> ruleset) {
  close_segment();  // the numbers in it are of the old ruleset
  ruleset_ = std::move(ruleset);
  for (const auto& shard : shards_) {
    shard->adopt(ruleset_);
  }
  follow_learners();
}

void CorrelationEngine::save(std::string& out) const {
  WireWriter writer(out);
  writer.number(format_version);
  writer.signed_number(watermark_);
  writer.signed_number(latest_);
  writer.signed_number(passed_);
  writer.number(next_step_);
  writer.number(clocks_.size());
  for (const auto& [input, clock] : clocks_) {
    writer.text(input);
    writer.signed_number(clock.latest);
    writer.flag(clock.idle);
  }
  writer.number(passing_.size());
  for (const auto& [input, time] : passing_) {
    writer.text(input);
    writer.signed_number(time);
  }
  seen_.save(writer);
  learned_.save(writer);
  writer.number(shards_.size());
  for (const auto& shard : shards_) {
    const std::size_t begin = writer.begin_text();
    shard->save(out);
    writer.end_text(begin);
  }
}

bool CorrelationEngine::load(std::string_view bytes) {
  WireReader reader(bytes);
  const std::uint64_t format = reader.number();
  if (format != format_version && format != format_without_records) {
    return false;
  }
  const TimeNs watermark = reader.signed_number();
  const TimeNs latest = reader.signed_number();
  const TimeNs passed = reader.signed_number();
  const std::uint64_t next_step = reader.number();
  std::map<std::string, InputClock> clocks;
  for (std::size_t count = reader.count(3); count > 0 && reader.ok(); --count) {
    const std::string input(reader.text());
    const TimeNs of_input = reader.signed_number();
    clocks[input] = {of_input, reader.flag()};
  }
  std::map<std::string, TimeNs> passing;
  for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
    const std::string input(reader.text());
    passing[input] = reader.signed_number();
  }
  SeenRecords seen(settings_.duplicate_ids_max);
  seen.load(reader);
  LearnedHistory learned(settings_.learned_streams_max);
  learned.load(reader);
  // Into new shards first, so that unreadable bytes change nothing.
  const std::size_t count = reader.count();
  if (!reader.ok() || count == 0 || count > shards_max) {
    return false;
  }
  std::vector<std::unique_ptr<CorrelationShard>> shards =
      make_shards(static_cast<std::uint32_t>(count));
  for (const auto& shard : shards) {
    const std::string_view state = reader.text();
    if (!reader.ok() || !shard->load(state, format == format_version)) {
      return false;
    }
  }
  if (!reader.at_end()) {
    return false;
  }
  shards_ = std::move(shards);
  reports_.clear();
  seen_ = std::move(seen);
  learned_ = std::move(learned);
  follow_learners();
  clocks_ = std::move(clocks);
  clock_ = nullptr;
  watermark_ = watermark;
  latest_ = latest;
  passed_ = passed;
  passing_ = std::move(passing);
  next_step_ = next_step;
  return true;
}

// --- for people ---

Detector* CorrelationEngine::owner(std::uint32_t spec, std::string_view group_key) const {
  return shards_[shards_.front()->owner_of(spec, group_key)]->detector(spec);
}

bool CorrelationEngine::has_baseline(std::uint32_t spec) const {
  const Detector* detector = shards_.front()->detector(spec);
  return detector != nullptr && detector->has_baseline();
}

void CorrelationEngine::for_each_group(std::uint32_t spec, const GroupVisit& visit) const {
  std::map<std::string, GroupView> sorted;
  for (const auto& shard : shards_) {
    if (const Detector* detector = shard->detector(spec)) {
      detector->for_each_group(
          watermark_, [&](const GroupView& view) { sorted.emplace(std::string(view.key), view); });
    }
  }
  for (auto& [key, view] : sorted) {
    view.key = key;
    visit(view);
  }
}

std::optional<std::string> CorrelationEngine::show(std::uint32_t spec,
                                                   std::string_view group_key) const {
  const Detector* detector = owner(spec, group_key);
  return detector == nullptr ? std::nullopt : detector->show(group_key);
}

bool CorrelationEngine::forget(std::uint32_t spec, std::string_view group_key) {
  Detector* detector = owner(spec, group_key);
  return detector != nullptr && detector->forget(group_key);
}

Result<void> CorrelationEngine::import_group(std::uint32_t spec,
                                             std::string_view group_key,
                                             std::string_view json) {
  Detector* detector = owner(spec, group_key);
  if (detector == nullptr) {
    return fail("this correlation cannot be run");
  }
  return detector->import_group(group_key, json);
}

}  // namespace tocsin
