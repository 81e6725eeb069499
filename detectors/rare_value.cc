// SPDX-License-Identifier: Apache-2.0
// rare_value: the value of a field is rare among the events of its group: its share of the
// population and its count, this event included, are at most so much, once the population is large
// enough. The population is counted in hour buckets: the events from the hour of `timespan` ago to
// the event's own.
#include <algorithm>
#include <array>

#include "detectors/common.h"
#include "detectors/flat_map.h"
#include "detectors/key_table.h"
#include "detectors/options.h"
#include "detectors/registry.h"
#include "detectors/state_json.h"
#include "engine/base/wire.h"

namespace tocsin {

namespace {

constexpr std::uint64_t format_version = 2;

std::int64_t hour_of(TimeNs time) {
  return time / hour_ns - (time % hour_ns < 0 ? 1 : 0);
}

// Counts by hour. Cost: add O(1) in order; count O(hours held outside the span asked for): few.
class HourCounts {
 public:
  // Of an hour that is imported: sums stay far from wrapping.
  static constexpr std::uint64_t counted_max = std::uint64_t{1} << 40;

  void add(std::int64_t hour) {
    ++total_;
    auto at = hours_.end();
    while (at != hours_.begin() && std::prev(at)->hour > hour) {
      --at;
    }
    if (at != hours_.begin() && std::prev(at)->hour == hour) {
      ++std::prev(at)->count;
    } else {
      hours_.insert(at, Hour{hour, 1});
    }
  }
  std::uint64_t count(std::int64_t first, std::int64_t last) const {
    std::uint64_t count = total_;
    for (auto at = hours_.begin(); at != hours_.end() && at->hour < first; ++at) {
      count -= at->count;
    }
    for (auto at = hours_.rbegin(); at != hours_.rend() && at->hour > last; ++at) {
      count -= at->count;
    }
    return count;
  }
  void forget_before(std::int64_t hour) {
    auto at = hours_.begin();
    for (; at != hours_.end() && at->hour < hour; ++at) {
      total_ -= at->count;
    }
    if (at != hours_.begin()) {
      hours_.erase(hours_.begin(), at);
    }
  }
  bool is_empty() const { return hours_.empty(); }
  std::uint64_t total() const { return total_; }
  std::int64_t first_hour() const { return hours_.front().hour; }
  std::int64_t last_hour() const { return hours_.back().hour; }
  std::size_t bytes() const { return hours_.capacity() * sizeof(Hour); }

  // [{"hour","events"}]
  std::string json() const {
    std::string list = "[";
    for (const Hour& hour : hours_) {
      EvidenceWriter member;
      member.text("hour", format_rfc3339(hour.hour * hour_ns));
      member.integer("events", hour.count);
      list += list.size() > 1 ? "," : "";
      list += std::move(member).finish();
    }
    return list + "]";
  }
  // False: it is not such a list, of ascending hours.
  bool load_json(const JsonNode* list) {
    if (list == nullptr || list->kind != JsonNode::Kind::array || list->children.empty()) {
      return false;
    }
    for (const JsonNode& node : list->children) {
      const std::optional<TimeNs> time = time_at(node, "hour");
      const std::optional<std::uint64_t> events = number_at(node, "events");
      if (!time || !events || *events == 0 || *events > counted_max ||
          (!hours_.empty() && hour_of(*time) <= hours_.back().hour)) {
        return false;
      }
      hours_.push_back({hour_of(*time), *events});
      total_ += *events;
    }
    return true;
  }

  void save(WireWriter& writer) const {
    writer.number(hours_.size());
    for (const Hour& hour : hours_) {
      writer.signed_number(hour.hour);
      writer.number(hour.count);
    }
  }
  void load(WireReader& reader) {
    for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
      const std::int64_t hour = reader.signed_number();
      const std::uint64_t events = reader.number();
      if (!hours_.empty() && hour <= hours_.back().hour) {
        reader.fail();
      }
      hours_.push_back({hour, events});
      total_ += events;
    }
  }

