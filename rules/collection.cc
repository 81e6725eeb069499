// SPDX-License-Identifier: Apache-2.0
#include "rules/collection.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/metadata.h"
#include "rules/problems.h"

namespace tocsin {
namespace {

constexpr std::array<std::string_view, 3> actions = {"global", "reset", "repeat"};

// Does the document that begins on this line, and could not be read, have a line `action:`?
bool names_action(const SourceText& source, std::uint32_t begin) {
  for (std::uint32_t number = begin; number <= source.line_begins.size(); ++number) {
    const std::string_view line = source.line(number);
    if (number > begin && (line.substr(0, 3) == "---" || line.substr(0, 3) == "...")) {
      return false;
    }
    if (line.substr(0, 7) == "action:") {
      return true;
    }
  }
  return false;
}

std::size_t count_nodes(const YamlNode& node) {
  std::size_t count = weight_of(node);
  for (const YamlNode& item : node.items) {
    count += count_nodes(item);
  }
  for (const YamlMember& member : node.members) {
    count += 1 + count_nodes(member.second);
  }
  return count;
}

// Takes documents in the order of the file and keeps what the actions refer to.
class CollectionReader {
 public:
  // `repeats`: some document has an action, so that the rule before it has to be kept.
  CollectionReader(const SourceText& source,
                   Diagnostics& diagnostics,
                   bool repeats,
                   Collection& out)
      : source_(source), diagnostics_(diagnostics), repeats_(repeats), out_(out) {}

  void add_broken(std::uint32_t line) {
    ++out_.rejected;
    previous_.reset();
    template_lost_ = template_lost_ || names_action(source_, line);
  }

  void add(YamlDocument document) {
    if (document.empty) {
      return;
    }
    YamlNode& root = document.root;
    if (root.kind != YamlNode::Kind::map) {
      refuse(root, "document-type", "a rule document has to be a map", "begin it with `title:`");
      return;
    }
    const auto action =
        std::find_if(root.members.begin(), root.members.end(), [](const YamlMember& member) {
          return member.first.text == "action";
        });
    if (action == root.members.end()) {
      add_rule(std::move(root));
      return;
    }
    const YamlNode verb = std::move(action->second);
    root.members.erase(action);
    apply(verb, std::move(root));
  }

 private:
  void refuse(const YamlNode& node, std::string code, std::string message, std::string hint = {}) {
    ++out_.rejected;
    diagnostics_.add(diagnostic_at(
        source_, node, Severity::error, std::move(code), std::move(message), std::move(hint)));
  }

  void apply(const YamlNode& verb, YamlNode root) {
    if (verb.kind == YamlNode::Kind::string && verb.text == "global") {
      template_nodes_ = count_nodes(root);
      template_ = std::move(root);
      template_lost_ = false;
    } else if (verb.kind == YamlNode::Kind::string && verb.text == "reset") {
      template_.reset();
      template_lost_ = false;
    } else if (verb.kind == YamlNode::Kind::string && verb.text == "repeat") {
      repeat(verb, std::move(root));
    } else {
      std::string hint = suggestion(verb.text, actions);
      refuse(verb,
             "unknown-action",
             "unknown `action`",
             hint.empty() ? "global, reset or repeat" : std::move(hint));
    }
  }

  void repeat(const YamlNode& verb, YamlNode root) {
    if (!previous_) {
      refuse(verb,
             "repeat-without-rule",
             "`action: repeat` without a rule before it that could be read",
             "put it behind the rule that it repeats");
      return;
    }
    if (!has_room(verb, previous_nodes_)) {
      return;
    }
    YamlNode rule = *previous_;
    deep_merge(rule, root);
    rule.line = root.line;
    rule.column = root.column;
    remember(rule);
    out_.documents.push_back(RuleDocument{classify_document(rule), std::move(rule)});
  }

  void add_rule(YamlNode root) {
    const RuleKind kind = classify_document(root);
    if (kind == RuleKind::detection) {
      if (template_lost_) {
        previous_.reset();
        refuse(
            root,
            "template-lost",
            "this rule may build on a document before it with an `action` that could not be read",
            "mend that document");
        return;
      }
      if (template_) {
        if (!has_room(root, template_nodes_)) {
          previous_.reset();
          return;
        }
        deep_merge(root, *template_);
      }
      if (repeats_) {
        remember(root);
      }
    }
    out_.documents.push_back(RuleDocument{kind, std::move(root)});
  }

  // A few bytes that repeat a large document, again and again, are an alias bomb too.
  bool has_room(const YamlNode& place, std::size_t copied) {
    copied_nodes_ += copied;
    if (copied_nodes_ <= limits::yaml_nodes_max) {
      return true;
    }
    refuse(place,
           "yaml-size",
           "global and repeat copy more than " + with_thousands(limits::yaml_nodes_max) +
               " values in one file",
           "split the file");
    return false;
  }

  void remember(const YamlNode& rule) {
    previous_ = rule;
    previous_nodes_ = count_nodes(rule);
  }

  const SourceText& source_;
  Diagnostics& diagnostics_;
  bool repeats_;
  Collection& out_;
  std::optional<YamlNode> template_;
  std::optional<YamlNode> previous_;
  bool template_lost_ = false;
  std::size_t template_nodes_ = 0;
  std::size_t previous_nodes_ = 0;
  std::size_t copied_nodes_ = 0;
};

}  // namespace

void deep_merge(YamlNode& target, const YamlNode& update) {
  // Where both hold many keys, looking for each in turn would take their product.
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < target.members.size(); ++i) {
    places.emplace(target.members[i].first.text, i);
  }
  for (const YamlMember& member : update.members) {
    const auto [place, fresh] = places.emplace(member.first.text, target.members.size());
    if (fresh) {
      target.members.push_back(member);
      continue;
    }
    YamlMember& own = target.members[place->second];
    if (own.second.kind == YamlNode::Kind::map && member.second.kind == YamlNode::Kind::map) {
      deep_merge(own.second, member.second);
    } else {
      own = member;
    }
  }
}

Collection read_collection(const SourceText& source, Diagnostics& diagnostics) {
  Collection out;
  std::vector<std::uint32_t> broken;
  std::vector<YamlDocument> documents = parse_yaml(source, diagnostics, &broken);
  const bool repeats =
      std::any_of(documents.begin(), documents.end(), [](const YamlDocument& document) {
        return document.root.get("action") != nullptr;
      });
  CollectionReader reader(source, diagnostics, repeats, out);
  auto next_broken = broken.begin();
  for (YamlDocument& document : documents) {
    for (; next_broken != broken.end() && *next_broken < document.line; ++next_broken) {
      reader.add_broken(*next_broken);
    }
    reader.add(std::move(document));
  }
  for (; next_broken != broken.end(); ++next_broken) {
    reader.add_broken(*next_broken);
  }
  return out;
}

}  // namespace tocsin
