// SPDX-License-Identifier: Apache-2.0
#include "rules/pipeline.h"

#include <algorithm>
#include <charconv>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/pipeline_keys.h"
#include "rules/pipeline_transform.h"
#include "rules/rule_files.h"

namespace tocsin {
namespace {

struct PipelineFile {
  SourceText source;
  std::int64_t priority = 0;
  PipelineVars vars;
  std::vector<PipelineItem> items;
};

// One file of pipelines.
class FileReader {
 public:
  FileReader(PipelineFile& file, Diagnostics& diagnostics, PipelineMarks& marks)
      : file_(file), problems_(file.source, diagnostics, false), marks_(marks) {}

  // False after an error.
  bool read() {
    const std::size_t errors = problems_.diagnostics().errors();
    const std::vector<YamlDocument> documents = parse_yaml(file_.source, problems_.diagnostics());
    if (problems_.diagnostics().errors() > errors) {
      return false;
    }
    const YamlNode* root = nullptr;
    for (const YamlDocument& document : documents) {
      if (document.empty) {
        continue;
      }
      if (root != nullptr) {
        problems_.error(document.root,
                        "pipeline-value",
                        "a pipeline file holds one document",
                        "split the file");
        return false;
      }
      root = &document.root;
    }
    if (root == nullptr || root->kind != YamlNode::Kind::map) {
      problems_.error(root != nullptr ? span_of(*root) : SourceSpan{1, 1, 1},
                      "pipeline-value",
                      "a processing pipeline has to be a map",
                      "write `name`, `priority` and `transformations`");
      return false;
    }
    read_root(*root);
    return !problems_.rejected() && problems_.diagnostics().errors() == errors;
  }

 private:
  void read_root(const YamlNode& root) {
    PipelineKeys keys(root, "a processing pipeline", problems_, marks_);
    keys.text("name", false);
    keys.ignore("allowed_backends");
    read_priority(keys);
    read_vars(keys);
    refuse_stage(keys, "postprocessing", "it changes queries, and tocsin makes no queries");
    refuse_stage(keys, "finalizers", "they write queries, and tocsin makes no queries");
    const YamlNode* list = keys.find("transformations", false);
    if (list != nullptr && list->kind != YamlNode::Kind::sequence &&
        list->kind != YamlNode::Kind::null) {
      keys.error(*list, "pipeline-value", "`transformations` has to be a list");
      list = nullptr;
    }
    for (const YamlNode& node : list != nullptr ? list->items : std::vector<YamlNode>()) {
      if (std::optional<PipelineItem> item = read_pipeline_item(node, problems_, marks_)) {
        file_.items.push_back(std::move(*item));
      }
    }
    keys.finish();
  }

  void read_priority(PipelineKeys& keys) {
    const YamlNode* node = keys.find("priority", false);
    if (node == nullptr) {
      return;
    }
    const std::string& text = node->text;
    const char* end = text.data() + text.size();
    const auto [stop, problem] = std::from_chars(text.data(), end, file_.priority);
    if (node->kind != YamlNode::Kind::integer || problem != std::errc() || stop != end) {
      keys.error(*node, "pipeline-value", "`priority` has to be a whole number");
    }
  }

  void read_vars(PipelineKeys& keys) {
    const YamlNode* vars = keys.find("vars", false);
    if (vars == nullptr || vars->kind == YamlNode::Kind::null) {
      return;
    }
    if (vars->kind != YamlNode::Kind::map) {
      keys.error(*vars, "pipeline-value", "`vars` has to be a map");
      return;
    }
    for (const YamlMember& member : vars->members) {
      file_.vars[member.first.text] = values_of(member.second);
    }
  }

  // Other variables than texts, numbers and lists of these serve templates of backends.
  static std::optional<std::vector<std::string>> values_of(const YamlNode& node) {
    const auto usable = [](const YamlNode& value) {
      return value.kind == YamlNode::Kind::string || value.kind == YamlNode::Kind::integer ||
             value.kind == YamlNode::Kind::real;
    };
    if (usable(node)) {
      return std::vector<std::string>{node.text};
    }
    if (node.kind != YamlNode::Kind::sequence || node.items.empty() ||
        !std::all_of(node.items.begin(), node.items.end(), usable)) {
      return std::nullopt;
    }
    std::vector<std::string> values;
    for (const YamlNode& item : node.items) {
      values.push_back(item.text);
    }
    return values;
  }

