// SPDX-License-Identifier: Apache-2.0
// What a struct consists of is said once, for writing and for reading: fields() takes it apart, so
// that one with a field more does not compile until that is written too.
#include "rules/load_wire.h"

#include <concepts>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace tocsin {
namespace {

// T, for writing const.
template <typename Given, typename T>
concept Is = std::same_as<std::remove_const_t<Given>, T>;

template <typename Wire, Is<RelatedRule> T>
void fields(Wire& wire, T& related) {
  auto& [id, type] = related;
  wire.all(id, type);
}

template <typename Wire, Is<RuleTest> T>
void fields(Wire& wire, T& test) {
  auto& [name, events, alerts, receivers, line] = test;
  wire.all(name, events, alerts, receivers, line);
}

template <typename Wire, Is<RuleExtensions> T>
void fields(Wire& wire, T& extensions) {
  auto& [alert, fold_by, repeat_interval, receiver, shown, runbook, watermark, given, tests] =
      extensions;
  wire.all(alert, fold_by, repeat_interval, receiver, shown, runbook, watermark, given, tests);
}

template <typename Wire, Is<LogSource> T>
void fields(Wire& wire, T& source) {
  auto& [category, product, service] = source;
  wire.all(category, product, service);
}

template <typename Wire, Is<Hash128> T>
void fields(Wire& wire, T& hash) {
  auto& [high, low] = hash;
  wire.all(high, low);
}

template <typename Wire, Is<RuleInfo> T>
void fields(Wire& wire, T& info) {
  auto& [kind,
         title,
         id,
         name,
         level,
         status,
         description,
         author,
         date,
         modified,
         license,
         taxonomy,
         tags,
         references,
         falsepositives,
         read_fields,
         scope,
         related,
         log_source,
         definition,
         custom,
         extensions,
         file,
         line,
         fingerprint,
         key] = info;
  wire.all(kind, title, id, name, level, status, description, author, date, modified, license);
  wire.all(taxonomy, tags, references, falsepositives, read_fields, scope, related, log_source);
  wire.all(definition, custom, extensions);
  wire.path(file);
  wire.all(line, fingerprint, key);
}

template <typename Wire, Is<CorrelationInput> T>
void fields(Wire& wire, T& input) {
  auto& [is_correlation, rule, name, group_fields, baseline] = input;
  wire.all(is_correlation, rule, name, group_fields, baseline);
}

template <typename Wire, Is<Threshold> T>
void fields(Wire& wire, T& threshold) {
  auto& [op, value] = threshold;
  wire.all(op, value);
}

template <typename Wire, Is<ConditionStep> T>
void fields(Wire& wire, T& step) {
  auto& [kind, operand] = step;
  wire.all(kind, operand);
}

template <typename Wire, Is<CorrelationSpec::Option> T>
void fields(Wire& wire, T& option) {
  auto& [key, values, line, column] = option;
  wire.all(key, values, line, column);
}

template <typename Wire, Is<CorrelationSpec> T>
void fields(Wire& wire, T& spec) {
  auto& [info,
         type,
         inputs,
         group_by,
         timespan_ns,
         thresholds,
         read_fields,
         percentile,
         condition,
         generate,
         alerts_alone,
         options] = spec;
  wire.all(info, type, inputs, group_by, timespan_ns, thresholds, read_fields, percentile);
  wire.all(condition, generate, alerts_alone, options);
}

template <typename Wire, Is<Diagnostic> T>
void fields(Wire& wire, T& problem) {
  auto& [severity, strict, code, file, line, column, length, message, hint, source_line] = problem;
  wire.all(severity, strict, code);
  wire.path(file);
  wire.all(line, column, length, message, hint, source_line);
}

template <typename Wire, Is<DocumentInfo> T>
void fields(Wire& wire, T& document) {
  auto& [info, loaded] = document;
  wire.all(info, loaded);
}

template <typename Wire, Is<FilterUse> T>
void fields(Wire& wire, T& use) {
  auto& [title, file, line, rules] = use;
  wire.all(title);
  wire.path(file);
  wire.all(line, rules);
}

// But the program, the diagnostics, what a load that is kept never has, and what is for reloads.
template <typename Wire, Is<LoadResult> T>
void fields(Wire& wire, T& result) {
  auto& [ruleset,
         diagnostics,
         documents,
         filters,
         files,
         loaded,
         rejected,
         excluded,
         pipelines_failed,
         paths_failed,
         kept,
         history] = result;
  wire.all(documents, filters, files, loaded, rejected, excluded);
}

template <typename Wire, Is<Ruleset> T>
void fields(Wire& wire, T& ruleset) {
  auto& [program, rules, correlations, alerts_alone, feeds_detector] = ruleset;
  wire.all(rules, correlations, alerts_alone, feeds_detector);
}

template <typename Wire, Is<RuleOverride> T>
void fields(Wire& wire, T& rule) {
  auto& [id, title, tag, enabled, level, receiver, alert, file, line, column] = rule;
  wire.all(id, title, tag, enabled, level, receiver, alert, file, line, column);
}

template <typename Wire, Is<GeoFields> T>
void fields(Wire& wire, T& geo) {
  auto& [country, city, location, asn] = geo;
  wire.all(country, city, location, asn);
}

// But the content of files, what is added to a program when it is built, and how it is all done.
template <typename Wire, Is<LoadOptions> T>
void fields(Wire& wire, T& options) {
  auto& [paths,
         placeholders,
         value_files,
         pipelines,
         tags,
         exclude,
         overrides,
         expected_sources,
         source_rows,
         geo_fields,
         lint,
         strict,
         threads,
         cache,
         cache_version,
         cache_build,
         begun_at,
         remember,
         history,
         list_documents,
         can_run] = options;
  wire.all(paths, placeholders, pipelines, tags, exclude, overrides, geo_fields, lint, strict);
  wire.all(cache_version, cache_build, list_documents);
}

constexpr Level last_of(Level) {
  return Level::critical;
}
constexpr RuleKind last_of(RuleKind) {
  return RuleKind::filter;
}
constexpr CompareOp last_of(CompareOp) {
  return CompareOp::neq;
}
constexpr ConditionStep::Kind last_of(ConditionStep::Kind) {
  return ConditionStep::Kind::negation;
}
constexpr Severity last_of(Severity) {
  return Severity::error;
}

class LoadWriter {
 public:
  LoadWriter(const std::vector<std::string>& paths, WireWriter& out) : out_(out) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
      numbers_.emplace(paths[i], i + 1);
    }
  }

  template <typename... T>
  void all(const T&... values) {
    (one(values), ...);
  }

  // Most are those of the rule files.
  void path(const std::string& path) {
    const auto known = numbers_.find(path);
    out_.number(known != numbers_.end() ? known->second : 0);
    if (known == numbers_.end()) {
      one(path);
    }
  }

 private:
  template <typename T>
  void one(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      out_.number(static_cast<std::uint64_t>(value));
    } else {
      fields(*this, value);
    }
  }
  void one(const std::string& text) { out_.text(text); }
  void one(std::uint32_t number) { out_.number(number); }
  void one(std::uint64_t number) { out_.number(number); }
  void one(std::int64_t number) { out_.signed_number(number); }
  void one(double number) { out_.real(number); }
  void one(bool flag) { out_.flag(flag); }

  template <typename T>
  void one(const std::optional<T>& value) {
    out_.flag(value.has_value());
    if (value) {
      one(*value);
    }
  }

  template <typename T>
  void one(const std::vector<T>& values) {
    out_.number(values.size());
    for (const T& value : values) {
      one(value);
    }
  }

  void one(const std::vector<bool>& values) {
    out_.number(values.size());
    for (const bool value : values) {
      out_.flag(value);
    }
  }

  template <typename T>
  void one(const std::map<std::string, T>& values) {
    out_.number(values.size());
    for (const auto& [name, value] : values) {
      all(name, value);
    }
  }

  WireWriter& out_;
  std::unordered_map<std::string_view, std::size_t> numbers_;  // of paths, from 1
};

