// SPDX-License-Identifier: Apache-2.0
// Words with their places first (Lexer), then recursive descent (Parser), which also resolves the
// names.
#include "rules/condition.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/report.h"

namespace tocsin {
namespace {

struct Token {
  enum class Kind : std::uint8_t { word, open, close, pipe, other, end };
  Kind kind = Kind::end;
  std::string_view text;
  SourceSpan span;
};

bool is_word_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         c == '-' || c == '*' || static_cast<unsigned char>(c) >= 0x80;
}

std::vector<Token> tokenize(const SourceText& source, const YamlNode& scalar) {
  ScalarLocator locator(source, scalar);
  const std::string_view text = scalar.text;
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at;
      continue;
    }
    std::size_t length = 1;
    Token token;
    if (is_word_byte(c)) {
      token.kind = Token::Kind::word;
      while (at + length < text.size() && is_word_byte(text[at + length])) {
        ++length;
      }
    } else {
      token.kind = c == '('   ? Token::Kind::open
                   : c == ')' ? Token::Kind::close
                   : c == '|' ? Token::Kind::pipe
                              : Token::Kind::other;
    }
    token.text = text.substr(at, length);
    token.span = locator.span(at, length);
    tokens.push_back(token);
    at += length;
  }
  Token end;
  end.span = tokens.empty() ? span_of(scalar) : tokens.back().span;
  if (!tokens.empty()) {
    end.span.column += end.span.length;
    end.span.length = 1;
  }
  tokens.push_back(end);
  return tokens;
}

bool is_keyword(std::string_view word) {
  return word == "and" || word == "or" || word == "not" || word == "of";
}

// Of a condition whose names are all unknown the first few are enough.
constexpr std::size_t failures_max = 20;

