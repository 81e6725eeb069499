// SPDX-License-Identifier: Apache-2.0
// Extended conditions of temporal correlations (CORS-14): not > and > or, parentheses, rule names,
// by recursive descent with a bounded depth.
#include <algorithm>

#include "engine/base/limits.h"
#include "rules/correlation.h"

namespace tocsin {
namespace {

class ExtendedConditionParser {
 public:
  ExtendedConditionParser(const YamlNode& node,
                          std::vector<RuleReference>& names,
                          Problems& problems)
      : node_(node), names_(names), problems_(problems), locator_(problems.source(), node) {}

  std::vector<ConditionStep> run() {
    tokenize();
    if (tokens_.empty()) {
      fail(node_.text.size(), "the condition is empty");
    } else {
      parse_any_of();
      if (!failed_ && at_ < tokens_.size()) {
        fail_here(token() == ")" ? "a `)` that nothing opens" : "expected `and` or `or`");
      }
    }
    if (failed_) {
      steps_.clear();
    }
    return std::move(steps_);
  }

 private:
  struct Token {
    std::string_view text;
    std::size_t offset = 0;
  };

  void tokenize() {
    constexpr std::string_view blanks = " \t\r\n";
    const std::string_view text(node_.text);
    for (std::size_t at = 0; at < text.size();) {
      if (blanks.find(text[at]) != std::string_view::npos) {
        ++at;
        continue;
      }
      const bool bracket = text[at] == '(' || text[at] == ')';
      const std::size_t end =
          bracket ? at + 1 : std::min(text.find_first_of(" \t\r\n()", at), text.size());
      tokens_.push_back(Token{text.substr(at, end - at), at});
      at = end;
    }
  }

  std::string_view token() const {
    return at_ < tokens_.size() ? tokens_[at_].text : std::string_view();
  }

  void fail(std::size_t offset, std::string message) {
    if (!failed_) {
      const std::size_t size = at_ < tokens_.size() ? tokens_[at_].text.size() : 0;
      const SourceSpan place =
          offset < node_.text.size() ? locator_.span(offset, size) : span_of(node_);
      problems_.error(place,
                      "correlation-condition",
                      std::move(message),
                      "write names of rules, joined by `and`, `or`, `not` and parentheses");
    }
    failed_ = true;
  }
  void fail_here(std::string message) {
    fail(at_ < tokens_.size() ? tokens_[at_].offset : node_.text.size(), std::move(message));
  }

  void join(ConditionStep::Kind kind, std::uint32_t operands) {
    if (operands > 1) {
      steps_.push_back(ConditionStep{kind, operands});
    }
  }

  void parse_any_of() {
    std::uint32_t operands = 1;
    parse_all_of();
    while (!failed_ && token() == "or") {
      ++at_;
      parse_all_of();
      ++operands;
    }
    join(ConditionStep::Kind::any_of, operands);
  }

  void parse_all_of() {
    std::uint32_t operands = 1;
    parse_operand();
    while (!failed_ && token() == "and") {
      ++at_;
      parse_operand();
      ++operands;
    }
    join(ConditionStep::Kind::all_of, operands);
  }

  void parse_operand() {
    std::size_t negations = 0;
    for (; token() == "not"; ++at_) {
      ++negations;
    }
    if (at_ == tokens_.size()) {
      fail_here("the condition ends where a rule's name is expected");
      return;
    }
    if (token() == "(") {
      parse_group();
    } else {
      parse_name();
    }
    if (!failed_ && negations % 2 == 1) {
      steps_.push_back(ConditionStep{ConditionStep::Kind::negation, 0});
    }
  }

  void parse_group() {
    if (++depth_ > limits::condition_depth_max) {
      fail_here("nested deeper than " + std::to_string(limits::condition_depth_max) + " levels");
      return;
    }
    ++at_;
    parse_any_of();
    --depth_;
    if (failed_) {
      return;
    }
    if (token() != ")") {
      fail_here("a `(` that is not closed");
      return;
    }
    ++at_;
  }

  void parse_name() {
    const std::string name(token());
    if (name == "and" || name == "or" || name == ")") {
      fail_here("expected a rule's name before `" + name + "`");
      return;
    }
    if (name == "AND" || name == "OR" || name == "NOT") {
      fail_here("`" + name + "` is written in lower case");
      return;
    }
    const Token& here = tokens_[at_++];
    const auto known =
        std::find_if(names_.begin(), names_.end(), [&](const RuleReference& known_name) {
          return known_name.text == name;
        });
    steps_.push_back(ConditionStep{ConditionStep::Kind::input,
                                   static_cast<std::uint32_t>(known - names_.begin())});
    if (known == names_.end()) {
      names_.push_back(RuleReference{name, locator_.span(here.offset, here.text.size())});
    }
  }

  const YamlNode& node_;
  std::vector<RuleReference>& names_;
  Problems& problems_;
  ScalarLocator locator_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::vector<ConditionStep> steps_;
  bool failed_ = false;
};

}  // namespace

std::vector<ConditionStep> parse_extended_condition(const YamlNode& node,
                                                    std::vector<RuleReference>& names,
                                                    Problems& problems) {
  return ExtendedConditionParser(node, names, problems).run();
}

}  // namespace tocsin
