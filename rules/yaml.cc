// SPDX-License-Identifier: Apache-2.0
// The door to yaml-cpp 0.7. A file is split into documents first, so that a broken one costs only
// itself; each document's events become YamlNodes. yaml-cpp recurses at most 500 levels and refuses
// more; the handler stops at yaml_depth_max.
#include "rules/yaml.h"

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_map>
#include <unordered_set>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/yaml_source.h"
#include "rules/yaml_syntax.h"

namespace tocsin {
namespace {

// Room for the keys of a document at once: a rule has about a dozen.
constexpr std::size_t usual_attributes = 16;

// Thrown by the handler through yaml-cpp to end a document early; caught in parse_document.
struct Abort {
  Diagnostic diagnostic;
};

// Builds one document's tree from yaml-cpp's events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const SourceText& source,
              std::size_t base,
              Locator& locator,
              std::vector<Diagnostic>& errors)
      : source_(source), base_(base), locator_(locator), errors_(errors) {
    stack_.reserve(8);
  }

  YamlNode take_root() { return std::move(root_); }
  bool has_root() const { return documents_ > 0; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      throw Abort{diagnostic_at_offset(source_,
                                       offset_of(mark),
                                       "yaml-syntax",
                                       "malformed YAML: text after the end of the document",
                                       "begin another document with a line `---`")};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(1, mark);
    YamlNode node;
    const std::size_t offset = offset_of(mark);
    const std::string_view text(source_.text);
    if (offset < text.size() &&
        (text[offset] == '~' || text[offset] == 'n' || text[offset] == 'N') &&
        !at_next_key(offset)) {
      const std::size_t size = text[offset] == '~' ? 1 : 4;
      node.text = text.substr(offset, size);
      node.length = static_cast<std::uint32_t>(size);
      locator_.place(offset, node);
    } else {
      place_empty(offset, node);
    }
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Abort{diagnostic_at_offset(source_,
                                       offset_of(mark),
                                       "yaml-alias",
                                       "the alias stands inside the node that it refers to",
                                       "write out the value")};
    }
    count(found->second.nodes, mark);
    if (stack_.size() + found->second.depth > limits::yaml_depth_max) {
      throw too_deep(mark);
    }
    YamlNode node = found->second.node;
    locator_.place(offset_of(mark), node);
    node.length = 1;
    add(std::move(node), 0);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node;
    node.text = value;
    count(weight_of(node), mark);
    std::size_t offset = offset_of(mark);
    if (tag.size() == 1) {
      node.quoted = tag[0] == '!';
      node.kind = node.quoted ? YamlNode::Kind::string : plain_scalar_kind(value);
      if (anchor != 0) {
        offset = skip_properties(offset);
      }
    } else {
      offset = skip_properties(offset);
      node.quoted = true;
      apply_tag(tag, offset, node);
    }
    locator_.place(offset, node);
    const std::size_t marks = node.quoted && tag.size() == 1 ? 2 : 0;
    node.length =
        static_cast<std::uint32_t>(std::max<std::size_t>(1, count_code_points(value) + marks));
    if (anchor != 0) {
      count_copy(weight_of(node), mark);
    }
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::sequence, mark, tag, "tag:yaml.org,2002:seq", anchor);
  }
  void OnSequenceEnd() override { end(); }

  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::map, mark, tag, "tag:yaml.org,2002:map", anchor);
  }
  void OnMapEnd() override {
    finish_map(stack_.back().node);
    end();
  }

 private:
  struct Frame {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::size_t nodes_before = 0;
    std::size_t depth = 1;     // of what is in it
    bool key_pending = false;  // map: members.back() has a key and waits for its value
  };
  struct Anchored {
    YamlNode node;
    std::size_t nodes = 1;
    std::size_t depth = 0;
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    return base_ + static_cast<std::size_t>(std::max(mark.pos, 0));
  }

  Abort too_deep(const YAML::Mark& mark) const {
    return Abort{diagnostic_at_offset(
        source_,
        offset_of(mark),
        "yaml-depth",
        "nested deeper than " + std::to_string(limits::yaml_depth_max) + " levels",
        "write fewer levels")};
  }

  void count(std::size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    check_size(mark);
  }

  // What aliases are made of: anchors around anchors around anchors ... keep a copy each.
  void count_copy(std::size_t nodes, const YAML::Mark& mark) {
    copied_nodes_ += nodes;
    check_size(mark);
  }

  void check_size(const YAML::Mark& mark) const {
    if (nodes_ + copied_nodes_ > limits::yaml_nodes_max) {
      throw Abort{diagnostic_at_offset(source_,
                                       offset_of(mark),
                                       "yaml-size",
                                       "more than " + with_thousands(limits::yaml_nodes_max) +
                                           " values in one document, aliases followed",
                                       "use fewer aliases, or split the document")};
    }
  }

  // An empty value is marked where the next token begins, which may look like a null: is that a key
  // of its own?
  bool at_next_key(std::size_t offset) const {
    const std::string_view rest = std::string_view(source_.text).substr(offset);
    const std::size_t size = rest[0] == '~' ? 1 : 4;
    if (rest.size() < size ||
        (size == 4 && plain_scalar_kind(rest.substr(0, 4)) != YamlNode::Kind::null)) {
      return true;
    }
    return rest.size() > size &&
           std::string_view(" \t\r\n,]}#").find(rest[size]) == std::string_view::npos;
  }

  // A value that is not written at all is shown at its key, its dash, or the collection it is
  // missing from.
  void place_empty(std::size_t offset, YamlNode& node) {
    if (stack_.empty()) {
      locator_.place(offset, node);
      return;
    }
    const Frame& frame = stack_.back();
    if (frame.node.kind == YamlNode::Kind::map && frame.key_pending) {
      const YamlNode& key = frame.node.members.back().first;
      node.line = key.line;
      node.column = key.column;
      node.length = key.length;
      return;
    }
    node.line = frame.node.line;
    node.column = frame.node.column;
    const std::string_view text(source_.text);
    while (offset > 0 &&
           std::string_view(" \t\r\n").find(text[offset - 1]) != std::string_view::npos) {
      --offset;
    }
    if (offset > 0 && text[offset - 1] == '-') {
      locator_.place(offset - 1, node);
    }
  }

  // Where a node's own text begins, behind its anchor and tag.
  std::size_t skip_properties(std::size_t offset) const {
    const std::string_view text(source_.text);
    while (offset < text.size() && (text[offset] == '&' || text[offset] == '!')) {
      std::size_t end = text.find_first_of(" \t\r\n,]}", offset);
      end = std::min(end, text.size());
      const std::size_t next = std::min(text.find_first_not_of(" \t\r\n", end), text.size());
      if (next == text.size() || text[next] == '#') {
        return offset;
      }
      offset = next;
    }
    return offset;
  }

  void apply_tag(std::string_view tag, std::size_t offset, YamlNode& node) {
    constexpr std::string_view prefix = "tag:yaml.org,2002:";
    const std::string_view name =
        tag.substr(0, prefix.size()) == prefix ? tag.substr(prefix.size()) : "";
    const YamlNode::Kind plain = plain_scalar_kind(node.text);
    if (name == "str") {
      node.kind = YamlNode::Kind::string;
      return;
    }
    node.quoted = false;
    node.kind = plain;
    const bool fits =
        (name == "int" && plain == YamlNode::Kind::integer) ||
        (name == "bool" && plain == YamlNode::Kind::boolean) ||
        (name == "null" && plain == YamlNode::Kind::null) ||
        (name == "float" && (plain == YamlNode::Kind::real || plain == YamlNode::Kind::integer));
    if (fits) {
      if (name == "float") {
        node.kind = YamlNode::Kind::real;
      }
      return;
    }
    errors_.push_back(
        diagnostic_at_offset(source_,
                             offset,
                             "yaml-tag",
                             "the tag `" + shown_tag(tag) + "` does not fit this value",
                             "leave it out; the tags !!str, !!int, !!float, !!bool and "
                             "!!null are known"));
  }

  void begin(YamlNode::Kind kind,
             const YAML::Mark& mark,
             const std::string& tag,
             std::string_view own_tag,
             YAML::anchor_t anchor) {
    count(1, mark);
    if (stack_.size() >= limits::yaml_depth_max) {
      throw too_deep(mark);
    }
    std::size_t offset = offset_of(mark);
    if (tag.size() > 1 || anchor != 0) {
      offset = skip_properties(offset);
    }
    if (tag.size() > 1 && tag != own_tag) {
      errors_.push_back(
          diagnostic_at_offset(source_,
                               offset_of(mark),
                               "yaml-tag",
                               "the tag `" + shown_tag(tag) + "` does not fit this value",
                               "leave it out"));
    }
    Frame& frame = stack_.emplace_back();
    frame.node.kind = kind;
    frame.anchor = anchor;
    frame.mark = mark;
    frame.nodes_before = nodes_ - 1;
    locator_.place(offset, frame.node);
  }

  void end() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (!stack_.empty()) {
      stack_.back().depth = std::max(stack_.back().depth, frame.depth + 1);
    }
    if (frame.anchor != 0) {
      const std::size_t nodes = nodes_ - frame.nodes_before;
      count_copy(nodes, frame.mark);
      anchors_[frame.anchor] = Anchored{frame.node, nodes, frame.depth};
    }
    add(std::move(frame.node), 0);
  }

  void add(YamlNode&& node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      anchors_[anchor] = Anchored{node, weight_of(node), 0};
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.kind == YamlNode::Kind::sequence) {
      frame.node.items.push_back(std::move(node));
      return;
    }
    if (frame.key_pending) {
      frame.node.members.back().second = std::move(node);
      frame.key_pending = false;
      return;
    }
    if (stack_.size() == 1 && frame.node.members.empty()) {
      frame.node.members.reserve(usual_attributes);
    }
    if (!node.is_scalar()) {
      errors_.push_back(diagnostic_at(source_,
                                      node,
                                      Severity::error,
                                      "yaml-key",
                                      "a key must be a plain value, not a list or a map",
                                      "write one key for each"));
      node.items.clear();
      node.members.clear();
      node.kind = YamlNode::Kind::null;
    }
    frame.node.members.push_back(YamlMember{std::move(node), YamlNode()});
    frame.key_pending = true;
  }

  void duplicate(const YamlNode& first, const YamlNode& second) {
    errors_.push_back(
        diagnostic_at(source_,
                      second,
                      Severity::error,
                      "duplicate-key",
                      "the key `" + shorten(second.text, 80) + "` is given twice; first at line " +
                          std::to_string(first.line) + ", column " + std::to_string(first.column),
                      "keep one of them, or put both values into a list"));
  }

  void check_duplicates(const YamlNode& map) {
    const auto& members = map.members;
    constexpr std::size_t few = 16;
    if (members.size() <= few) {
      for (std::size_t i = 1; i < members.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (members[i].first.text == members[j].first.text) {
            duplicate(members[j].first, members[i].first);
            break;
          }
        }
      }
      return;
    }
    std::unordered_map<std::string_view, const YamlNode*> seen;
    for (const auto& member : members) {
      const auto [at, fresh] = seen.emplace(member.first.text, &member.first);
      if (!fresh) {
        duplicate(*at->second, member.first);
      }
    }
  }

  static bool is_merge_key(const YamlNode& key) { return !key.quoted && key.text == "<<"; }

  void finish_map(YamlNode& map) {
    check_duplicates(map);
    const auto merge = std::find_if(map.members.begin(), map.members.end(), [](const auto& member) {
      return is_merge_key(member.first);
    });
    if (merge == map.members.end()) {
      return;
    }
    const YamlNode key = std::move(merge->first);
    YamlNode value = std::move(merge->second);
    map.members.erase(merge);
    std::vector<YamlNode> sources;
    if (value.kind == YamlNode::Kind::sequence) {
      sources = std::move(value.items);
    } else {
      sources.push_back(std::move(value));
    }
    std::unordered_set<std::string> known;
    for (const auto& member : map.members) {
      known.insert(member.first.text);
    }
    for (YamlNode& source : sources) {
      if (source.kind != YamlNode::Kind::map) {
        errors_.push_back(diagnostic_at(source_,
                                        key,
                                        Severity::error,
                                        "yaml-merge",
                                        "`<<` takes a map or a list of maps",
                                        "write `<<: *name`, where `&name` stands before a map"));
        return;
      }
      for (auto& member :
           source.members) {  // what stands first wins, the map's own keys before all
        if (known.insert(member.first.text).second) {
          map.members.push_back(std::move(member));
        }
      }
    }
  }

  const SourceText& source_;
  std::size_t base_;
  Locator& locator_;
  std::vector<Diagnostic>& errors_;
  YamlNode root_;
  std::vector<Frame> stack_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;         // of the tree, aliases followed
  std::size_t copied_nodes_ = 0;  // kept for aliases
  std::size_t documents_ = 0;
};

