// SPDX-License-Identifier: Apache-2.0
#include "alerts/secret_words.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tocsin {
namespace {

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_byte(char c) {
  return is_upper(c) || is_lower(c) || is_digit(c) || c == '_' || c == '-';
}
bool is_token_byte(char c) {
  return is_name_byte(c) || c == '+' || c == '/' || c == '=' || c == '.' || c == '~';
}
char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

// Where a name's last word begins: at the last separator or change from lower to upper case
// ("SecretARN" -> "ARN").
std::string last_word(std::string_view name) {
  std::size_t begin = name.size();
  while (begin > 0) {
    const char c = name[begin - 1];
    if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
      break;
    }
    const bool after_lower =
        begin >= 2 && is_upper(c) && (is_lower(name[begin - 2]) || is_digit(name[begin - 2]));
    const bool before_lower = begin >= 2 && is_upper(c) && is_upper(name[begin - 2]) &&
                              begin < name.size() && is_lower(name[begin]);
    --begin;
    if (after_lower || before_lower) {
      break;
    }
  }
  std::string word;
  for (const char c : name.substr(begin)) {
    word += lower(c);
  }
  return word;
}

// Lower case without separators: "X-Amz-Security-Token" -> "xamzsecuritytoken".
std::string squeezed(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (is_upper(c) || is_lower(c) || is_digit(c)) {
      out += lower(c);
    }
  }
  return out;
}

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A name that contains one of these names a secret ...
constexpr std::array<std::string_view, 12> secret_parts = {"password",
                                                           "passwd",
                                                           "passphrase",
                                                           "secret",
                                                           "token",
                                                           "privatekey",
                                                           "apikey",
                                                           "sharedkey",
                                                           "setcookie",
                                                           "pwd",
                                                           "xamzsignature",
                                                           "accountkey"};
// ... or is one of these ...
constexpr std::array<std::string_view, 7> secret_names = {"credential",
                                                          "credentials",
                                                          "cookie",
                                                          "pass",
                                                          "authorization",
                                                          "proxyauthorization",
                                                          "xauthorization"};
// ... unless its last word says that it is something about the secret ...
constexpr std::array<std::string_view, 35> attribute_words = {
    "id",      "ids",           "arn",         "arns",       "name",     "names",
    "type",    "length",        "age",         "policy",     "required", "used",
    "changed", "enabled",       "expiration",  "expires",    "expiry",   "date",
    "time",    "count",         "status",      "state",      "version",  "prevention",
    "reset",   "days",          "max",         "min",        "rotation", "region",
    "usage",   "configuration", "description", "identifier", "provider"};
// ... or it is one of these: paging and idempotency tokens of AWS, and names without a visible last
// word.
constexpr std::array<std::string_view, 28> harmless_names = {
    "clienttoken",       "clientrequesttoken", "nexttoken",
    "changetoken",       "idempotencytoken",   "paginationtoken",
    "continuationtoken", "startingtoken",      "nextcontinuationtoken",
    "sequencetoken",     "nextsequencetoken",  "uploadsequencetoken",
    "locktoken",         "nextlocktoken",      "creationtoken",
    "creatorrequestid",  "httptokens",         "tokenid",
    "secretid",          "secretarn",          "secretname",
    "secretversionid",   "accesskeyid",        "minimumpasswordlength",
    "forwardtoken",      "nextforwardtoken",   "nextbackwardtoken",
    "elevatedtoken"};

// Beginnings of tokens that are secret wherever they stand; the number is the least length that
// counts.
struct TokenShape {
  std::string_view prefix;
  std::size_t length_min;
};
constexpr std::array<TokenShape, 14> token_shapes = {{{"eyJ", 40},   // JWT
                                                      {"ghp_", 20},  // GitHub
                                                      {"gho_", 20},
                                                      {"ghs_", 20},
                                                      {"github_pat_", 20},
                                                      {"glpat-", 20},  // GitLab
                                                      {"xoxb-", 20},   // Slack
                                                      {"xoxp-", 20},
                                                      {"xoxa-", 20},
                                                      {"sk_live_", 20},  // Stripe
                                                      {"IQoJ", 100},     // AWS session tokens
                                                      {"FwoG", 100},
                                                      {"FQoG", 100},
                                                      {"AQoD", 100}}};
constexpr std::string_view slack_hook = "hooks.slack.com/services/";
constexpr std::string_view key_mark = "-----BEGIN ";
constexpr std::size_t aws_secret_length = 40;

