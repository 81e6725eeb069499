// SPDX-License-Identifier: Apache-2.0
// new_value: the value of a field was never seen for this group in the baseline. What is learned
// from (the baseline's rules) may be other than what reports, since a rule that fires rarely cannot
// teach what is usual.
//
// An event is checked before it is learned. While a group is learning, `on-learning` says what
// becomes of a report; while it is new or learning, `on-new-group: parent` asks the group without
// its last key instead.
#include <algorithm>
#include <array>
#include <deque>
#include <memory>

#include "detectors/baseline.h"
#include "detectors/common.h"
#include "detectors/granularity.h"
#include "detectors/key_table.h"
#include "detectors/options.h"
#include "detectors/registry.h"

namespace tocsin {

namespace {

constexpr std::uint64_t format_version = 1;
constexpr std::size_t known_values_shown = 10;

enum class OnLearning : std::uint8_t { silent, tag, alert };
enum class OnNewGroup : std::uint8_t { learn, alert, parent };

struct NewValueSettings {
  BaselineRules rules;
  Granularity granularity = Granularity::raw;
  OnLearning on_learning = OnLearning::tag;
  OnNewGroup on_new_group = OnNewGroup::learn;
  std::uint64_t reporting = ~std::uint64_t{0};  // inputs that report
  std::uint64_t teaching = ~std::uint64_t{0};   // inputs that are learned from
};

class NewValue final : public Detector {
 public:
  NewValue(NewValueSettings new_value, ExcludeList exclude, const DetectorSettings& settings)
      : new_value_(std::move(new_value)),
        exclude_(std::move(exclude)),
        settings_(settings),
        groups_(settings.max_keys, settings.hash_seed),
        parents_(settings.max_keys, settings.hash_seed) {}

  void on_match(const Observation& observation, const ReportSink& sink) override {
    read_values(observation.fields[0]);
    if (values_.empty()) {
      return;
    }
    value_hash_ = takes_values_as_they_are() ? observation.value_hash : 0;
    const auto begins_to = [&](std::uint64_t inputs) {
      return (observation.inputs & inputs) != 0 && (observation.before & inputs) == 0;
    };
    const bool reports = begins_to(new_value_.reporting);
    const bool teaches = begins_to(new_value_.teaching);
    key_ = observation.group_key;
    if (new_value_.on_new_group == OnNewGroup::parent) {
      parent_key_ = parent_group_key(key_);
    }
    // Who only reports makes no group.
    Baseline* const group = teaches ? &groups_.touch(key_, nullptr, observation.group_hash)
                                    : groups_.find(key_, observation.group_hash);
    forget_old(group, observation.watermark);
    if (new_value_.on_new_group == OnNewGroup::parent) {
      forget_old(parents_.find(parent_key_), observation.watermark);
    }
    hint_ = nullptr;
    if (reports) {
      check(observation, known_of(group, observation.time), sink);
    }
    if (teaches) {
      teach(*group, observation.time, values_.size() == 1 ? hint_ : nullptr);
      if (new_value_.on_new_group == OnNewGroup::parent) {
        teach(parents_.touch(parent_key_), observation.time, nullptr);
      }
    }
  }

  void prefetch(std::uint64_t group_hash, unsigned stage) const override {
    groups_.prefetch(group_hash, stage, [](const Baseline& baseline) { baseline.prefetch(); });
  }

  void prefetch_value(std::uint64_t group_hash,
                      std::string_view value,
                      std::uint32_t value_hash) const override {
    if (takes_values_as_they_are()) {
      groups_.prefetch(
          group_hash, 2, [&](const Baseline& baseline) { baseline.prefetch(value, value_hash); });
    }
  }

  void on_time(TimeNs watermark, const ReportSink&) override {
    const auto is_old = [&](const Baseline& baseline) { return is_over(baseline, watermark); };
    groups_.expire(is_old);
    parents_.expire(is_old);
  }

  void save(std::string& out) const override {
    WireWriter writer(out);
    writer.number(format_version);
    for (const KeyTable<Baseline>* table : {&groups_, &parents_}) {
      writer.number(table->size());
      table->for_each([&](std::string_view key, const Baseline& baseline, std::uint8_t standing) {
        writer.text(key);
        writer.number(standing);
        baseline.save(writer);
      });
    }
  }