 private:
  struct Hour {
    std::int64_t hour;
    std::uint64_t count;
  };
  std::vector<Hour> hours_;  // ascending
  std::uint64_t total_ = 0;
};

struct RareSettings {
  DurationNs timespan_ns = 0;
  std::uint64_t min_population = 1000;
  double max_share = 0.001;
  std::uint64_t max_count = 3;
};

struct ValueCounts {
  std::string text;
  HourCounts hours;
  std::uint64_t number = 0;  // in order of first appearance: breaks ties the same in every run
};

struct RareGroup {
  HourCounts population;
  FlatMap<ValueCounts> values;
  std::uint64_t next_number = 0;
  std::size_t sweep_at = 64;  // values at which those without events are looked for
};

class RareValue final : public Detector {
 public:
  RareValue(RareSettings rare, const DetectorSettings& settings)
      : rare_(rare),
        settings_(settings),
        values_max_(std::max<std::uint64_t>(settings.max_values_per_key, 10)),
        groups_(settings.max_keys, settings.hash_seed) {}

  void on_match(const Observation& observation, const ReportSink& sink) override {
    const FieldView& field = observation.fields[0];
    if (field.values.empty()) {
      return;
    }
    std::string joined;
    std::string_view value = field.values.front();
    if (field.values.size() > 1) {
      joined = *field.single();
      value = bounded_text(joined, room_);
    }
    watermark_ = std::max(watermark_, observation.watermark);
    RareGroup& group = groups_.touch(observation.group_key, nullptr, observation.group_hash);
    const std::int64_t first = hour_of(subtract_saturating(observation.time, rare_.timespan_ns));
    const std::int64_t last = hour_of(observation.time);
    const std::int64_t horizon = hour_of(subtract_saturating(watermark_, rare_.timespan_ns));
    if (is_over(group, horizon)) {
      group = RareGroup();
    }
    if (last < horizon) {
      ++counters_.late;
      return;
    }
    group.population.forget_before(horizon);
    group.population.add(last);
    sweep(group, horizon);
    bool created = false;
    ValueCounts& counts = group.values.insert(hash_of(value), &created);
    if (created) {
      counts.text = std::string(value);
      counts.number = group.next_number++;
    }
    counts.hours.forget_before(horizon);
    counts.hours.add(last);
    check(observation,
          value,
          group.population.count(first, last),
          counts.hours.count(first, last),
          sink);
  }

  void prefetch(std::uint64_t group_hash, unsigned stage) const override {
    groups_.prefetch(group_hash, stage, [](const RareGroup&) {});
  }

  void on_time(TimeNs watermark, const ReportSink&) override {
    watermark_ = std::max(watermark_, watermark);
    const std::int64_t horizon = hour_of(subtract_saturating(watermark_, rare_.timespan_ns));
    groups_.expire([&](const RareGroup& group) { return is_over(group, horizon); });
  }

  void save(std::string& out) const override {
    WireWriter writer(out);
    writer.number(format_version);
    writer.signed_number(watermark_);
    writer.number(groups_.size());
    groups_.for_each([&](std::string_view key, const RareGroup& group, std::uint8_t standing) {
      writer.text(key);
      writer.number(standing);
      group.population.save(writer);
      writer.number(group.next_number);
      writer.number(group.sweep_at);
      writer.number(group.values.size());
      group.values.for_each([&](const Hash128&, const ValueCounts& counts) {
        writer.text(counts.text);
        writer.number(counts.number);
        counts.hours.save(writer);
      });
    });
  }

  bool load(std::string_view bytes) override {
    WireReader reader(bytes);
    if (reader.number() != format_version) {
      return false;
    }
    const TimeNs watermark = reader.signed_number();
    KeyTable<RareGroup> groups(settings_.max_keys, settings_.hash_seed);
    for (std::size_t keys = reader.count(); keys > 0 && reader.ok(); --keys) {
      const std::string_view key = reader.text();
      const std::uint64_t standing = reader.number();
      RareGroup& group = groups.restore(key, standing);
      group.population.load(reader);
      group.next_number = reader.number();
      group.sweep_at = static_cast<std::size_t>(reader.number());
      for (std::size_t count = reader.count(3); count > 0 && reader.ok(); --count) {
        const std::string_view text = reader.text();
        ValueCounts& counts = group.values.insert(hash_of(text));
        counts.text = std::string(text);
        counts.number = reader.number();
        counts.hours.load(reader);
      }
    }
    if (!reader.ok() || !reader.at_end()) {
      return false;
    }
    groups_ = std::move(groups);
    watermark_ = watermark;
    return true;
  }