bool starts_folded(std::string_view text, std::size_t at, std::string_view word) {
  if (text.size() - at < word.size()) {
    return false;
  }
  return std::equal(
      word.begin(), word.end(), text.begin() + static_cast<std::ptrdiff_t>(at), [](char a, char b) {
        return a == lower(b);
      });
}

// A scan over one text. Each find_* looks at text[at_], at the beginning of a word, for a secret
// that begins there or after a name there, and returns its span.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class SecretScan {
 public:
  SecretScan(std::string_view text, const std::function<bool(std::string_view)>& is_secret_name)
      : text_(text), is_secret_name_(is_secret_name) {
    has_key_id_ =
        text.find("AKIA") != std::string_view::npos || text.find("ASIA") != std::string_view::npos;
    next_key_ = text.find(key_mark);
  }

  std::string run(std::vector<std::string>* removed) {
    std::string out;
    std::size_t at = 0;
    while (at < text_.size()) {
      if (next_key_ < at) {
        next_key_ = text_.find(key_mark, at);
      }
      if (const auto span = private_key(at)) {
        take(*span, at, out, removed);
        continue;
      }
      if (const auto span = url_password(at)) {
        take(*span, at, out, removed);
        continue;
      }
      if (!is_name_byte(text_[at])) {
        out += text_[at++];
        continue;
      }
      const std::size_t end = name_end(at);
      std::optional<Span> span = known_token(at);
      if (!span) {
        span = scheme_credentials(at, end);
      }
      if (!span) {
        span = assignment(at, end);
      }
      if (span) {
        take(*span, at, out, removed);
      } else {
        const std::size_t next = has_key_id_ ? std::max(end, base64_end(at)) : end;
        out += text_.substr(at, next - at);
        at = next;
      }
    }
    return out;
  }

 private:
  void take(const Span& span,
            std::size_t& at,
            std::string& out,
            std::vector<std::string>* removed) const {
    out += text_.substr(at, span.begin - at);
    const std::string_view secret = text_.substr(span.begin, span.end - span.begin);
    if (is_placeholder(secret)) {
      out += secret;
    } else {
      out += redacted_text;
      if (removed != nullptr) {
        removed->emplace_back(secret);
      }
    }
    at = span.end;
  }

  // A private key may follow a name without anything between ("\\n-----BEGIN").
  std::size_t name_end(std::size_t at) const {
    do {
      ++at;
    } while (at < text_.size() && is_name_byte(text_[at]) && at != next_key_);
    return at;
  }
  std::size_t base64_end(std::size_t at) const {
    while (at < text_.size() && (is_name_byte(text_[at]) || text_[at] == '/' || text_[at] == '+') &&
           at != next_key_) {
      ++at;
    }
    return at;
  }
  std::size_t token_end(std::size_t at) const {
    while (at < text_.size() && is_token_byte(text_[at])) {
      ++at;
    }
    return at;
  }

  std::optional<Span> private_key(std::size_t at) const {
    if (at != next_key_) {
      return std::nullopt;
    }
    const std::string_view label = text_.substr(at + key_mark.size(), 64);
    if (label.substr(0, label.find("-----")).find("PRIVATE KEY") == std::string_view::npos) {
      return std::nullopt;
    }
    const std::size_t end_mark = text_.find("-----END ", at);
    if (end_mark == std::string_view::npos) {
      return Span{at, text_.size()};
    }
    const std::size_t last = text_.find("-----", end_mark + 9);
    return Span{at, last == std::string_view::npos ? text_.size() : last + 5};
  }

  // https://user:PASSWORD@host
  std::optional<Span> url_password(std::size_t at) const {
    if (text_.compare(at, 3, "://") != 0) {
      return std::nullopt;
    }
    std::size_t colon = std::string_view::npos;
    for (std::size_t i = at + 3; i < text_.size() && i < at + 3 + 512; ++i) {
      const char c = text_[i];
      if (c == '@' && colon != std::string_view::npos && i > colon + 1) {
        return Span{colon + 1, i};
      }
      if (c == ':' && colon == std::string_view::npos) {
        colon = i;
      }
      if (c == '/' || c == '?' || c == '#' || c == ' ' || c == '"' || c == '\n') {
        break;
      }
    }
    return std::nullopt;
  }

  std::optional<Span> known_token(std::size_t at) const {
    if (text_.compare(at, 5, "hooks") == 0 &&
        text_.compare(at, slack_hook.size(), slack_hook) == 0) {
      const std::size_t begin = at + slack_hook.size();
      const std::size_t end = token_end(begin);
      return end > begin ? std::optional<Span>(Span{begin, end}) : std::nullopt;
    }
    for (const TokenShape& shape : token_shapes) {
      if (text_.compare(at, shape.prefix.size(), shape.prefix) == 0) {
        const std::size_t end = token_end(at);
        if (end - at >= shape.length_min) {
          return Span{at, end};
        }
      }
    }
    return has_key_id_ ? aws_secret(at) : std::nullopt;
  }

  // 40 characters of base 64 of all kinds, in a text that holds a key id: alone they could be
  // anything.
  std::optional<Span> aws_secret(std::size_t at) const {
    const std::size_t end = base64_end(at);
    const std::string_view word = text_.substr(at, end - at);
    const bool fits = word.size() == aws_secret_length &&
                      std::any_of(word.begin(), word.end(), is_upper) &&
                      std::any_of(word.begin(), word.end(), is_lower) &&
                      std::any_of(word.begin(), word.end(), is_digit);
    return fits ? std::optional<Span>(Span{at, end}) : std::nullopt;
  }

  // Bearer TOKEN, Basic TOKEN
  std::optional<Span> scheme_credentials(std::size_t at, std::size_t end) const {
    const bool scheme = (end - at == 6 && starts_folded(text_, at, "bearer")) ||
                        (end - at == 5 && starts_folded(text_, at, "basic"));
    if (!scheme || end >= text_.size() || text_[end] != ' ') {
      return std::nullopt;
    }
    const std::size_t stop = token_end(end + 1);
    return stop - end - 1 >= 12 ? std::optional<Span>(Span{end + 1, stop}) : std::nullopt;
  }

  // NAME=VALUE, NAME: VALUE, "NAME":"VALUE", --NAME VALUE, where NAME names a secret.
  std::optional<Span> assignment(std::size_t at, std::size_t end) const {
    // Part of an ARN or of a path ("...:secret:name"): no assignment.
    if (at > 0 && text_[at - 1] == ':') {
      return std::nullopt;
    }
    std::size_t cursor = end;
    const bool option = text_[at] == '-' && end - at > 3 && text_[at + 1] == '-';
    const bool quoted_name =
        cursor < text_.size() &&
        (text_[cursor] == '"' || text_[cursor] == '\'' || text_[cursor] == '\\');
    while (cursor < text_.size() && cursor < end + 2 &&
           (text_[cursor] == '"' || text_[cursor] == '\'' || text_[cursor] == '\\')) {
      ++cursor;
    }
    while (cursor < text_.size() && text_[cursor] == ' ' && cursor < end + 8) {
      ++cursor;
    }
    if (cursor >= text_.size()) {
      return std::nullopt;
    }
    const char sign = text_[cursor];
    const bool windows_option = at > 0 && text_[at - 1] == '/' && sign == ':';
    if (sign == '=' || sign == ':') {
      const std::size_t after = cursor + 1;
      const bool spaced = after < text_.size() &&
                          (text_[after] == ' ' || text_[after] == '"' || text_[after] == '\'');
      if (sign == ':' && !spaced && !quoted_name && !windows_option) {
        return std::nullopt;
      }
      cursor = after;
    } else if (!option || cursor == end || sign == '-') {
      return std::nullopt;
    }
    if (!is_secret_name_(text_.substr(at, end - at))) {
      return std::nullopt;
    }
    return value_span(cursor);
  }

  // A value behind a name: quoted, or up to white space or a separator.
  std::optional<Span> value_span(std::size_t cursor) const {
    while (cursor < text_.size() && (text_[cursor] == ' ' || text_[cursor] == '\\')) {
      ++cursor;
    }
    if (cursor >= text_.size()) {
      return std::nullopt;
    }
    const char quote = text_[cursor];
    if (quote == '"' || quote == '\'') {
      std::size_t end = cursor + 1;
      while (end < text_.size() && text_[end] != quote) {
        ++end;
      }
      std::size_t last = end;  // \" ends the value of a string inside a string
      while (last > cursor + 1 && text_[last - 1] == '\\') {
        --last;
      }
      return last > cursor + 1 ? std::optional<Span>(Span{cursor + 1, last}) : std::nullopt;
    }
    std::size_t end = cursor;
    while (end < text_.size() &&
           std::string_view(" \t\r\n&;,\"'}])\\").find(text_[end]) == std::string_view::npos) {
      ++end;
    }
    const std::string_view value = text_.substr(cursor, end - cursor);
    if (value.empty() || value == "true" || value == "false" || value == "null" ||
        value[0] == '{' || value[0] == '[') {
      return std::nullopt;
    }
    // "Authorization: Bearer x": the scheme stays, the credentials go.
    if ((value.size() == 6 && starts_folded(text_, cursor, "bearer")) ||
        (value.size() == 5 && starts_folded(text_, cursor, "basic"))) {
      if (end + 1 < text_.size() && text_[end] == ' ') {
        const std::size_t stop = token_end(end + 1);
        if (stop > end + 1) {
          return Span{end + 1, stop};
        }
      }
    }
    return Span{cursor, end};
  }

  std::string_view text_;
  const std::function<bool(std::string_view)>& is_secret_name_;
  bool has_key_id_ = false;
  std::size_t next_key_ =
      std::string_view::npos;  // the next key_mark at or behind the scan's place
};

}  // namespace

