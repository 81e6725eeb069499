// SPDX-License-Identifier: Apache-2.0
// What is written and what is read is one list of fields (describe), so that the two cannot differ.
#include "engine/store/alert_record.h"

#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/wire.h"

namespace tocsin {
namespace {

constexpr std::uint64_t record_version = 1;

class Writer {
 public:
  explicit Writer(std::string& out) : wire_(out) { wire_.number(record_version); }

  void operator()(const std::string& value) { wire_.text(value); }
  void operator()(bool value) { wire_.flag(value); }
  void operator()(std::uint32_t value) { wire_.number(value); }
  void operator()(std::uint64_t value) { wire_.number(value); }
  void operator()(std::int64_t value) { wire_.signed_number(value); }
  void operator()(const Hash128& value) { wire_.hash(value); }
  template <typename T>
  requires std::is_enum_v<T>
  void operator()(T value) { wire_.number(static_cast<std::uint64_t>(value)); }
  template <typename T>
  void operator()(const std::optional<T>& value) {
    wire_.flag(value.has_value());
    if (value) {
      (*this)(*value);
    }
  }
  template <typename T>
  void operator()(const std::vector<T>& values) {
    wire_.number(values.size());
    for (const T& value : values) {
      (*this)(value);
    }
  }
  void operator()(const std::map<std::string, std::string>& values) {
    wire_.number(values.size());
    for (const auto& entry : values) {
      (*this)(entry);
    }
  }
  template <typename A, typename B>
  void operator()(const std::pair<A, B>& value) {
    (*this)(value.first);
    (*this)(value.second);
  }
  template <typename T>
  void operator()(const std::shared_ptr<const T>& value) {
    wire_.flag(value != nullptr);
    if (value != nullptr) {
      (*this)(*value);
    }
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const T& value) { describe(*this, value); }

 private:
  WireWriter wire_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : wire_(bytes) {
    if (wire_.number() != record_version) {
      wire_.fail();
    }
  }
  bool is_whole() const { return wire_.ok() && wire_.at_end(); }

  void operator()(std::string& value) { value = wire_.text(); }
  void operator()(bool& value) { value = wire_.flag(); }
  void operator()(std::uint32_t& value) { value = static_cast<std::uint32_t>(wire_.number()); }
  void operator()(std::uint64_t& value) { value = wire_.number(); }
  void operator()(std::int64_t& value) { value = wire_.signed_number(); }
  void operator()(Hash128& value) { value = wire_.hash(); }
  void operator()(Level& value) { value = one_of<Level>(level_count); }
  void operator()(RuleKind& value) { value = one_of<RuleKind>(3); }
  void operator()(AlertKind& value) { value = one_of<AlertKind>(3); }
  template <typename T>
  void operator()(std::optional<T>& value) {
    value.reset();
    if (wire_.flag()) {
      (*this)(value.emplace());
    }
  }
  template <typename T>
  void operator()(std::vector<T>& values) {
    values.clear();
    for (std::size_t left = wire_.count(); left > 0 && wire_.ok(); --left) {
      (*this)(values.emplace_back());
    }
  }
  void operator()(std::map<std::string, std::string>& values) {
    for (std::size_t left = wire_.count(); left > 0 && wire_.ok(); --left) {
      std::string key;
      (*this)(key);
      (*this)(values[std::move(key)]);
    }
  }
  template <typename A, typename B>
  void operator()(std::pair<A, B>& value) {
    (*this)(value.first);
    (*this)(value.second);
  }
  template <typename T>
  void operator()(std::shared_ptr<const T>& value) {
    value = nullptr;
    if (wire_.flag()) {
      auto made = std::make_shared<T>();
      (*this)(*made);
      value = std::move(made);
    }
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(T& value) { describe(*this, value); }

 private:
  template <typename T>
  T one_of(std::uint64_t count) {
    const std::uint64_t value = wire_.number();
    if (value >= count) {
      wire_.fail();
      return T{};
    }
    return static_cast<T>(value);
  }

  WireReader wire_;
};

// The fields of a record, in their order.
template <typename Archive, typename... Fields>
void each(Archive& archive, Fields&... fields) {
  (archive(fields), ...);
}

// T is the type, const for a Writer.
template <typename T, typename U>
concept Is = std::is_same_v<std::remove_const_t<T>, U>;

template <typename Archive, Is<Evidence> T>
void describe(Archive& archive, T& evidence) {
  each(archive, evidence.selection, evidence.field, evidence.op, evidence.pattern, evidence.value);
}

template <typename Archive, Is<RecordCopy> T>
void describe(Archive& archive, T& record) {
  each(archive,
       record.source,
       record.record,
       record.offset,
       record.json,
       record.event_id,
       record.cloudtrail,
       record.time,
       record.identity);
}

template <typename Archive, Is<RelatedRule> T>
void describe(Archive& archive, T& related) {
  each(archive, related.id, related.type);
}

template <typename Archive, Is<LogSource> T>
void describe(Archive& archive, T& source) {
  each(archive, source.category, source.product, source.service);
}

template <typename Archive, Is<RuleExtensions> T>
void describe(Archive& archive, T& extensions) {
  each(archive,
       extensions.alert,
       extensions.fold_by,
       extensions.repeat_interval,
       extensions.receiver,
       extensions.fields,
       extensions.runbook,
       extensions.emit_watermark,
       extensions.emit_given);
}

template <typename Archive, Is<RuleInfo> T>
void describe(Archive& archive, T& rule) {
  each(archive,
       rule.kind,
       rule.title,
       rule.id,
       rule.name,
       rule.level,
       rule.status,
       rule.description,
       rule.author,
       rule.date,
       rule.modified,
       rule.license,
       rule.taxonomy,
       rule.tags,
       rule.references,
       rule.falsepositives,
       rule.fields,
       rule.scope,
       rule.related,
       rule.log_source,
       rule.log_source_definition,
       rule.custom,
       rule.extensions,
       rule.file,
       rule.line,
       rule.fingerprint,
       rule.key);
}

template <typename Archive, Is<Alert> T>
void describe(Archive& archive, T& alert) {
  each(archive,
       alert.id,
       alert.kind,
       alert.time,
       alert.detected_at,
       alert.level,
       alert.system_rule,
       alert.summary,
       alert.group,
       alert.count,
       alert.entities,
       alert.first_seen,
       alert.last_seen,
       alert.learning,
       alert.matched,
       alert.evidence_json,
       alert.events);
}

template <typename T>
std::string record_of(const T& value) {
  std::string bytes;
  Writer writer(bytes);
  describe(writer, value);
  return bytes;
}

}  // namespace

std::string rule_record(const RuleInfo& rule) {
  return record_of(rule);
}

std::shared_ptr<const Ruleset> read_rule_record(std::string_view bytes) {
  auto ruleset = std::make_shared<Ruleset>();
  Reader reader(bytes);
  describe(reader, ruleset->rules.emplace_back());
  return reader.is_whole() ? ruleset : nullptr;
}

std::string alert_record(const Alert& alert) {
  return record_of(alert);
}

std::shared_ptr<const Alert> read_alert_record(std::string_view bytes,
                                               std::shared_ptr<const Ruleset> rule) {
  auto alert = std::make_shared<Alert>();
  Reader reader(bytes);
  describe(reader, *alert);
  if (!reader.is_whole()) {
    return nullptr;
  }
  if (rule != nullptr && !rule->rules.empty()) {
    alert->ruleset = std::move(rule);
    alert->rule = &alert->ruleset->rules.front();
  }
  return alert;
}

}  // namespace tocsin
