// SPDX-License-Identifier: Apache-2.0
// CorrelationEngine's state: what outlives a restart, and what a reload carries over.
#include <utility>

#include "detectors/engine.h"
#include "detectors/record_state.h"

namespace tocsin {

namespace {

constexpr std::uint64_t format_version = 1;

// What state belongs to: a correlation whose meaning has not changed.
std::string state_key(const RuleInfo& info) {
  return to_hex(info.fingerprint) + info.key;
}

void save_texts(const std::vector<std::optional<std::string>>& texts, WireWriter& writer) {
  writer.number(texts.size());
  for (const std::optional<std::string>& text : texts) {
    writer.flag(text.has_value());
    writer.text(text.value_or(std::string()));
  }
}

std::vector<std::optional<std::string>> load_texts(WireReader& reader) {
  std::vector<std::optional<std::string>> texts;
  for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
    const bool present = reader.flag();
    const std::string text(reader.text());
    texts.push_back(present ? std::optional<std::string>(text) : std::nullopt);
  }
  return texts;
}

}  // namespace

void CorrelationEngine::adopt(std::shared_ptr<const Ruleset> ruleset) {
  std::map<std::string, Stage> old;
  for (std::size_t spec = 0; spec < stages_.size(); ++spec) {
    old.emplace(state_key(ruleset_->correlations[spec].info), std::move(stages_[spec]));
  }
  ruleset_ = std::move(ruleset);
  build();
  for (std::size_t spec = 0; spec < stages_.size(); ++spec) {
    const auto found = old.find(state_key(ruleset_->correlations[spec].info));
    Stage& stage = stages_[spec];
    if (found == old.end() || found->second.detector == nullptr || stage.detector == nullptr) {
      continue;
    }
    stage.detector = std::move(found->second.detector);
    stage.waiting = std::move(found->second.waiting);
    old.erase(found);
  }
}

void CorrelationEngine::save_stage(const Stage& stage, WireWriter& writer) {
  std::string bytes;
  stage.detector->save(bytes);
  writer.text(bytes);
  writer.number(stage.waiting.size());
  for (const auto& [key, event] : stage.waiting) {
    writer.signed_number(event.source->time);
    writer.number(event.source->sequence);
    writer.hash(event.source->identity);
    save_record(event.source->record.get(), writer);
    writer.number(event.inputs);
    save_texts(event.group, writer);
    writer.number(event.fields.size());
    for (const FieldTexts& field : event.fields) {
      writer.number(field.values.size());
      for (const std::string& value : field.values) {
        writer.text(value);
      }
    }
  }
}

bool CorrelationEngine::load_stage(Stage& stage, WireReader& reader) {
  if (!stage.detector->load(reader.text())) {
    return false;
  }
  for (std::size_t count = reader.count(20); count > 0 && reader.ok(); --count) {
    auto source = std::make_shared<Source>();
    source->time = reader.signed_number();
    source->sequence = reader.number();
    source->identity = reader.hash();
    source->record = load_record(reader);
    Event event;
    event.inputs = reader.number();
    event.group = load_texts(reader);
    for (std::size_t fields = reader.count(); fields > 0 && reader.ok(); --fields) {
      FieldTexts& texts = event.fields.emplace_back();
      for (std::size_t values = reader.count(); values > 0 && reader.ok(); --values) {
        texts.values.emplace_back(reader.text());
      }
    }
    const std::pair<TimeNs, Hash128> key(source->time, source->identity);
    event.source = std::move(source);
    stage.waiting.emplace(key, std::move(event));
  }
  return reader.ok();
}

void CorrelationEngine::save(std::string& out) const {
  WireWriter writer(out);
  writer.number(format_version);
  writer.signed_number(watermark_);
  writer.signed_number(latest_);
  writer.number(clocks_.size());
  for (const auto& [input, clock] : clocks_) {
    writer.text(input);
    writer.signed_number(clock.latest);
    writer.flag(clock.idle);
  }
  records_->save(writer);
  seen_.save(writer);
  folding_.save(writer);
  std::uint64_t stages = 0;
  for (const Stage& stage : stages_) {
    stages += stage.detector == nullptr ? 0u : 1u;
  }
  writer.number(stages);
  for (std::size_t spec = 0; spec < stages_.size(); ++spec) {
    if (stages_[spec].detector != nullptr) {
      std::string bytes;
      WireWriter inner(bytes);
      save_stage(stages_[spec], inner);
      writer.text(state_key(ruleset_->correlations[spec].info));
      writer.text(bytes);
    }
  }
}

bool CorrelationEngine::load(std::string_view bytes) {
  // Into a new engine first, so that unreadable bytes change nothing.
  CorrelationEngine loaded(ruleset_, settings_);
  WireReader reader(bytes);
  if (reader.number() != format_version) {
    return false;
  }
  loaded.watermark_ = reader.signed_number();
  loaded.latest_ = reader.signed_number();
  for (std::size_t count = reader.count(3); count > 0 && reader.ok(); --count) {
    const std::string input(reader.text());
    const TimeNs latest = reader.signed_number();
    loaded.clocks_[input] = {latest, reader.flag()};
  }
  loaded.records_->load(reader);
  loaded.seen_.load(reader);
  loaded.folding_.load(reader);
  std::map<std::string, Stage*> by_key;
  for (std::size_t spec = 0; spec < loaded.stages_.size(); ++spec) {
    if (loaded.stages_[spec].detector != nullptr) {
      by_key.emplace(state_key(ruleset_->correlations[spec].info), &loaded.stages_[spec]);
    }
  }
  for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
    const auto found = by_key.find(std::string(reader.text()));
    WireReader stage(reader.text());
    if (found == by_key.end()) {
      continue;
    }
    if (!load_stage(*found->second, stage) || !stage.at_end()) {
      return false;
    }
    found->second->known = true;
  }
  if (!reader.ok() || !reader.at_end()) {
    return false;
  }
  // The detectors ask the keeper they were made with: it moves with them.
  stages_ = std::move(loaded.stages_);
  settings_ = std::move(loaded.settings_);
  fields_ = std::move(loaded.fields_);
  rule_consumers_ = std::move(loaded.rule_consumers_);
  reach_ = std::move(loaded.reach_);
  rules_by_key_ = std::move(loaded.rules_by_key_);
  records_ = std::move(loaded.records_);
  seen_ = std::move(loaded.seen_);
  folding_ = std::move(loaded.folding_);
  clocks_ = std::move(loaded.clocks_);
  watermark_ = loaded.watermark_;
  latest_ = loaded.latest_;
  return true;
}

}  // namespace tocsin