bool names_an_attribute(std::string_view name) {
  return one_of(last_word(name), attribute_words) || one_of(squeezed(name), harmless_names);
}

bool names_a_secret(std::string_view name) {
  const std::string word = squeezed(name);
  if (one_of(word, secret_names)) {
    return true;
  }
  const bool has_part =
      std::any_of(secret_parts.begin(), secret_parts.end(), [&](std::string_view part) {
        return word.find(part) != std::string::npos;
      });
  return has_part && !names_an_attribute(name);
}

bool names_a_count(std::string_view name) {
  return last_word(name) == "tokens";
}

bool is_placeholder(std::string_view value) {
  constexpr std::array<std::string_view, 6> placeholders = {"HIDDEN_DUE_TO_SECURITY_REASONS",
                                                            "Value hidden due to security reasons.",
                                                            "HIDDEN_FOR_SECURITY_REASONS",
                                                            "***",
                                                            "****",
                                                            redacted_text};
  return one_of(value, placeholders);
}

namespace {

// What stands in most texts: letters and digits with which no token begins, and harmless signs.
constexpr std::array<bool, 256> dull_bytes() {
  std::array<bool, 256> dull{};
  for (std::size_t byte = 0; byte < dull.size(); ++byte) {
    dull[byte] = true;
  }
  for (const char c : std::string_view("='\"\\-:AbBh")) {
    dull[static_cast<unsigned char>(c)] = false;
  }
  for (const TokenShape& shape : token_shapes) {
    dull[static_cast<unsigned char>(shape.prefix.front())] = false;
  }
  return dull;
}
constexpr std::array<bool, 256> is_dull = dull_bytes();

}  // namespace