  DetectorLosses losses() const override {
    return {groups_.evicted_protected(), counters_.dropped_values, counters_.late};
  }

  DetectorCounters counters() const override {
    DetectorCounters counters = counters_;
    counters.keys = groups_.size();
    counters.evicted_keys = groups_.evicted();
    counters.evicted_protected = groups_.evicted_protected();
    counters.bytes = groups_.bytes();
    groups_.for_each([&](std::string_view, const RareGroup& group, std::uint8_t) {
      counters.bytes += group.values.bytes() + group.population.bytes();
      group.values.for_each([&](const Hash128&, const ValueCounts& counts) {
        counters.bytes += counts.hours.bytes() + (counts.text.size() > 15 ? counts.text.size() : 0);
      });
    });
    return counters;
  }

  void for_each_group(TimeNs, const GroupVisit& visit) const override {
    groups_.for_each([&](std::string_view key, const RareGroup& group, std::uint8_t) {
      visit(view_of(key, group));
    });
  }

  // {"events","first_seen","last_seen","population":[{"hour","events"}],"values":[{"value","hours"}]}
  std::optional<std::string> show(std::string_view group_key) const override {
    const RareGroup* group = groups_.find(group_key);
    if (group == nullptr) {
      return std::nullopt;
    }
    std::vector<const ValueCounts*> sorted;
    group->values.for_each(
        [&](const Hash128&, const ValueCounts& counts) { sorted.push_back(&counts); });
    std::sort(sorted.begin(), sorted.end(), [](const ValueCounts* a, const ValueCounts* b) {
      return a->text < b->text;
    });
    std::string values = "[";
    for (const ValueCounts* counts : sorted) {
      EvidenceWriter member;
      member.text("value", counts->text);
      member.integer("events", counts->hours.total());
      member.raw("hours", counts->hours.json());
      values += values.size() > 1 ? "," : "";
      values += std::move(member).finish();
    }
    GroupView view = view_of(group_key, *group);
    view.values = 0;  // they are all there
    std::string json = group_json(view);
    json.back() = ',';
    return json + "\"population\":" + group->population.json() + ",\"values\":" + values + "]}";
  }

  Result<void> import_group(std::string_view group_key, std::string_view json) override {
    const Result<JsonNode> root = parse_json(json);
    const JsonNode* values = root ? root->get("values") : nullptr;
    RareGroup group;
    if (values == nullptr || values->kind != JsonNode::Kind::array ||
        !group.population.load_json(root->get("population"))) {
      return fail("the state of a rare_value group has population and values, in hours");
    }
    for (const JsonNode& node : values->children) {
      const JsonNode* text = node.get("value");
      bool created = false;
      ValueCounts counts;
      if (text == nullptr || text->kind != JsonNode::Kind::string ||
          !counts.hours.load_json(node.get("hours"))) {
        return fail("a value has value and hours, each with hour and events, in their order");
      }
      counts.text = text->text;
      counts.number = group.next_number++;
      ValueCounts& kept = group.values.insert(hash_of(counts.text), &created);
      if (!created) {
        return fail("the value " + printable(counts.text) + " is there twice");
      }
      kept = std::move(counts);
    }
    groups_.erase(group_key);
    // Twice: a group with a baseline is protected.
    groups_.touch(group_key);
    groups_.touch(group_key) = std::move(group);
    return {};
  }

  bool forget(std::string_view group_key) override { return groups_.erase(group_key); }

  bool has_baseline() const override { return true; }

 private:
  static bool is_over(const RareGroup& group, std::int64_t horizon) {
    return group.population.is_empty() || group.population.last_hour() < horizon;
  }