  void refuse_stage(PipelineKeys& keys, std::string_view key, std::string_view why) {
    const YamlNode* list = keys.find(key, false);
    if (list == nullptr || list->kind == YamlNode::Kind::null ||
        (list->kind == YamlNode::Kind::sequence && list->items.empty())) {
      return;
    }
    if (list->kind != YamlNode::Kind::sequence) {
      keys.error(*list, "pipeline-value", "`" + std::string(key) + "` has to be a list");
      return;
    }
    for (const YamlNode& node : list->items) {
      const YamlNode* type = node.get("type");
      const std::string name = type != nullptr ? type->text : "";
      keys.error(type != nullptr ? *type : node,
                 "pipeline-unsupported",
                 "`" + printable(shorten(name, 60)) + "` of `" + std::string(key) +
                     "` has no meaning here",
                 std::string(why) + "; take it out");
    }
  }

  PipelineFile& file_;
  Problems problems_;
  PipelineMarks& marks_;
};

void warn_unknown_marks(const PipelineMarks& marks, Diagnostics& diagnostics) {
  const std::vector<std::string_view> names = marks.names();
  std::size_t told = 0;
  for (const PipelineMarks::Reference& reference : marks.unknown()) {
    const auto near =
        ++told <= limits::detection_problems_max ? did_you_mean(reference.id, names) : std::nullopt;
    diagnostics.add(diagnostic_at(*reference.source,
                                  reference.place,
                                  Severity::warning,
                                  "pipeline-unknown-item",
                                  "no processing item has the id `" +
                                      printable(shorten(reference.id, 60)) +
                                      "`, so this never holds",
                                  near ? "did you mean `" + *near + "`?" : ""));
  }
}

}  // namespace

bool Pipelines::load(const std::vector<std::string>& paths, Diagnostics& diagnostics) {
  std::vector<std::unique_ptr<PipelineFile>> files;
  PipelineMarks marks;
  bool good = true;
  for (const std::string& path : paths) {
    PipelineFile& file = *files.emplace_back(std::make_unique<PipelineFile>());
    RuleFile named;
    named.path = path;
    std::optional<std::string> text = read_rule_file(named, diagnostics);
    if (!text) {
      good = false;
      continue;
    }
    file.source = SourceText::make(path, std::move(*text));
    good &= FileReader(file, diagnostics, marks).read();
  }
  warn_unknown_marks(marks, diagnostics);
  std::stable_sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a->priority < b->priority;
  });
  for (const std::unique_ptr<PipelineFile>& file : files) {
    if (items_.size() + file->items.size() > limits::pipeline_items_max) {
      diagnostics.add(diagnostic_at(file->source,
                                    SourceSpan{1, 1, 1},
                                    Severity::error,
                                    "pipeline-limit",
                                    "processing pipelines hold at most " +
                                        with_thousands(limits::pipeline_items_max) +
                                        " items in all"));
      return false;
    }
    std::move(file->items.begin(), file->items.end(), std::back_inserter(items_));
    for (auto& [name, values] : file->vars) {
      vars_[name] = std::move(values);
    }
  }
  return good;
}

std::optional<PipelineTrace> Pipelines::apply(RuleInfo& info,
                                              Detection& detection,
                                              const PipelinePlaceholders& placeholders,
                                              Problems& problems) const {
  PipelineTrace trace{info.log_source, {}};
  PipelineRun run{info, info.log_source, &detection, detection.span, problems, vars_, placeholders};
  run.decisions = &trace.decisions;
  run_items(items_, run);
  info.log_source = run.source;
  return run.failed ? std::nullopt : std::optional(std::move(trace));
}

bool Pipelines::apply_to_filter(const RuleInfo& rule,
                                const PipelineTrace& trace,
                                Detection& detection,
                                const PipelinePlaceholders& placeholders,
                                Problems& problems) const {
  RuleInfo info = rule;
  PipelineRun run{info, trace.written, &detection, detection.span, problems, vars_, placeholders};
  run.is_filter = true;
  run.replayed = &trace.decisions;
  run_items(items_, run);
  return !run.failed;
}

std::optional<std::vector<std::vector<std::string>>> Pipelines::map_fields(
    RuleInfo& correlation,
    const LogSource& of_rule,
    const std::vector<std::string>& fields,
    const PipelinePlaceholders& placeholders,
    const SourceSpan& place,
    Problems& problems) const {
  PipelineRun run{correlation, of_rule, nullptr, place, problems, vars_, placeholders};
  for (const std::string& field : fields) {
    run.fields.push_back({field});
  }
  run_items(items_, run);
  return run.failed ? std::nullopt : std::optional(std::move(run.fields));
}

}  // namespace tocsin