// Each find_* of SecretScan needs one of these; tests/alerts compares both.
bool may_hold_secret(std::string_view text) {
  constexpr std::size_t key_id_and_secret = aws_secret_length;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_dull[static_cast<unsigned char>(c)]) {
      continue;
    }
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (c == '=' || c == '\'' || c == '"' || c == '\\' || (c == '-' && next == '-') ||
        (c == ':' && next == '/')) {
      return true;
    }
    if (c == ':') {
      // NAME: VALUE, or /NAME:VALUE.
      std::size_t begin = at;
      while (begin > 0 && (text[begin - 1] == ' ' || is_name_byte(text[begin - 1]))) {
        --begin;
      }
      if (next == ' ' || (begin > 0 && text[begin - 1] == '/')) {
        return true;
      }
    }
    if (c == 'A' && text.size() >= key_id_and_secret &&
        (text.compare(at, 4, "AKIA") == 0 || text.compare(at, 4, "ASIA") == 0)) {
      return true;
    }
    if (!is_name_byte(c) || (at > 0 && is_name_byte(text[at - 1]))) {
      continue;
    }
    const bool is_token =
        text.compare(at, slack_hook.size(), slack_hook) == 0 ||
        std::any_of(token_shapes.begin(), token_shapes.end(), [&](const TokenShape& shape) {
          return c == shape.prefix.front() &&
                 text.compare(at, shape.prefix.size(), shape.prefix) == 0;
        });
    if (is_token || starts_folded(text, at, "bearer ") || starts_folded(text, at, "basic ")) {
      return true;
    }
  }
  return false;
}

std::string without_secrets(std::string_view text,
                            const std::function<bool(std::string_view)>& is_secret_name,
                            std::vector<std::string>* removed) {
  return SecretScan(text, is_secret_name).run(removed);
}

}  // namespace tocsin
