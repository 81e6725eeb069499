// SPDX-License-Identifier: Apache-2.0
#include "rules/pipeline_keys.h"

#include <algorithm>

#include "engine/base/text.h"
#include "rules/metadata.h"

namespace tocsin {
namespace {

std::string quoted(std::string_view text) {
  return "`" + printable(shorten(text, 60)) + "`";
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    out += (out.empty() ? "" : ", ") + std::string(word);
  }
  return out;
}

bool is_word(const YamlNode& node) {
  return node.is_scalar() && node.kind != YamlNode::Kind::null;
}

}  // namespace

PipelineMark PipelineMarks::number(const std::string& id) {
  const auto [found, fresh] = numbers_.emplace(id, next_);
  next_ += fresh ? 1 : 0;
  return found->second;
}

PipelineMark PipelineMarks::define(const std::string& id) {
  if (id.empty()) {
    return next_++;
  }
  defined_.insert(id);
  return number(id);
}

PipelineMark PipelineMarks::refer(const std::string& id,
                                  const SourceText& source,
                                  const SourceSpan& place) {
  references_.push_back({id, &source, place});
  return number(id);
}

std::vector<PipelineMarks::Reference> PipelineMarks::unknown() const {
  std::vector<Reference> out;
  for (const Reference& reference : references_) {
    if (defined_.count(reference.id) == 0) {
      out.push_back(reference);
    }
  }
  return out;
}

std::vector<std::string_view> PipelineMarks::names() const {
  return {defined_.begin(), defined_.end()};
}

const YamlNode* PipelineKeys::find(std::string_view key, bool required) {
  known_.emplace_back(key);
  const YamlNode* node = map_.get(key);
  if (node == nullptr && required) {
    error(map_, "pipeline-missing-key", what_ + " needs the key `" + std::string(key) + "`");
  }
  return node;
}

std::string PipelineKeys::text(std::string_view key, bool required) {
  const YamlNode* node = find(key, required);
  if (node == nullptr || (node->kind == YamlNode::Kind::null && !required)) {
    return {};
  }
  if (!is_word(*node)) {
    error(*node, "pipeline-value", "`" + std::string(key) + "` has to be a text");
    return {};
  }
  return node->text;
}

std::vector<std::string> PipelineKeys::read_texts(const YamlNode& node, std::string_view key) {
  if (is_word(node)) {
    return {node.text};
  }
  std::vector<std::string> out;
  if (node.kind != YamlNode::Kind::sequence || node.items.empty()) {
    error(node,
          "pipeline-value",
          "`" + printable(shorten(key, 60)) + "` has to be a text or a list of texts");
    return out;
  }
  for (const YamlNode& item : node.items) {
    if (is_word(item)) {
      out.push_back(item.text);
    } else {
      error(item,
            "pipeline-value",
            "an element of `" + printable(shorten(key, 60)) + "` has to be a text");
    }
  }
  return out;
}

std::vector<std::string> PipelineKeys::texts(std::string_view key, bool required) {
  const YamlNode* node = find(key, required);
  if (node == nullptr || (node->kind == YamlNode::Kind::null && !required)) {
    return {};
  }
  return read_texts(*node, key);
}

bool PipelineKeys::flag(std::string_view key) {
  const YamlNode* node = find(key, false);
  if (node == nullptr) {
    return false;
  }
  if (node->kind != YamlNode::Kind::boolean) {
    error(*node, "pipeline-value", "`" + std::string(key) + "` has to be true or false");
    return false;
  }
  return ascii_lower(node->text) == "true";
}

PipelineScalar PipelineKeys::scalar(std::string_view key, bool required) {
  const YamlNode* node = find(key, required);
  if (node == nullptr) {
    return {};
  }
  if (!node->is_scalar()) {
    error(*node, "pipeline-value", "`" + std::string(key) + "` has to be a plain value");
    return {};
  }
  return {node->kind, node->text};
}

std::string PipelineKeys::choice(std::string_view key,
                                 std::span<const std::string_view> choices,
                                 bool required) {
  const YamlNode* node = find(key, required);
  if (node == nullptr) {
    return std::string(choices.front());
  }
  if (node->is_scalar() && std::find(choices.begin(), choices.end(), node->text) != choices.end()) {
    return node->text;
  }
  const std::string hint = suggestion(node->is_scalar() ? node->text : std::string(), choices);
  error(*node, "pipeline-value", "`" + std::string(key) + "` is one of " + joined(choices), hint);
  return std::string(choices.front());
}

std::shared_ptr<const Regex> PipelineKeys::regex(std::string_view key, bool at_start) {
  const YamlNode* node = find(key, true);
  return node == nullptr ? nullptr : compile(*node, at_start);
}

std::shared_ptr<const Regex> PipelineKeys::compile(const YamlNode& node, bool at_start) {
  if (!is_word(node)) {
    error(node, "pipeline-value", "a regular expression has to be a text");
    return nullptr;
  }
  // First as written, so that a message shows nothing else.
  Result<std::unique_ptr<const Regex>> program = Regex::compile(node.text, "");
  if (program && at_start) {
    program = Regex::compile("\\A(?:" + node.text + ")", "");
  }
  if (!program) {
    error(node,
          "invalid-regex",
          program.error().message,
          "pipelines use RE2's syntax: no look-around and no back-references in the expression");
    return nullptr;
  }
  return std::move(*program);
}

PipelineKeys::Mapping PipelineKeys::mapping(std::string_view key, bool required) {
  Mapping out;
  const YamlNode* node = find(key, required);
  if (node == nullptr) {
    return out;
  }
  if (node->kind != YamlNode::Kind::map) {
    error(*node, "pipeline-value", "`" + std::string(key) + "` has to be a map");
    return out;
  }
  out.reserve(node->members.size());
  for (const YamlMember& member : node->members) {
    std::vector<std::string> targets = read_texts(member.second, member.first.text);
    if (!targets.empty()) {
      out.emplace_back(member.first, std::move(targets));
    }
  }
  return out;
}

PipelineMark PipelineKeys::mark(std::string_view key) {
  const YamlNode* node = find(key, true);
  if (node == nullptr || !is_word(*node)) {
    if (node != nullptr) {
      error(*node, "pipeline-value", "`" + std::string(key) + "` has to be the `id` of an item");
    }
    return mapped_mark;
  }
  return marks_.refer(node->text, problems_.source(), span_of(*node));
}

void PipelineKeys::finish() {
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const YamlMember& member : map_.members) {
    const std::string& key = member.first.text;
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string hint = suggestion(key, known);
      error(member.first,
            "pipeline-key",
            what_ + " has no key " + quoted(key),
            hint.empty() ? "it has " + joined(known) : hint);
    }
  }
}

}  // namespace tocsin
