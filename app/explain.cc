// SPDX-License-Identifier: Apache-2.0
// tocsin explain: a rule's condition over one record as a tree, true and false per leaf, with the
// values found and why not.
#include <cerrno>
#include <fstream>
#include <iostream>
#include <sstream>

#include "app/commands.h"
#include "app/console.h"
#include "app/explain_text.h"
#include "app/geo.h"
#include "app/rule_names.h"
#include "app/session.h"
#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/event/decode.h"
#include "engine/event/framer.h"

namespace tocsin {
namespace {

class Explainer final : public RecordVisitor {
 public:
  Explainer(const Program& program, RuleId rule, bool json, Output& output)
      : program_(program), rule_(rule), json_(json), scratch_(program), output_(output) {}

  void on_event(Event& event, const SourceClass& source, bool, std::uint64_t) override {
    const Explanation tree = program_.explain(rule_, event, scratch_);
    const bool routed = applies(program_.log_source(rule_), source);
    if (json_) {
      std::string line;
      JsonWriter json(line);
      json.begin_object().key("record").number(records_++);
      json.key("holds").boolean(tree.holds).key("log_source_fits").boolean(routed);
      json.key("condition");
      append_explanation_json(tree, json);
      json.end_object();
      output_.write_line(line);
      return;
    }
    output_.write_line(
        "record " + std::to_string(records_) + ": " +
        (tree.holds ? "the condition holds" : "the condition does not hold") +
        (routed ? "" : ", but the rule's log source does not fit the record: it is not evaluated"));
    std::vector<std::string> lines;
    append_explanation(tree, 0, stdout_is_terminal(), lines);
    for (const std::string& line : lines) {
      output_.write_line(line);
    }
    ++records_;
  }
  void on_problem(RecordProblem,
                  std::string_view,
                  std::uint64_t offset,
                  std::string_view reason) override {
    print_error("the record at byte " + std::to_string(offset) +
                " cannot be read: " + printable(reason));
    ++records_;
    problem_ = true;
  }
  void on_skipped(std::string_view what, std::uint64_t) override {
    print_error("skipped: " + std::string(what));
  }

  std::uint64_t records() const { return records_; }
  bool problem() const { return problem_; }

 private:
  const Program& program_;
  RuleId rule_;
  bool json_;
  Scratch scratch_;
  Output& output_;
  std::uint64_t records_ = 0;
  bool problem_ = false;
};

std::optional<RuleId> find_rule(const Ruleset& ruleset, const std::string& wanted) {
  for (std::uint32_t i = 0; i < ruleset.rules.size(); ++i) {
    if (is_named(ruleset.rules[i], wanted)) {
      return RuleId{i};
    }
  }
  print_error(no_such_detection(ruleset, wanted));
  return std::nullopt;
}

std::optional<std::string> read_events(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
  } else {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    // No byte copied is a failure of << too.
    if (!file || (!(text << file.rdbuf()) && errno != 0)) {
      print_error(cannot_read(path));
      return std::nullopt;
    }
  }
  return text.str();
}

}  // namespace

int run_explain(const Options& options) {
  if (options.rule.empty() || options.event.empty()) {
    print_error("tocsin explain: --rule RULE and --event FILE are needed");
    return exit_status::usage;
  }
  if (!options.format_text.empty() && options.format_text != "text" &&
      options.format_text != "json") {
    print_error("--format is text or json, not \"" + printable(options.format_text) + "\"");
    return exit_status::usage;
  }
  Session session;
  if (const std::optional<int> status = open_session(options, session)) {
    return *status;
  }
  const std::optional<RuleId> rule = find_rule(*session.rules.ruleset, options.rule);
  if (!rule) {
    return exit_status::usage;
  }
  std::optional<std::string> events = read_events(options.event);
  if (!events) {
    return exit_status::incomplete;
  }
  const std::size_t size = events->size();
  events->append(limits::padding_bytes, '\0');
  Framer framer;
  std::vector<Frame> frames;
  framer.feed(std::string_view(*events).substr(0, size), 0, true, frames);
  Output output;
  Explainer explainer(
      *session.rules.ruleset->program, *rule, options.format_text == "json", output);
  RecordDecoder decoder(DecodeOptions{});
  const std::shared_ptr<const GeoSet> geo = current_geo(session.geo);
  decoder.use_geo(geo.get());
  for (const Frame& frame : frames) {
    decoder.decode(std::string_view(*events).substr(frame.begin, frame.size),
                   frame.offset,
                   session.rules.ruleset->program->plan(),
                   explainer);
  }
  if (!output.flush() || explainer.problem() || explainer.records() == 0) {
    if (explainer.records() == 0) {
      print_error(printable(options.event) + " holds no record");
    }
    return exit_status::incomplete;
  }
  return exit_status::ran;
}

}  // namespace tocsin