class LoadReader {
 public:
  LoadReader(const std::vector<std::string>& paths, WireReader& in) : paths_(paths), in_(in) {}

  template <typename... T>
  void all(T&... values) {
    (one(values), ...);
  }

  void path(std::string& path) {
    const std::uint64_t number = in_.number();
    if (number == 0) {
      one(path);
    } else if (number <= paths_.size()) {
      path = paths_[static_cast<std::size_t>(number) - 1];
    } else {
      in_.fail();
    }
  }

 private:
  template <typename T>
  void one(T& value) {
    if constexpr (std::is_enum_v<T>) {
      const std::uint64_t number = in_.number();
      if (number > static_cast<std::uint64_t>(last_of(T{}))) {
        in_.fail();
        return;
      }
      value = static_cast<T>(number);
    } else {
      fields(*this, value);
    }
  }
  void one(std::string& text) { text = in_.text(); }
  void one(std::uint32_t& number) { number = static_cast<std::uint32_t>(in_.number()); }
  void one(std::uint64_t& number) { number = in_.number(); }
  void one(std::int64_t& number) { number = in_.signed_number(); }
  void one(double& number) { number = in_.real(); }
  void one(bool& flag) { flag = in_.flag(); }

  template <typename T>
  void one(std::optional<T>& value) {
    if (in_.flag()) {
      one(value.emplace());
    }
  }

  template <typename T>
  void one(std::vector<T>& values) {
    values.resize(in_.count());
    for (T& value : values) {
      one(value);
    }
  }

  void one(std::vector<bool>& values) {
    values.resize(in_.count());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = in_.flag();
    }
  }

  void one(std::map<std::string, std::string>& values) {
    const std::size_t count = in_.count(2);
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const std::string_view name = in_.text();
      values.emplace_hint(values.end(), name, in_.text());
    }
  }

  const std::vector<std::string>& paths_;
  WireReader& in_;
};

}  // namespace

void write_meaning(const LoadOptions& options, WireWriter& out) {
  LoadWriter({}, out).all(options);
}

void write_load(const LoadResult& result,
                const Ruleset& ruleset,
                const std::vector<std::string>& paths,
                std::size_t diagnostics_from,
                WireWriter& out) {
  LoadWriter writer(paths, out);
  writer.all(ruleset, result);
  const std::vector<Diagnostic>& problems = result.diagnostics.list();
  out.number(problems.size() - diagnostics_from);
  for (std::size_t i = diagnostics_from; i < problems.size(); ++i) {
    writer.all(problems[i]);
  }
}

void read_load(WireReader& in,
               const std::vector<std::string>& paths,
               LoadResult& result,
               Ruleset& ruleset) {
  LoadReader reader(paths, in);
  reader.all(ruleset, result);
  const std::size_t problems = in.count();
  for (std::size_t i = 0; i < problems && in.ok(); ++i) {
    Diagnostic problem;
    reader.all(problem);
    result.diagnostics.add(std::move(problem));
  }
}

}  // namespace tocsin