  bool load(std::string_view bytes) override {
    WireReader reader(bytes);
    if (reader.number() != format_version) {
      return false;
    }
    KeyTable<Baseline> groups(settings_.max_keys, settings_.hash_seed);
    KeyTable<Baseline> parents(settings_.max_keys, settings_.hash_seed);
    for (KeyTable<Baseline>* table : {&groups, &parents}) {
      for (std::size_t keys = reader.count(); keys > 0 && reader.ok(); --keys) {
        const std::string_view key = reader.text();
        const std::uint64_t standing = reader.number();
        table->restore(key, standing).load(reader);
      }
    }
    if (!reader.ok() || !reader.at_end()) {
      return false;
    }
    groups_ = std::move(groups);
    parents_ = std::move(parents);
    return true;
  }

  DetectorLosses losses() const override {
    return {groups_.evicted_protected() + parents_.evicted_protected(),
            counters_.dropped_values,
            counters_.late};
  }

  DetectorCounters counters() const override {
    DetectorCounters counters = counters_;
    counters.keys = groups_.size();
    counters.evicted_keys = groups_.evicted() + parents_.evicted();
    counters.evicted_protected = groups_.evicted_protected() + parents_.evicted_protected();
    counters.bytes = groups_.bytes() + parents_.bytes();
    for (const KeyTable<Baseline>* table : {&groups_, &parents_}) {
      table->for_each([&](std::string_view, const Baseline& baseline, std::uint8_t) {
        counters.bytes += baseline.bytes();
      });
    }
    return counters;
  }

  bool has_baseline() const override { return true; }

  void for_each_group(TimeNs now, const GroupVisit& visit) const override {
    groups_.for_each([&](std::string_view key, const Baseline& baseline, std::uint8_t) {
      GroupView view;
      view.key = key;
      view.events = baseline.events();
      view.values = baseline.values().size();
      if (!baseline.is_empty()) {
        view.first_seen = baseline.since();
        view.last_seen = baseline.last_seen();
      }
      view.learning = baseline.is_learning(now, new_value_.rules);
      visit(view);
    });
  }

  std::optional<std::string> show(std::string_view group_key) const override {
    const Baseline* baseline = groups_.find(group_key);
    return baseline == nullptr ? std::nullopt
                               : std::optional<std::string>(baseline_json(*baseline));
  }

  bool forget(std::string_view group_key) override { return groups_.erase(group_key); }

  // The parent learns what the group brings, as if it had seen it.
  Result<void> import_group(std::string_view group_key, std::string_view json) override {
    Result<Baseline> baseline = baseline_of_json(json);
    if (!baseline) {
      return Unexpected<Error>{baseline.error()};
    }
    if (new_value_.on_new_group == OnNewGroup::parent) {
      parents_.touch(parent_group_key(group_key)).merge(*baseline, new_value_.rules);
    }
    groups_.erase(group_key);
    // Twice: a group with a baseline is protected.
    groups_.touch(group_key);
    groups_.touch(group_key) = std::move(*baseline);
    return {};
  }

 private:
  bool is_over(const Baseline& baseline, TimeNs watermark) const {
    return baseline.last_seen() < subtract_saturating(watermark, new_value_.rules.forget_after_ns);
  }
  void forget_old(Baseline* baseline, TimeNs watermark) const {
    if (baseline != nullptr && is_over(*baseline, watermark)) {
      *baseline = Baseline();
    }
  }

  struct Decision {
    const Baseline* baseline = nullptr;  // whose evidence is shown
    bool learning = false;
    bool from_parent = false;
    bool reports = true;
  };

  bool takes_values_as_they_are() const {
    return new_value_.granularity == Granularity::raw && exclude_.is_empty();
  }

  // Into values_: what is not excluded, as the granularity says.
  void read_values(const FieldView& field) {
    values_.clear();
    if (field.values.size() == 1 && new_value_.granularity == Granularity::net) {
      read_network(field.values.front());
      return;
    }
    for (const std::string_view text : field.values) {
      if (takes_values_as_they_are()) {
        values_.push_back(text);
      } else if (!is_excluded(text)) {
        if (kept_.size() <= values_.size()) {
          kept_.emplace_back();
        }
        std::string& kept = kept_[values_.size()];
        kept = granular_value(new_value_.granularity, text, settings_.geo);
        values_.push_back(kept);
      }
    }
  }

  bool is_excluded(std::string_view text) const {
    return !exclude_.is_empty() && exclude_.contains(text, unmapped_address(text));
  }

