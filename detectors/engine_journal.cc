// SPDX-License-Identifier: Apache-2.0
// CorrelationEngine's journal: what was fed to it, in order, so that a saved state and the journals
// after it give the state again. A record is noted with the texts that correlations read of it, and
// with its JSON only where one may still show it; rules are named by their keys, since a restart
// may number them anew.
#include <algorithm>
#include <utility>

#include "detectors/common.h"
#include "detectors/engine.h"
#include "detectors/record_state.h"

namespace tocsin {

namespace {

constexpr std::uint64_t format_version = 1;

enum class Entry : std::uint8_t { taken = 1, idle = 2, advance = 3 };

void begin_entry(Entry entry, WireWriter& writer) {
  writer.number(static_cast<std::uint64_t>(entry));
}

}  // namespace

// What each rule reaches: inner correlations come before those that name them, so one pass from the
// last to the first sees all that is behind each.
void CorrelationEngine::find_reach() {
  std::vector<Reach> behind(stages_.size());
  const auto add = [&](const Consumer& consumer, Reach& reach) {
    const Stage& stage = stages_[consumer.spec];
    const auto add_fields = [&](const std::vector<std::uint32_t>& fields) {
      reach.fields.insert(reach.fields.end(), fields.begin(), fields.end());
    };
    add_fields(stage.group_fields.empty() ? stage.fields : stage.group_fields[consumer.input]);
    add_fields(stage.fields);
    add_fields(behind[consumer.spec].fields);
    if (stage.type != nullptr) {
      reach.looks_back |= stage.type->looks_back;
      reach.is_kept |= stage.type->looks_back || stage.type->emits_by_itself ||
                       stage.type->delays_reports || stage.waits;
    }
    reach.looks_back |= behind[consumer.spec].looks_back;
    reach.is_kept |= behind[consumer.spec].is_kept;
  };
  const auto settle = [](Reach& reach) {
    std::sort(reach.fields.begin(), reach.fields.end());
    reach.fields.erase(std::unique(reach.fields.begin(), reach.fields.end()), reach.fields.end());
  };
  for (std::size_t spec = stages_.size(); spec-- > 0;) {
    for (const Consumer& consumer : stages_[spec].consumers) {
      add(consumer, behind[spec]);
    }
    settle(behind[spec]);
  }
  reach_.assign(rule_consumers_.size(), {});
  for (std::size_t rule = 0; rule < rule_consumers_.size(); ++rule) {
    for (const Consumer& consumer : rule_consumers_[rule]) {
      add(consumer, reach_[rule]);
    }
    settle(reach_[rule]);
  }
}

bool CorrelationEngine::reaches(const Held& held, bool Reach::*what) const {
  return std::any_of(
      held.rules.begin(), held.rules.end(), [&](std::uint32_t rule) { return reach_[rule].*what; });
}

// The record as detectors may keep it: without its secrets.
std::shared_ptr<const RecordCopy> CorrelationEngine::kept(const Held& held) const {
  if (!settings_.redact || replaying_ || !reaches(held, &Reach::is_kept)) {
    return held.record;
  }
  std::string json = settings_.redact(held.record->json);
  if (json == held.record->json) {
    return held.record;
  }
  auto copy = std::make_shared<RecordCopy>(*held.record);
  copy->json = std::move(json);
  return copy;
}

// --- writing ---

void CorrelationEngine::note_taken(const std::string& input, const Held& held, bool fed) {
  note_advance();
  WireWriter writer(journal_);
  begin_entry(Entry::taken, writer);
  writer.text(input);
  writer.signed_number(held.time);
  // A copy moves the clocks only.
  writer.number(fed ? held.rules.size() : 0);
  std::vector<std::uint32_t> fields;
  for (std::size_t i = 0; fed && i < held.rules.size(); ++i) {
    writer.text(ruleset_->rules[held.rules[i]].key);
    const std::vector<std::uint32_t>& more = reach_[held.rules[i]].fields;
    fields.insert(fields.end(), more.begin(), more.end());
  }
  std::sort(fields.begin(), fields.end());
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  const std::string json = fed && reaches(held, &Reach::is_kept) ? kept_->json : std::string();
  kept_.reset();
  save_record(held.record.get(), writer, &json);
  fields_.use(held.record);
  writer.number(fields.size());
  for (const std::uint32_t field : fields) {
    writer.text(fields_.path(field));
    const FieldTexts& texts = fields_.get(field);
    writer.number(texts.values.size());
    for (const std::string& value : texts.values) {
      writer.text(value);
    }
  }
}

void CorrelationEngine::note_idle(const std::string& input, bool idle) {
  note_advance();
  WireWriter writer(journal_);
  begin_entry(Entry::idle, writer);
  writer.text(input);
  writer.flag(idle);
}

void CorrelationEngine::note_advance() {
  if (advanced_ && settings_.journal && !replaying_) {
    WireWriter writer(journal_);
    begin_entry(Entry::advance, writer);
    writer.signed_number(*advanced_);
  }
  advanced_.reset();
}

std::string CorrelationEngine::take_journal() {
  std::string bytes;
  if (!journal_.empty()) {
    WireWriter writer(bytes);
    writer.number(format_version);
    bytes += journal_;
    journal_.clear();
  }
  return bytes;
}

// --- reading ---

bool CorrelationEngine::replay(std::string_view journal) {
  if (journal.empty()) {
    return true;
  }
  WireReader reader(journal);
  if (reader.number() != format_version) {
    return false;
  }
  replaying_ = true;
  Out reported_before;
  while (reader.ok() && !reader.at_end()) {
    const std::uint64_t entry = reader.number();
    if (entry == static_cast<std::uint64_t>(Entry::taken)) {
      replay_taken(reader);
    } else if (entry == static_cast<std::uint64_t>(Entry::idle)) {
      const std::string input(reader.text());
      const bool idle = reader.flag();
      if (reader.ok()) {
        set_idle(input, idle, reported_before);
      }
    } else if (entry == static_cast<std::uint64_t>(Entry::advance)) {
      const TimeNs time = reader.signed_number();
      if (reader.ok()) {
        advance(time, reported_before);
      }
    } else {
      reader.fail();
    }
    reported_before.clear();
  }
  replaying_ = false;
  advanced_.reset();
  counters_ = {};
  return reader.ok();
}

void CorrelationEngine::replay_taken(WireReader& reader) {
  const std::string input(reader.text());
  Held held{reader.signed_number(), 0, nullptr, {}};
  const std::size_t rules = reader.count();
  for (std::size_t i = 0; i < rules && reader.ok(); ++i) {
    const auto found = rules_by_key_.find(std::string(reader.text()));
    if (found != rules_by_key_.end()) {
      held.rules.push_back(found->second);
    }
  }
  // As the matches of a record come.
  std::sort(held.rules.begin(), held.rules.end());
  held.record = load_record(reader);
  fields_.use(held.record);
  for (std::size_t fields = reader.count(2); fields > 0 && reader.ok(); --fields) {
    const std::uint32_t field = fields_.intern(reader.text());
    FieldTexts texts;
    for (std::size_t values = reader.count(); values > 0 && reader.ok(); --values) {
      texts.values.emplace_back(reader.text());
    }
    fields_.preset(field, std::move(texts));
  }
  if (reader.ok() && held.record != nullptr && held.record->time) {
    Out reported_before;
    take(input, held, reported_before);
  }
}

bool CorrelationEngine::knows_all() const {
  return std::all_of(stages_.begin(), stages_.end(), [](const Stage& stage) {
    return stage.detector == nullptr || stage.known;
  });
}

std::vector<std::string> CorrelationEngine::inputs() const {
  std::vector<std::string> names;
  for (const auto& entry : clocks_) {
    names.push_back(entry.first);
  }
  return names;
}

}  // namespace tocsin
