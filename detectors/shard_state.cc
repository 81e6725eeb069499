// SPDX-License-Identifier: Apache-2.0
// CorrelationShard's state: what outlives a restart, and what a reload carries over.
#include <utility>

#include "detectors/record_state.h"
#include "detectors/shard.h"

namespace tocsin {

std::string correlation_state_key(const RuleInfo& info) {
  return to_hex(info.fingerprint) + info.key;
}

void CorrelationShard::adopt(std::shared_ptr<const Ruleset> ruleset) {
  std::map<std::string, Stage> old;
  for (std::size_t spec = 0; spec < stages_.size(); ++spec) {
    old.emplace(correlation_state_key(ruleset_->correlations[spec].info), std::move(stages_[spec]));
  }
  ruleset_ = std::move(ruleset);
  build();
  for (std::size_t spec = 0; spec < stages_.size(); ++spec) {
    const auto found = old.find(correlation_state_key(ruleset_->correlations[spec].info));
    Stage& stage = stages_[spec];
    if (found == old.end() || found->second.detector == nullptr || stage.detector == nullptr) {
      continue;
    }
    stage.detector = std::move(found->second.detector);
    stage.waiting = std::move(found->second.waiting);
    stage.expire_at = found->second.expire_at;
    stage.known = found->second.known;
    stage.early = found->second.early;
    stage.observed = std::move(found->second.observed);
    stage.unobserved = found->second.unobserved;
    old.erase(found);
  }
}

void CorrelationShard::save_stage(const Stage& stage, std::string& out) {
  WireWriter writer(out);
  const std::size_t begin = writer.begin_text();
  stage.detector->save(out);
  writer.end_text(begin);
  writer.signed_number(stage.expire_at);
  writer.number(stage.waiting.size());
  for (const auto& [key, event] : stage.waiting) {
    writer.signed_number(event.time);
    writer.number(event.sequence);
    writer.hash(event.identity);
    save_record(event.record.get(), writer);
    writer.number(event.inputs);
    writer.text(event.key);
    writer.number(event.fields.size());
    for (const FieldTexts& field : event.fields) {
      writer.number(field.values.size());
      for (const std::string& value : field.values) {
        writer.text(value);
      }
    }
  }
  if (!stage.meets_again) {
    return;
  }
  writer.number(stage.observed.size());
  for (const auto& [key, inputs] : stage.observed) {
    writer.signed_number(std::get<TimeNs>(key));
    writer.number(std::get<std::uint64_t>(key));
    writer.text(std::get<std::string>(key));
    writer.number(inputs);
  }
}

bool CorrelationShard::load_stage(Stage& stage, WireReader& reader) {
  if (!stage.detector->load(reader.text())) {
    return false;
  }
  stage.expire_at = reader.signed_number();
  for (std::size_t count = reader.count(20); count > 0 && reader.ok(); --count) {
    Event event;
    event.time = reader.signed_number();
    event.sequence = reader.number();
    event.identity = reader.hash();
    event.record = load_record(reader);
    event.inputs = reader.number();
    event.key = std::string(reader.text());
    for (std::size_t fields = reader.count(); fields > 0 && reader.ok(); --fields) {
      FieldTexts& texts = event.fields.emplace_back();
      for (std::size_t values = reader.count(); values > 0 && reader.ok(); --values) {
        texts.values.emplace_back(reader.text());
      }
    }
    const std::pair<TimeNs, Hash128> key(event.time, event.identity);
    stage.waiting.emplace(key, std::move(event));
  }
  // Earlier versions did not remember them.
  const std::size_t observed = reader.ok() && !reader.at_end() ? reader.count(4) : 0;
  for (std::size_t left = observed; left > 0 && reader.ok(); --left) {
    const TimeNs time = reader.signed_number();
    const std::uint64_t sequence = reader.number();
    std::string key(reader.text());
    stage.observed[{time, sequence, std::move(key)}] = reader.number();
  }
  return reader.ok() && reader.at_end();
}

void CorrelationShard::save(std::string& out) const {
  WireWriter writer(out);
  writer.signed_number(watermark_);
  records_.save(writer);
  folding_.save(writer);
  std::uint64_t stages = 0;
  for (const Stage& stage : stages_) {
    stages += stage.detector == nullptr ? 0u : 1u;
  }
  writer.number(stages);
  for (std::size_t spec = 0; spec < stages_.size(); ++spec) {
    if (stages_[spec].detector != nullptr) {
      writer.text(correlation_state_key(ruleset_->correlations[spec].info));
      const std::size_t begin = writer.begin_text();
      save_stage(stages_[spec], out);
      writer.end_text(begin);
    }
  }
}

bool CorrelationShard::load(std::string_view bytes, bool with_records) {
  WireReader reader(bytes);
  told_ = watermark_ = reader.signed_number();
  records_.load(reader);
  folding_.load(reader, with_records);
  std::map<std::string, Stage*> by_key;
  for (std::size_t spec = 0; spec < stages_.size(); ++spec) {
    if (stages_[spec].detector != nullptr) {
      by_key.emplace(correlation_state_key(ruleset_->correlations[spec].info), &stages_[spec]);
    }
  }
  for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
    const auto found = by_key.find(std::string(reader.text()));
    WireReader stage(reader.text());
    if (found == by_key.end()) {
      continue;
    }
    if (!load_stage(*found->second, stage)) {
      return false;
    }
    found->second->known = true;
  }
  return reader.ok() && reader.at_end();
}

}  // namespace tocsin