  // The same few addresses come again and again: what became of them is remembered, unless it is
  // found out as fast.
  void read_network(std::string_view text) {
    if (kept_.empty()) {
      kept_.emplace_back();
    }
    if (exclude_.is_empty() && read_ipv4_network(text, kept_.front())) {
      values_.push_back(kept_.front());
      return;
    }
    Network& known = networks_[static_cast<std::size_t>(seeded_hash(text, settings_.hash_seed) %
                                                        networks_.size())];
    if (!known.is_used || known.text != text) {
      known.is_used = true;
      known.text = std::string(text);
      known.is_excluded = is_excluded(text);
      known.value = granular_value(Granularity::net, text, settings_.geo);
    }
    if (!known.is_excluded) {
      values_.push_back(known.value);
    }
  }

  void teach(Baseline& baseline, TimeNs time, const KnownValue* hint) {
    for (const std::string_view value : values_) {
      counters_.dropped_values += baseline.learn(value, time, new_value_.rules, value_hash_, hint);
    }
  }

  bool is_known(const Baseline& baseline, const KnownValue* known, TimeNs time) const {
    if (known == nullptr) {
      return false;
    }
    // While everything is young there is nothing to compare an age with: seen is known.
    return baseline.is_learning(time, new_value_.rules) ||
           Baseline::is_known(*known, time, new_value_.rules);
  }

  // Whether it is still in memory must not matter.
  const Baseline& known_of(const Baseline* baseline, TimeNs time) const {
    return baseline == nullptr || baseline->is_forgotten(time, new_value_.rules) ? nothing_
                                                                                 : *baseline;
  }

  // By what a value that the group does not know is judged.
  Decision decide(const Baseline& group, std::string_view value, TimeNs time) {
    Decision decision;
    decision.baseline = &group;
    if (!group.is_learning(time, new_value_.rules)) {
      return decision;
    }
    decision.learning = true;
    switch (new_value_.on_new_group) {
      case OnNewGroup::learn:
        break;
      case OnNewGroup::alert:
        decision.learning = false;
        break;
      case OnNewGroup::parent: {
        const Baseline& parent = known_of(parents_.find(parent_key_), time);
        decision.from_parent = true;
        decision.baseline = &parent;
        decision.reports =
            !is_known(parent, parent.find(value, time, new_value_.rules, value_hash_), time);
        decision.learning = parent.is_learning(time, new_value_.rules);
        break;
      }
    }
    return decision;
  }

  void check(const Observation& observation, const Baseline& group, const ReportSink& sink) {
    std::vector<std::string> novel;
    Decision decision;
    for (const std::string_view value : values_) {
      hint_ = group.find(value, observation.time, new_value_.rules, value_hash_);
      if (is_known(group, hint_, observation.time)) {
        continue;
      }
      const Decision one = decide(group, value, observation.time);
      if (!one.reports || (one.learning && new_value_.on_learning == OnLearning::silent)) {
        continue;
      }
      novel.emplace_back(value);
      decision = one;
    }
    if (!novel.empty()) {
      report(observation, decision, *FieldTexts{std::move(novel)}.single(), sink);
    }
  }

  void report(const Observation& observation,
              const Decision& decision,
              const std::string& novel,
              const ReportSink& sink) {
    if (!sink.wants(observation.group_key, observation.time, novel)) {
      return;
    }
    Report report = report_of(observation);
    report.fold_value = novel;
    report.learning = decision.learning;
    if (decision.learning && new_value_.on_learning == OnLearning::tag) {
      report.level = Level::informational;
    }
    EvidenceWriter evidence;
    evidence.text("value", novel);
    evidence.flag("learning", decision.learning);
    evidence.text("compared_with", decision.from_parent ? "parent" : "group");
    const Baseline& baseline = *decision.baseline;
    if (!baseline.is_empty()) {
      evidence.text("baseline_since", format_rfc3339(baseline.since()));
    }
    evidence.integer("baseline_events", baseline.events());
    evidence.integer("known_values", baseline.values().size());
    evidence.raw("known", known_values(baseline));
    report.evidence_json = std::move(evidence).finish();
    sink(std::move(report));
  }

