// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_tree.h"

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/event/json.h"
#include "engine/event/json_elements.h"
#include "engine/event/json_text.h"

namespace tocsin {
namespace {

using Kind = JsonNode::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<JsonNode> parse() {
    JsonNode root;
    skip_space();
    if (!value(root)) {
      return failure();
    }
    while (!open_.empty()) {
      if (!step()) {
        return failure();
      }
    }
    skip_space();
    if (at_ != text_.size()) {
      fail("more text behind the value");
      return failure();
    }
    return root;
  }

 private:
  struct Open {
    JsonNode* node = nullptr;
    bool first = true;
  };

  Unexpected<Error> failure() const {
    return tocsin::fail("byte " + std::to_string(fault_at_) + ": " + fault_);
  }

  bool fail(const char* what) {
    fault_ = what;
    fault_at_ = at_;
    return false;
  }

  // The next member, element or closing bracket of the innermost container.
  bool step() {
    // A value below may open a container: copies, not references into open_.
    JsonNode* node = open_.back().node;
    const bool first = open_.back().first;
    open_.back().first = false;
    const bool array = node->kind == Kind::array;
    skip_space();
    if (at_ == text_.size()) {
      return fail("the text ends inside an object or array");
    }
    const bool closes = text_[at_] == (array ? ']' : '}');
    if (closes) {
      ++at_;
      open_.pop_back();
      skip_space();
      return true;
    }
    if (!first) {
      if (text_[at_] != ',') {
        return fail(array ? "no comma between two elements" : "no comma between two members");
      }
      ++at_;
      skip_space();
    }
    if (!array) {
      std::string name;
      if (!key(name)) {
        return false;
      }
      node->keys.push_back(std::move(name));
    }
    return value(node->children.emplace_back());
  }

  bool key(std::string& name) {
    if (at_ == text_.size() || text_[at_] != '"') {
      return fail("a member without a key in quotes");
    }
    const std::size_t begin = at_;
    if (!string(name)) {
      return false;
    }
    skip_space();
    if (at_ == text_.size() || text_[at_] != ':') {
      at_ = begin;
      return fail("a key without a colon");
    }
    ++at_;
    skip_space();
    return true;
  }

  bool string(std::string& out) {
    const std::size_t quote = find_json_quote(text_, at_ + 1);
    if (quote >= text_.size()) {
      return fail("a string that does not end");
    }
    out = decoded_json_string(text_.substr(at_ + 1, quote - at_ - 1));
    at_ = quote + 1;
    return true;
  }

  bool value(JsonNode& node) {
    if (at_ == text_.size() || (is_json_operator(text_[at_]) && !is_json_open(text_[at_]))) {
      return fail("a value is missing");
    }
    if (text_[at_] == '"') {
      node.kind = Kind::string;
      return string(node.text);
    }
    if (!is_json_open(text_[at_])) {
      word(node);
      return true;
    }
    if (open_.size() == limits::json_depth_max) {
      return too_deep(node);
    }
    node.kind = text_[at_] == '[' ? Kind::array : Kind::object;
    ++at_;
    open_.push_back({&node, true});
    return true;
  }

