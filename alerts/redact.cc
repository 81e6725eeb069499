// SPDX-License-Identifier: Apache-2.0
// Redactor: what is secret in a record is known by the name of its key, by standing inside a secret
// object (responseElements.credentials), by the name beside it ({"name": "DB_PASSWORD", "value":
// ...}), or by its own look (secret_words.h). Names that only speak of a secret (secretId,
// clientToken, accessKeyId) are shown: an alert about GetSecretValue that does not say which secret
// is of no use. Booleans and null are shown. When in doubt a value goes: paging tokens that
// names_a_secret() does not know, and texts such as "Password: see below", are known false
// positives.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "alerts/render.h"
#include "alerts/secret_words.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

// JSON inside a string inside JSON: a policy in a template in a message leaves one to spare.
constexpr std::size_t nested_json_max = 4;

// `*` and `?`; both lower case. O(pattern * text) at worst, without recursion.
bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool looks_like_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

struct Redactor::Impl {
  std::vector<std::string> extra;

  bool is_extra(std::string_view key) const {
    if (extra.empty()) {
      return false;
    }
    const std::string name = ascii_lower(key);
    return std::any_of(extra.begin(), extra.end(), [&](const std::string& pattern) {
      return glob(pattern, name);
    });
  }
  bool is_secret(std::string_view key) const { return names_a_secret(key) || is_extra(key); }

  static void take(std::string& text, std::vector<std::string>* removed) {
    if (text.empty() || is_placeholder(text)) {
      return;
    }
    if (removed != nullptr) {
      removed->push_back(text);
    }
    text = redacted_text;
  }

  // Everything in `node` but what names_an_attribute().
  void take_all(JsonNode& node, std::vector<std::string>* removed) const {
    switch (node.kind) {
      case JsonNode::Kind::null:
      case JsonNode::Kind::boolean:
        return;
      case JsonNode::Kind::number:
      case JsonNode::Kind::string:
        node.kind = JsonNode::Kind::string;
        take(node.text, removed);
        return;
      case JsonNode::Kind::array:
        for (JsonNode& child : node.children) {
          take_all(child, removed);
        }
        return;
      case JsonNode::Kind::object:
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          const bool attribute = names_an_attribute(node.keys[i]) && !is_extra(node.keys[i]);
          if (attribute) {
            walk(node.children[i], removed, 0);
          } else {
            take_all(node.children[i], removed);
          }
        }
        return;
    }
  }

  // {"name": "DB_PASSWORD", "value": "..."}: the name stands beside its value.
  bool has_secret_name(const JsonNode& object) const {
    for (std::size_t i = 0; i < object.children.size(); ++i) {
      const std::string key = ascii_lower(object.keys[i]);
      if ((key == "name" || key == "key") && object.children[i].kind == JsonNode::Kind::string &&
          is_secret(object.children[i].text)) {
        return true;
      }
    }
    return false;
  }

  void walk(JsonNode& node, std::vector<std::string>* removed, std::size_t nesting) const {
    switch (node.kind) {
      case JsonNode::Kind::null:
      case JsonNode::Kind::boolean:
      case JsonNode::Kind::number:
        return;
      case JsonNode::Kind::string:
        node.text = clean_text(node.text, removed, nesting);
        return;
      case JsonNode::Kind::array:
        for (JsonNode& child : node.children) {
          walk(child, removed, nesting);
        }
        return;
      case JsonNode::Kind::object: {
        const bool named = has_secret_name(node);
        for (std::size_t i = 0; i < node.children.size(); ++i) {
          const bool count =
              node.children[i].kind == JsonNode::Kind::number && names_a_count(node.keys[i]);
          if ((is_secret(node.keys[i]) && !count) ||
              (named && ascii_lower(node.keys[i]) == "value")) {
            take_all(node.children[i], removed);
          } else {
            walk(node.children[i], removed, nesting);
          }
        }
        return;
      }
    }
  }

  std::string clean_text(std::string_view text,
                         std::vector<std::string>* removed,
                         std::size_t nesting) const {
    if (nesting < nested_json_max && looks_like_json(text)) {
      auto inner = parse_json(text);
      if (inner) {
        std::vector<std::string> found;
        walk(*inner, &found, nesting + 1);
        if (found.empty()) {
          return std::string(text);
        }
        if (removed != nullptr) {
          removed->insert(removed->end(), found.begin(), found.end());
        }
        std::string out;
        append_json(*inner, out);
        return out;
      }
    }
    return without_secrets(
        text, [this](std::string_view name) { return is_secret(name); }, removed);
  }
};

Redactor::Redactor(const std::vector<std::string>& extra_key_patterns)
    : impl_(std::make_unique<Impl>()) {
  for (const std::string& pattern : extra_key_patterns) {
    impl_->extra.push_back(ascii_lower(pattern));
  }
}
Redactor::~Redactor() = default;
Redactor::Redactor(Redactor&&) noexcept = default;

void Redactor::redact(JsonNode& record, std::vector<std::string>* removed) const {
  impl_->walk(record, removed, 0);
}

bool Redactor::is_secret_name(std::string_view name) const {
  return impl_->is_secret(name);
}

std::string Redactor::redact_value(std::string_view field, std::string_view value) const {
  bool inside = false;
  std::size_t at = 0;
  while (at <= field.size() && !field.empty()) {
    const std::size_t dot = std::min(field.find('.', at), field.size());
    const std::string_view part = field.substr(at, dot - at);
    const bool last = dot == field.size();
    if (impl_->is_secret(part)) {
      inside = true;
    } else if (inside && last && names_an_attribute(part)) {
      inside = false;
    }
    at = dot + 1;
  }
  if (inside && value != "true" && value != "false") {
    JsonNode node;
    auto tree = looks_like_json(value) ? parse_json(value) : Result<JsonNode>(fail(""));
    if (tree) {
      impl_->take_all(*tree, nullptr);
      std::string out;
      append_json(*tree, out);
      return out;
    }
    std::string text(value);
    Impl::take(text, nullptr);
    return text;
  }
  return impl_->clean_text(value, nullptr, 0);
}

}  // namespace tocsin