  // The most recent ones, as a JSON array.
  static std::string known_values(const Baseline& baseline) {
    std::vector<const KnownValue*> recent;
    for (const KnownValue& value : baseline.values()) {
      recent.push_back(&value);
    }
    const auto shown =
        recent.begin() + static_cast<std::ptrdiff_t>(std::min(known_values_shown, recent.size()));
    std::partial_sort(
        recent.begin(), shown, recent.end(), [](const KnownValue* a, const KnownValue* b) {
          return a->last_seen != b->last_seen ? a->last_seen > b->last_seen : a->text < b->text;
        });
    std::string json = "[";
    for (auto value = recent.begin(); value != shown; ++value) {
      EvidenceWriter member;
      member.text("value", (*value)->text);
      member.text("first_seen", format_rfc3339((*value)->first_seen));
      member.text("last_seen", format_rfc3339((*value)->last_seen));
      member.integer("days", (*value)->days);
      member.integer("events", (*value)->count);
      json += json.size() > 1 ? "," : "";
      json += std::move(member).finish();
    }
    return json + "]";
  }

  NewValueSettings new_value_;
  ExcludeList exclude_;
  DetectorSettings settings_;
  const Baseline nothing_;
  KeyTable<Baseline> groups_;
  KeyTable<Baseline> parents_;  // by the group without its last key
  DetectorCounters counters_;
  struct Network {
    bool is_used = false;
    bool is_excluded = false;
    std::string text;
    std::string value;
  };
  std::array<Network, 256> networks_;
  // Of the event at hand:
  std::string_view key_;
  std::string_view parent_key_;
  std::vector<std::string_view> values_;
  std::deque<std::string> kept_;  // of values that had to be made
  std::uint32_t value_hash_ = 0;  // text_hash() of the only one; 0: not known
  const KnownValue* hint_ = nullptr;
};

// Which inputs report and which teach; the same ones where no baseline is given.
void read_inputs(const CorrelationSpec& spec, NewValueSettings& settings) {
  std::uint64_t baseline = 0;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    baseline |= spec.inputs[i].baseline ? std::uint64_t{1} << i : 0;
  }
  if (baseline != 0) {
    settings.teaching = baseline;
    settings.reporting = ~baseline;
  }
}

}  // namespace

DetectorResult make_new_value(const CorrelationSpec& spec, const DetectorSettings& settings) {
  constexpr std::array<std::string_view, 5> granularities = {"raw", "ip", "net", "asn", "country"};
  constexpr std::array<std::string_view, 3> on_learning = {"silent", "tag", "alert"};
  constexpr std::array<std::string_view, 3> on_new_group = {"learn", "alert", "parent"};
  OptionReader options(spec, find_detector_type(spec.type)->options);
  NewValueSettings new_value;
  BaselineRules& rules = new_value.rules;
  rules.learning_ns = options.duration("learning", rules.learning_ns);
  rules.learning_min_events = options.integer("learning-min-events", rules.learning_min_events);
  rules.mature_after_ns = options.duration("mature-after", rules.mature_after_ns);
  rules.min_days = options.integer("min-days", rules.min_days);
  rules.forget_after_ns = options.duration("forget-after", rules.forget_after_ns);
  rules.values_max = std::max<std::uint64_t>(settings.max_values_per_key, 10);
  new_value.granularity = static_cast<Granularity>(options.choice("granularity", granularities, 0));
  new_value.on_learning = static_cast<OnLearning>(options.choice("on-learning", on_learning, 1));
  new_value.on_new_group = static_cast<OnNewGroup>(options.choice("on-new-group", on_new_group, 0));
  read_inputs(spec, new_value);
  if (new_value.on_new_group == OnNewGroup::parent && spec.group_by.size() < 2) {
    options.fail("on-new-group",
                 "'parent' needs a group-by of at least two fields",
                 "the parent is the group without its last field");
  }
  if (options.error()) {
    return Unexpected<SpecError>{*options.error()};
  }
  if (spec.fields.size() != 1) {
    return spec_error("new_value needs one field", "field: sourceIPAddress");
  }
  if ((new_value.granularity == Granularity::asn && !settings.geo_fields.asn) ||
      (new_value.granularity == Granularity::country && !settings.geo_fields.country)) {
    options.fail("granularity",
                 "this granularity needs a database of addresses, and none is configured",
                 "name one with --geo-database FILE or geo_databases: in the configuration");
    return Unexpected<SpecError>{*options.error()};
  }
  return std::unique_ptr<Detector>(std::make_unique<NewValue>(
      std::move(new_value), ExcludeList(options.list("exclude")), settings));
}

}  // namespace tocsin