  GroupView view_of(std::string_view key, const RareGroup& group) const {
    GroupView view;
    view.key = key;
    view.values = group.values.size();
    if (!group.population.is_empty()) {
      view.events = group.population.count(std::numeric_limits<std::int64_t>::min(),
                                           std::numeric_limits<std::int64_t>::max());
      view.first_seen = group.population.first_hour() * hour_ns;
      view.last_seen = group.population.last_hour() * hour_ns;
    }
    view.learning = view.events < rare_.min_population;
    return view;
  }

  Hash128 hash_of(std::string_view value) const {
    return {seeded_hash(value, settings_.hash_seed), seeded_hash(value, ~settings_.hash_seed)};
  }

  void check(const Observation& observation,
             std::string_view value,
             std::uint64_t population,
             std::uint64_t count,
             const ReportSink& sink) {
    if (population < rare_.min_population) {
      ++counters_.skipped;
      return;
    }
    const double share = static_cast<double>(count) / static_cast<double>(population);
    if (count > rare_.max_count || share > rare_.max_share) {
      return;
    }
    if (!sink.wants(observation.group_key, observation.time, value)) {
      return;
    }
    Report report = report_of(observation);
    report.fold_value = std::string(value);
    EvidenceWriter evidence;
    evidence.text("value", value);
    evidence.integer("count", count);
    evidence.integer("population", population);
    evidence.number("share", share);
    evidence.text("timespan", format_duration(rare_.timespan_ns));
    report.evidence_json = std::move(evidence).finish();
    sink(std::move(report));
  }

  // Drops values without events in any span that can still be asked for; past the limit, a tenth of
  // those not seen for longest.
  void sweep(RareGroup& group, std::int64_t horizon) {
    if (group.values.size() < std::min<std::size_t>(group.sweep_at, values_max_)) {
      return;
    }
    struct Candidate {
      std::int64_t last_hour;
      std::uint64_t number;
      Hash128 value;
    };
    std::vector<Candidate> held;
    std::vector<Hash128> dropped;
    group.values.for_each([&](const Hash128& value, const ValueCounts& counts) {
      if (counts.hours.last_hour() < horizon) {
        dropped.push_back(value);
      } else {
        held.push_back({counts.hours.last_hour(), counts.number, value});
      }
    });
    if (held.size() >= values_max_) {
      std::sort(held.begin(), held.end(), [](const Candidate& a, const Candidate& b) {
        return a.last_hour != b.last_hour ? a.last_hour < b.last_hour : a.number < b.number;
      });
      const std::size_t excess = std::max<std::size_t>(1, held.size() / 10);
      for (std::size_t i = 0; i < excess; ++i) {
        dropped.push_back(held[i].value);
      }
      counters_.dropped_values += excess;
    }
    for (const Hash128& value : dropped) {
      group.values.erase(value);
    }
    group.sweep_at = std::max<std::size_t>(64, group.values.size() * 2);
  }

  RareSettings rare_;
  DetectorSettings settings_;
  std::size_t values_max_;
  KeyTable<RareGroup> groups_;
  TimeNs watermark_ = std::numeric_limits<TimeNs>::min();
  std::string room_;  // reused
  DetectorCounters counters_;
};

}  // namespace

DetectorResult make_rare_value(const CorrelationSpec& spec, const DetectorSettings& settings) {
  OptionReader options(spec, find_detector_type(spec.type)->options);
  RareSettings rare;
  rare.timespan_ns = spec.timespan_ns;
  rare.min_population = options.integer("min-population", rare.min_population);
  rare.max_share = options.number("max-share", rare.max_share, 0, 1);
  rare.max_count = options.integer("max-count", rare.max_count);
  if (options.error()) {
    return Unexpected<SpecError>{*options.error()};
  }
  if (spec.fields.size() != 1) {
    return spec_error("rare_value needs one field", "field: userAgent");
  }
  return std::unique_ptr<Detector>(std::make_unique<RareValue>(rare, settings));
}

}  // namespace tocsin