bool is_number(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

// `*` alone is a wildcard in patterns of names.
bool name_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

class Parser {
 public:
  Parser(const SourceText& source,
         const YamlNode& scalar,
         std::span<const std::string_view> names,
         Diagnostics& diagnostics)
      : source_(source),
        names_(names),
        known_(names.begin(), names.end()),
        diagnostics_(diagnostics),
        tokens_(tokenize(source, scalar)) {}

  std::optional<ConditionNode> run() {
    if (tokens_.size() == 1) {
      fail(current(),
           "condition-syntax",
           "the condition is empty",
           "name the selections that have to match");
      return std::nullopt;
    }
    if (tokens_.size() > limits::condition_words_max) {
      fail(tokens_.front(),
           "condition-too-long",
           "the condition has more than " + with_thousands(limits::condition_words_max) + " words",
           "use `1 of` and `all of` with patterns");
      return std::nullopt;
    }
    std::optional<ConditionNode> tree = parse_or();
    if (tree && current().kind != Token::Kind::end) {
      unexpected_after_operand();
      return std::nullopt;
    }
    return failed_ ? std::nullopt : std::move(tree);
  }

 private:
  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool at_word(std::string_view word) const {
    return current().kind == Token::Kind::word && current().text == word;
  }
  bool is_name(std::string_view word) const { return known_.count(word) > 0; }

  void fail(const Token& token, std::string_view code, std::string message, std::string hint) {
    failed_ = true;
    if (++failures_ > failures_max) {
      return;
    }
    diagnostics_.add(diagnostic_at(source_,
                                   token.span,
                                   Severity::error,
                                   std::string(code),
                                   std::move(message),
                                   std::move(hint)));
  }

  static std::string describe(const Token& token) {
    return token.kind == Token::Kind::end ? "the end of the condition"
                                          : "`" + printable(shorten(token.text, 60)) + "`";
  }

  std::optional<ConditionNode> parse_or() {
    return parse_joined("or", ConditionNode::Kind::any_of, &Parser::parse_and);
  }
  std::optional<ConditionNode> parse_and() {
    return parse_joined("and", ConditionNode::Kind::all_of, &Parser::parse_not);
  }

  std::optional<ConditionNode> parse_joined(std::string_view word,
                                            ConditionNode::Kind kind,
                                            std::optional<ConditionNode> (Parser::*operand)()) {
    std::optional<ConditionNode> first = (this->*operand)();
    if (!first || !at_word(word)) {
      return first;
    }
    ConditionNode joined;
    joined.kind = kind;
    joined.span = current().span;
    joined.children.push_back(std::move(*first));
    while (at_word(word)) {
      ++at_;
      std::optional<ConditionNode> next = (this->*operand)();
      if (!next) {
        return std::nullopt;
      }
      joined.children.push_back(std::move(*next));
    }
    return joined;
  }

  bool enter() {
    if (++depth_ <= limits::condition_depth_max) {
      return true;
    }
    fail(current(),
         "condition-too-deep",
         "the condition is nested deeper than " + std::to_string(limits::condition_depth_max) +
             " levels",
         "drop needless parentheses, or write `1 of` and `all of` with patterns");
    return false;
  }

  std::optional<ConditionNode> parse_not() {
    if (!at_word("not")) {
      return parse_primary();
    }
    if (!enter()) {
      return std::nullopt;
    }
    ConditionNode negation;
    negation.kind = ConditionNode::Kind::negation;
    negation.span = current().span;
    ++at_;
    std::optional<ConditionNode> operand = parse_not();
    --depth_;
    if (!operand) {
      return std::nullopt;
    }
    negation.children.push_back(std::move(*operand));
    return negation;
  }

  std::optional<ConditionNode> parse_primary() {
    const Token& token = current();
    if (token.kind == Token::Kind::open) {
      return parse_group();
    }
    if (token.kind != Token::Kind::word) {
      expected_operand();
      return std::nullopt;
    }
    if (is_quantifier()) {
      return parse_quantifier();
    }
    if (is_keyword(token.text)) {
      expected_operand();
      return std::nullopt;
    }
    return parse_identifier();
  }

  std::optional<ConditionNode> parse_group() {
    const Token open = current();
    if (!enter()) {
      return std::nullopt;
    }
    ++at_;
    std::optional<ConditionNode> inner = parse_or();
    --depth_;
    if (!inner) {
      return std::nullopt;
    }
    if (current().kind == Token::Kind::end) {
      fail(open, "condition-syntax", "this parenthesis is never closed", "write the missing `)`");
      return std::nullopt;
    }
    if (current().kind != Token::Kind::close) {
      unexpected_after_operand();
      return std::nullopt;
    }
    ++at_;
    return inner;
  }

  // A word with `of` behind it, in any case and whatever the word: mistakes get their own messages.
  bool is_quantifier() const {
    return following().kind == Token::Kind::word && ascii_lower(following().text) == "of";
  }

  std::optional<ConditionNode> parse_quantifier() {
    const Token quantity = current();
    const Token of = following();
    if (quantity.text != "1" && quantity.text != "any" && quantity.text != "all") {
      bad_quantity(quantity);
      return std::nullopt;
    }
    if (of.text != "of") {
      wrong_case(of, "of");
      return std::nullopt;
    }
    at_ += 2;
    const Token target = current();
    if (target.kind != Token::Kind::word || is_keyword(target.text)) {
      fail(target,
           "condition-syntax",
           "`" + std::string(quantity.text) + " of` needs `them` or a pattern, not " +
               describe(target),
           target.kind == Token::Kind::open
               ? "write the selections with `or` or `and` between them"
               : "write `" + std::string(quantity.text) + " of selection_*` or `" +
                     std::string(quantity.text) + " of them`");
      return std::nullopt;
    }
    ++at_;
    ConditionNode node;
    node.kind = quantity.text == "all" ? ConditionNode::Kind::each_of : ConditionNode::Kind::one_of;
    node.name = std::string(target.text);
    node.span = target.span;
    if (select_names(target.text, names_).empty()) {
      unmatched(target);
    }
    return node;
  }

  std::optional<ConditionNode> parse_identifier() {
    const Token token = current();
    ++at_;
    if (!is_name(token.text)) {
      undefined(token);
    }
    ConditionNode node;
    node.name = std::string(token.text);
    node.span = token.span;
    return node;
  }

  // --- messages ---

  void wrong_case(const Token& token, const std::string& right) {
    fail(token,
         "condition-keyword-case",
         describe(token) + " is not a word of the condition language",
         "write `" + right + "`");
  }

  void bad_quantity(const Token& quantity) {
    const std::string right = ascii_lower(quantity.text);
    if (right == "any" || right == "all") {
      wrong_case(quantity, right);
      return;
    }
    const bool zero =
        right == "none" || (is_number(right) && right.find_first_not_of('0') == std::string::npos);
    fail(quantity,
         "condition-quantifier",
         "a condition cannot count to " + describe(quantity),
         zero ? "write `not 1 of ...`"
              : "write `1 of`, `any of` or `all of`; spell other numbers out with `and` and `or`");
  }

  void undefined(const Token& token) {
    const std::string right = ascii_lower(token.text);
    if (is_keyword(right)) {
      wrong_case(token, right);
      return;
    }
    if (token.text == "them") {
      fail(token,
           "condition-syntax",
           "`them` stands only behind `of`",
           "write `1 of them` or `all of them`");
      return;
    }
    if (token.text.find('*') != std::string_view::npos) {
      fail(token,
           "condition-syntax",
           "the pattern " + describe(token) + " needs a quantifier",
           "write `1 of " + std::string(token.text) + "` or `all of " + std::string(token.text) +
               "`");
      return;
    }
    fail(token,
         "unknown-selection",
         "there is no selection " + describe(token),
         near_name(token.text));
  }

  std::string near_name(std::string_view word) const {
    if (failures_ >= failures_max) {
      return "";  // not shown any more
    }
    if (const auto near = did_you_mean(word, names_)) {
      return "did you mean `" + *near + "`?";
    }
    std::string list;
    for (std::size_t i = 0; i < names_.size() && i < 8; ++i) {
      list += (i == 0 ? "there are `" : ", `") + std::string(names_[i]) + "`";
    }
    return list + (names_.size() > 8 ? " and others" : "");
  }

  void unmatched(const Token& token) {
    const bool hidden = token.text == "them" || token.text.starts_with('*');
    const bool only_hidden = hidden && !names_.empty();
    fail(token,
         "unmatched-pattern",
         describe(token) + " fits no selection",
         only_hidden && std::all_of(names_.begin(),
                                    names_.end(),
                                    [](std::string_view name) { return name.starts_with('_'); })
             ? "names that begin with `_` are left out: name them"
             : near_name(token.text));
  }

  void expected_operand() {
    const Token& token = current();
    std::string hint = "write the name of a selection";
    if (token.kind == Token::Kind::pipe) {
      aggregation();
      return;
    }
    if (token.kind == Token::Kind::close) {
      hint = "write a selection before `)`";
    }
    fail(token, "condition-syntax", "a selection is missing before " + describe(token), hint);
  }

  void aggregation() {
    fail(
        current(),
        "condition-aggregation",
        "aggregations behind `|` are no longer part of Sigma",
        "write a second document with `correlation:` (type event_count, value_count, temporal ...) "
        "that refers to this rule");
  }

  void unexpected_after_operand() {
    const Token& token = current();
    if (token.kind == Token::Kind::pipe) {
      aggregation();
      return;
    }
    if (token.kind == Token::Kind::close) {
      fail(token,
           "condition-syntax",
           "this parenthesis was never opened",
           "drop it, or write the missing `(`");
      return;
    }
    const std::string right = ascii_lower(token.text);
    if (token.kind == Token::Kind::word && is_keyword(right) && right != token.text) {
      wrong_case(token, right);
      return;
    }
    if (token.kind == Token::Kind::other) {
      fail(token,
           "condition-syntax",
           describe(token) + " has no meaning in a condition",
           token.text == "&" || token.text == "," ? "write `and` or `or`"
           : token.text == "!"                    ? "write `not`"
           : token.text == "?" || token.text == "["
               ? "only `*` is a wildcard in patterns"
               : "names consist of letters, digits, `_` and `-`");
      return;
    }
    fail(token,
         "condition-syntax",
         describe(token) + " follows a selection without `and` or `or`",
         "write `and` or `or` between them");
  }

  const SourceText& source_;
  std::span<const std::string_view> names_;
  std::unordered_set<std::string_view> known_;
  Diagnostics& diagnostics_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t failures_ = 0;
  bool failed_ = false;
};

}  // namespace

std::optional<ConditionNode> parse_condition(const SourceText& source,
                                             const YamlNode& scalar,
                                             std::span<const std::string_view> names,
                                             Diagnostics& diagnostics) {
  return Parser(source, scalar, names, diagnostics).run();
}

std::vector<std::string_view> select_names(std::string_view pattern,
                                           std::span<const std::string_view> names) {
  const bool hidden = pattern.starts_with('_');
  std::vector<std::string_view> selected;
  for (const std::string_view name : names) {
    const bool fits = pattern == "them" || name_matches(pattern, name);
    if (fits && (hidden || !name.starts_with('_'))) {
      selected.push_back(name);
    }
  }
  return selected;
}

}  // namespace tocsin