// Reads a view without copying it into a stringstream. Behind a last line end comes the mark of a
// document's end: without it yaml-cpp takes a quoted scalar that nothing closes for a whole one.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) : marked_(!text.ends_with('\n')) { show(text); }

 protected:
  int_type underflow() override {
    if (gptr() == egptr() && !marked_) {
      marked_ = true;
      show("...\n");
    }
    return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

 private:
  void show(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // the get area is never written to
    setg(begin, begin, begin + text.size());
  }

  bool marked_;
};

bool parse_document(const SourceText& source,
                    const DocumentRange& range,
                    Locator& locator,
                    Diagnostics& diagnostics,
                    YamlDocument& document) {
  const std::string_view text =
      std::string_view(source.text).substr(range.begin, range.end - range.begin);
  YamlNode start;
  locator.place(range.begin, start);
  document.line = start.line;
  std::vector<Diagnostic> errors;
  try {
    if (nests_absurdly(text)) {
      throw Abort{
          diagnostic_at(source,
                        start,
                        Severity::error,
                        "yaml-depth",
                        "nested deeper than " + std::to_string(limits::yaml_depth_max) + " levels",
                        "write fewer levels")};
    }
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    TreeBuilder builder(source, range.begin, locator, errors);
    while (parser.HandleNextDocument(builder)) {
    }
    document.root = builder.take_root();
    document.empty = !builder.has_root() ||
                     (document.root.kind == YamlNode::Kind::null && document.root.text.empty());
    if (!document.empty) {
      document.line = document.root.line;
    }
  } catch (const Abort& abort) {
    errors.push_back(abort.diagnostic);
  } catch (const YAML::Exception& error) {
    const SyntaxProblem problem =
        syntax_problem(text, static_cast<std::size_t>(std::max(error.mark.pos, 0)), error.msg);
    errors.push_back(diagnostic_at_offset(source,
                                          range.begin + problem.offset,
                                          "yaml-syntax",
                                          "malformed YAML: " + problem.message,
                                          problem.hint));
  }
  for (Diagnostic& error : errors) {
    diagnostics.add(std::move(error));
  }
  return errors.empty();
}

}  // namespace

