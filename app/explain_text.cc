// SPDX-License-Identifier: Apache-2.0
#include "app/explain_text.h"

#include <array>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/event/decode.h"

namespace tocsin {
namespace {

std::string label(const Explanation& node) {
  switch (node.kind) {
    case Explanation::Kind::all_of:
      return "all of";
    case Explanation::Kind::any_of:
      return "any of";
    case Explanation::Kind::negation:
      return "not";
    case Explanation::Kind::selection:
      return "selection " + node.name;
    case Explanation::Kind::predicate:
      break;
  }
  std::string out =
      (node.field.empty() ? "any value" : node.field) + " " + node.op + " " + node.pattern;
  if (!node.holds && !node.reason.empty()) {
    out += "  (" + node.reason + ")";
  }
  for (const std::string& value : node.values) {
    out += "  [" + shorten(value, 80) + "]";
  }
  return out;
}

// Explains the first event of a record.
class LineExplainer final : public RecordVisitor {
 public:
  LineExplainer(const Program& program, RuleId rule)
      : program_(program), rule_(rule), scratch_(program) {}
  void on_event(Event& event, const SourceClass&, bool, std::uint64_t) override {
    append_explanation(program_.explain(rule_, event, scratch_), 0, false, lines);
  }
  void on_problem(RecordProblem,
                  std::string_view,
                  std::uint64_t,
                  std::string_view reason) override {
    lines.push_back("the record cannot be read: " + printable(reason));
  }
  void on_skipped(std::string_view what, std::uint64_t) override {
    lines.push_back("skipped: " + printable(what));
  }

  std::vector<std::string> lines;

 private:
  const Program& program_;
  RuleId rule_;
  Scratch scratch_;
};

}  // namespace

void append_explanation(const Explanation& tree,
                        std::size_t depth,
                        bool colour,
                        std::vector<std::string>& lines) {
  const std::string word = tree.holds ? "true " : "false";
  const std::string mark =
      colour ? (tree.holds ? "\x1b[32m" : "\x1b[31m") + word + "\x1b[0m" : word;
  lines.push_back(mark + std::string(depth * 2 + 3, ' ') + printable(label(tree)));
  for (const Explanation& child : tree.children) {
    append_explanation(child, depth + 1, colour, lines);
  }
}

void append_explanation_json(const Explanation& tree, JsonWriter& json) {
  constexpr std::array<std::string_view, 5> names = {
      "all_of", "any_of", "not", "selection", "predicate"};
  json.begin_object();
  json.key("node").string(names[static_cast<std::size_t>(tree.kind)]);
  json.key("holds").boolean(tree.holds);
  if (tree.kind == Explanation::Kind::selection) {
    json.key("name").string(tree.name);
  }
  if (tree.kind == Explanation::Kind::predicate) {
    json.key("field").string(tree.field);
    json.key("op").string(tree.op);
    json.key("pattern").string(tree.pattern);
    json.key("values").strings(tree.values);
    json.key("reason").string_or_null(tree.reason);
  }
  if (!tree.children.empty()) {
    json.key("children").begin_array();
    for (const Explanation& child : tree.children) {
      append_explanation_json(child, json);
    }
    json.end_array();
  }
  json.end_object();
}

std::vector<std::string> explain_lines(const Program& program,
                                       RuleId rule,
                                       std::string_view record) {
  std::string padded(record);
  padded.append(limits::padding_bytes, '\0');
  DecodeOptions options;
  options.any_log_source = true;
  RecordDecoder decoder(options);
  LineExplainer explainer(program, rule);
  decoder.decode(std::string_view(padded).substr(0, record.size()), 0, program.plan(), explainer);
  return explainer.lines;
}

}  // namespace tocsin
