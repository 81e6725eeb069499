// SPDX-License-Identifier: Apache-2.0
// Reads the keys of one map of a pipeline file: each look-up names a key, and what was never named
// is unknown. Thread rule: one thread. Errors: diagnostics at the key or the value.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/match/regex.h"
#include "rules/pipeline_run.h"
#include "rules/problems.h"
#include "rules/yaml.h"

namespace tocsin {

// The ids of the items of all files, and who refers to them.
class PipelineMarks {
 public:
  struct Reference {
    std::string id;
    const SourceText* source = nullptr;
    SourceSpan place;
  };
  PipelineMark define(const std::string& id);
  PipelineMark refer(const std::string& id, const SourceText& source, const SourceSpan& place);
  // Those that no item has.
  std::vector<Reference> unknown() const;
  std::vector<std::string_view> names() const;

 private:
  PipelineMark number(const std::string& id);
  std::map<std::string, PipelineMark> numbers_;
  std::set<std::string> defined_;
  std::vector<Reference> references_;
  PipelineMark next_ = mapped_mark + 1;
};

class PipelineKeys {
 public:
  // `what` for messages: "the transformation `nest`".
  PipelineKeys(const YamlNode& map, std::string what, Problems& problems, PipelineMarks& marks)
      : map_(map), what_(std::move(what)), problems_(problems), marks_(marks) {}

  const YamlNode& map() const { return map_; }
  const std::string& what() const { return what_; }
  Problems& problems() { return problems_; }
  PipelineMarks& marks() { return marks_; }

  // The value, or nullptr; after an error where it is `required`.
  const YamlNode* find(std::string_view key, bool required);
  void ignore(std::string_view key) { known_.emplace_back(key); }

  std::string text(std::string_view key, bool required);
  std::vector<std::string> texts(std::string_view key, bool required);  // one or a list
  bool flag(std::string_view key);
  PipelineScalar scalar(std::string_view key, bool required);
  // The first choice where the key is absent and not required.
  std::string choice(std::string_view key,
                     std::span<const std::string_view> choices,
                     bool required);
  // `at_start`: it has to match from the first character on, as Python's re.match.
  std::shared_ptr<const Regex> regex(std::string_view key, bool at_start);
  std::shared_ptr<const Regex> compile(const YamlNode& node, bool at_start);
  // Keys to one or several texts each, in their order.
  using Mapping = std::vector<std::pair<YamlNode, std::vector<std::string>>>;
  Mapping mapping(std::string_view key, bool required);
  PipelineMark mark(std::string_view key);

  void error(const YamlNode& at, std::string code, std::string message, std::string hint = {}) {
    problems_.error(at, std::move(code), std::move(message), std::move(hint));
  }
  // Tells keys that nobody asked for.
  void finish();

 private:
  std::vector<std::string> read_texts(const YamlNode& node, std::string_view key);

  const YamlNode& map_;
  std::string what_;
  Problems& problems_;
  PipelineMarks& marks_;
  std::vector<std::string> known_;
};

}  // namespace tocsin