std::vector<YamlDocument> parse_yaml(const SourceText& source,
                                     Diagnostics& diagnostics,
                                     std::vector<std::uint32_t>* broken) {
  std::vector<YamlDocument> documents;
  const auto refuse = [&](Diagnostic problem) {
    if (broken != nullptr) {
      broken->push_back(std::max(problem.line, 1u));
    }
    diagnostics.add(std::move(problem));
  };
  if (source.text.size() > limits::rule_file_bytes_max) {
    Diagnostic problem = diagnostic_at_offset(
        source,
        0,
        "file-size",
        "the file is longer than " + with_thousands(limits::rule_file_bytes_max) + " bytes",
        "split it");
    problem.source_line.clear();
    refuse(std::move(problem));
    return documents;
  }
  const std::size_t bad = first_bad_byte(source.text);
  if (bad < source.text.size()) {
    const bool control = static_cast<unsigned char>(source.text[bad]) < 0x20;
    refuse(diagnostic_at_offset(
        source,
        bad,
        control ? "control-character" : "not-utf-8",
        control ? "a control character, which YAML does not allow" : "this byte is not UTF-8",
        control ? "write it as an escape inside double quotes" : "save the file as UTF-8"));
    return documents;
  }
  Locator locator(source);
  for (const DocumentRange& range : split_documents(source)) {
    YamlDocument document;
    if (parse_document(source, range, locator, diagnostics, document)) {
      documents.push_back(std::move(document));
    } else if (broken != nullptr) {
      broken->push_back(document.line);
    }
  }
  return documents;
}

}  // namespace tocsin