  void word(JsonNode& node) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_json_space(text_[at_]) && !is_json_operator(text_[at_]) &&
           text_[at_] != '"') {
      ++at_;
    }
    append_repaired_utf8(text_.substr(begin, at_ - begin), node.text);
    node.kind = node.text == "null"                           ? Kind::null
                : node.text == "true" || node.text == "false" ? Kind::boolean
                                                              : Kind::number;
  }

  bool too_deep(JsonNode& node) {
    std::size_t stop = 0;
    const std::size_t end = scan_json_value(text_, at_, stop);
    if (end == text_.npos) {
      at_ = stop;
      return fail("brackets that do not match");
    }
    node.kind = Kind::string;
    node.too_deep = true;
    append_repaired_utf8(text_.substr(at_, end - at_), node.text);
    at_ = end;
    return true;
  }

  void skip_space() {
    while (at_ < text_.size() && is_json_space(text_[at_])) {
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Open> open_;
  const char* fault_ = "";
  std::size_t fault_at_ = 0;
};

// Writes a tree without recursion; `scalars` writes a string, number ... and `key` a key with its
// quotes.
template <typename Scalar, typename Key>
void write_tree(const JsonNode& root, std::string& out, Scalar scalar, Key key) {
  struct Open {
    const JsonNode* node;
    std::size_t next;
  };
  std::vector<Open> open;
  const auto begin = [&](const JsonNode& node) {
    if (node.kind == Kind::array || node.kind == Kind::object) {
      out += node.kind == Kind::array ? '[' : '{';
      open.push_back({&node, 0});
    } else {
      scalar(node, out);
    }
  };
  begin(root);
  while (!open.empty()) {
    Open& top = open.back();
    const JsonNode& node = *top.node;
    if (top.next == node.children.size()) {
      out += node.kind == Kind::array ? ']' : '}';
      open.pop_back();
      continue;
    }
    if (top.next != 0) {
      out += ',';
    }
    const std::size_t at = top.next++;
    if (node.kind == Kind::object) {
      key(node.keys[at], out);
      out += ':';
    }
    begin(node.children[at]);
  }
}

// The elements of an array, however deeply nested, or the node itself.
void flatten(const JsonNode& node, std::vector<const JsonNode*>& out) {
  if (node.kind != Kind::array || node.children.empty()) {
    out.push_back(&node);
    return;
  }
  for (const JsonNode& child : node.children) {
    flatten(child, out);
  }
}

// What `path`, of which no key has been read yet, leads to from `node`. Recursion is bounded by
// limits::json_depth_max.
void collect(const JsonNode& node, std::string_view path, std::vector<const JsonNode*>& out) {
  if (node.kind == Kind::array) {
    for (const JsonNode& child : node.children) {
      collect(child, path, out);
    }
    return;
  }
  if (node.kind != Kind::object) {
    return;
  }
  for (std::size_t at = 0; at < node.children.size(); ++at) {
    const std::string& key = node.keys[at];
    if (path == key) {
      flatten(node.children[at], out);
    } else if (path.size() > key.size() && path.starts_with(key) && path[key.size()] == '.') {
      collect(node.children[at], path.substr(key.size() + 1), out);
    }
  }
}

}  // namespace

const JsonNode* JsonNode::get(std::string_view key) const {
  for (std::size_t at = 0; at < keys.size(); ++at) {
    if (keys[at] == key) {
      return &children[at];
    }
  }
  return nullptr;
}

Result<JsonNode> parse_json(std::string_view text) {
  return Parser(text).parse();
}

std::vector<const JsonNode*> find_values(const JsonNode& root, std::string_view path) {
  std::vector<const JsonNode*> values;
  if (root.kind == Kind::object) {
    collect(root, path, values);
  }
  return values;
}

void append_json(const JsonNode& node, std::string& out) {
  const auto scalar = [](const JsonNode& leaf, std::string& text) {
    if (leaf.kind == Kind::null) {
      text += "null";
    } else if (leaf.kind == Kind::boolean ||
               (leaf.kind == Kind::number && is_json_number(leaf.text))) {
      text += leaf.text;
    } else {
      append_json_string(leaf.text, text);
    }
  };
  write_tree(node, out, scalar, append_json_string);
}

std::string rule_text(const JsonNode& node) {
  if (node.kind == Kind::string) {
    return node.text;
  }
  if (node.kind == Kind::null) {
    return {};
  }
  const auto quoted = [](std::string_view raw, std::string& text) {
    text += '"';
    text += raw;
    text += '"';
  };
  const auto scalar = [&quoted](const JsonNode& leaf, std::string& text) {
    if (leaf.kind == Kind::null) {
      text += "null";
    } else if (leaf.too_deep) {
      text += minified_json(leaf.text);
    } else if (leaf.kind == Kind::string) {
      quoted(leaf.text, text);
    } else {
      text += leaf.text;
    }
  };
  std::string out;
  write_tree(node, out, scalar, quoted);
  return out;
}

Hash128 record_hash(std::string_view record) {
  // Without escapes and bad bytes the text of choice 4 is the record without white space: most
  // records, and found fast.
  if (record.find('\\') == std::string_view::npos && is_utf8(record)) {
    std::string text(record.size() + limits::padding_bytes, '\0');
    std::size_t size = 0;
    if (strip_white_space(record, text.data(), size)) {
      return content_hash(std::string_view(text).substr(0, size));
    }
  }
  return content_hash(minified_json(record));
}

}  // namespace tocsin
