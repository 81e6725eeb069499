// SPDX-License-Identifier: Apache-2.0
// From files to a Ruleset, in this order: read and compile each document by itself; find what is
// called the same; let correlations find their rules; put filters on rules; add the rules to the
// program; complete the correlations.
#include "rules/load.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/apply_filters.h"
#include "rules/collection.h"
#include "rules/compile.h"
#include "rules/document_cache.h"
#include "rules/geo_fields.h"
#include "rules/history.h"
#include "rules/lint.h"
#include "rules/parse_ahead.h"
#include "rules/pipeline.h"
#include "rules/pipeline_correlation.h"
#include "rules/resolve.h"
#include "rules/rule_choice.h"
#include "rules/rule_files.h"
#include "rules/rule_index.h"
#include "rules/ruleset_cache.h"

namespace tocsin {
namespace {

// More rounds are not worth it: each follows what the last one's kept rules broke.
constexpr int substitution_rounds_max = 4;

class Loader {
 public:
  Loader(const LoadOptions& options, const FoundFiles& found, const Substitutes& substitutes)
      : options_(options), found_(found), substitutes_(substitutes), choice_(options) {}

  LoadResult run(RulesetCache& cache) {
    Diagnostics of_pipelines;
    // Behind a broken pipeline every rule would mean something else: none is loaded.
    result_.pipelines_failed = !pipelines_.load(options_.pipelines, of_pipelines);
    if (!result_.pipelines_failed) {
      first_diagnostics_ = found_.diagnostics;
    }
    result_.paths_failed = first_diagnostics_.errors() > 0;
    for (const Diagnostic& problem : of_pipelines.list()) {
      first_diagnostics_.add(problem);
    }
    if (!result_.pipelines_failed) {
      read_all();
    }
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      index_.add(i, entries_[i].metadata);
    }
    if (!result_.pipelines_failed) {
      choice_.report_unused(entries_, index_, first_diagnostics_);
    }
    report_duplicates();
    CorrelationResolver resolver(
        entries_,
        index_,
        {[this](const RuleEntry& entry) { return problems_of(entry); },
         [this](RuleEntry& entry) { activate(entry); },
         [this](RuleEntry& entry, CorrelationSpec& spec, const std::vector<std::uint32_t>& inputs) {
           Problems problems = problems_of(entry);
           return pipelines_.empty() ||
                  map_correlation(
                      pipelines_, options_.placeholders, entries_, inputs, entry, spec, problems);
         }});
    resolver.resolve_references();
    result_.filters = apply_filters(
        entries_, index_, [this](const RuleEntry& entry) { return problems_of(entry); });
    add_rules();
    ruleset_->correlations = resolver.finish();
    describe_correlations();
    set_keys();
    lint_rules();
    finish_ruleset();
    if (options_.remember) {
      note_outcomes();
    }
    finish_documents();
    finish_diagnostics();
    if (worth_keeping_) {
      cache.save({result_, *ruleset_, builder_, found_, contents_}, result_.diagnostics);
    }
    return build_program();
  }

  // After run().
  const std::vector<DocumentOutcome>& outcomes() const { return outcomes_; }
  const std::set<std::string>& broken_files() const { return broken_; }

 private:
  Problems problems_of(const RuleEntry& entry) {
    LoadedFile& file = *files_[entry.file];
    return Problems(file.source, file.diagnostics, options_.strict);
  }

  // --- each document by itself ---

  void read_all() {
    const std::size_t before = first_diagnostics_.list().size();
    std::optional<DocumentCache> cache;
    if (!options_.cache.empty()) {
      cache.emplace(options_.cache, options_.cache_version, options_.paths, first_diagnostics_);
    }
    ParseAhead ahead(found_.files, {options_.threads, cache ? &*cache : nullptr});
    while (ahead.has_next()) {
      add_file(ahead.next());
    }
    if (cache) {
      cache->save(first_diagnostics_);
    }
    worth_keeping_ = worth_keeping_ && first_diagnostics_.list().size() == before;
  }

  void add_file(ParsedFile parsed) {
    files_.push_back(std::move(parsed.file));
    const std::string path = files_.back()->source.name;
    result_.rejected += parsed.collection.rejected + (parsed.readable ? 0 : 1);
    worth_keeping_ = worth_keeping_ && parsed.readable;
    contents_.push_back(content_hash(files_.back()->source.text));
    if (parsed.collection.rejected > 0 || !parsed.readable) {
      broken_.insert(path);
    }
    for (std::size_t i = 0; i < parsed.collection.documents.size(); ++i) {
      if (!substitutes_.is_replaced(path, i)) {
        add_document(std::move(parsed.collection.documents[i]), i);
      }
    }
    for (const RememberedRule* rule : substitutes_.for_file(path)) {
      add_remembered(*rule, path);
    }
  }

  void add_remembered(const RememberedRule& rule, const std::string& path) {
    LoadedFile& file = *files_.emplace_back(std::make_shared<LoadedFile>());
    file.source = SourceText::make(path, *rule.text);
    Diagnostics known;
    Collection collection = read_collection(file.source, known);
    if (rule.ordinal < collection.documents.size()) {
      add_document(std::move(collection.documents[rule.ordinal]), rule.ordinal);
    }
  }

  void add_document(RuleDocument document, std::size_t ordinal) {
    RuleEntry& entry = entries_.emplace_back();
    ordinals_.push_back(ordinal);
    entry.file = files_.size() - 1;
    LoadedFile& file = *files_.back();
    Problems problems(file.source, entry.held, options_.strict);
    entry.metadata = read_metadata(document.root, document.kind, problems);
    if (choice_.excludes(entry)) {
      entry.state = EntryState::excluded;
      entry.root = std::move(document.root);
      return;
    }
    tell_held(entry);
    compile(entry, document.root);
    if (problems.rejected()) {
      entry.state = EntryState::rejected;
    }
  }

  void tell_held(RuleEntry& entry) {
    for (const Diagnostic& problem : entry.held.list()) {
      files_[entry.file]->diagnostics.add(problem);
    }
    entry.held = Diagnostics();
  }

  void compile(RuleEntry& entry, const YamlNode& root) {
    Problems problems = problems_of(entry);
    switch (entry.info().kind) {
      case RuleKind::detection:
        compile_rule(entry, root, problems);
        break;
      case RuleKind::correlation:
        if (std::optional<ParsedCorrelation> parsed =
                parse_correlation(root, options_.placeholders, problems)) {
          entry.correlation = std::make_unique<ParsedCorrelation>(std::move(*parsed));
        }
        refuse_geo_fields(*root.get("correlation"), options_.geo_fields, problems);
        break;
      case RuleKind::filter:
        entry.filter = parse_filter(*root.get("filter"), problems);
        if (root.get("filter")->kind == YamlNode::Kind::map) {
          lower(entry, *root.get("filter"), parse_filter_detection, problems);
        }
        break;
    }
    if (problems.rejected()) {
      entry.state = EntryState::rejected;
    }
  }

  void compile_rule(RuleEntry& entry, const YamlNode& root, Problems& problems) {
    const YamlNode* detection = root.get("detection");
    if (detection == nullptr) {
      const YamlNode* near = near_key(root, "detection");
      problems.error(
          near != nullptr ? *near : root,
          "missing-detection",
          "no `detection`",
          near != nullptr
              ? misspelt(*near, "detection")
              : "a rule has `detection`, a correlation `correlation`, a filter `filter`");
      return;
    }
    lower(entry, *detection, parse_detection, problems);
  }

  template <typename Parse>
  void lower(RuleEntry& entry, const YamlNode& node, Parse parse, Problems& problems) {
    CompileContext context{&options_.placeholders, &problems.diagnostics()};
    const std::optional<Detection> parsed = parse(problems.source(), node, context);
    if (parsed) {
      const std::optional<Detection> changed = run_pipelines(entry, *parsed, problems);
      if (!problems.rejected()) {
        const Detection& meant = changed ? *changed : *parsed;
        refuse_geo_fields(meant, options_.geo_fields, problems);
        entry.detection = compile_detection(problems.source(), meant, builder_, context);
        entry.canonical = canonical_text(meant);
      }
      if (entry.detection && options_.lint) {
        Diagnostics found;
        lint_detection(problems.source(), *parsed, found);
        tell_lint(entry, found);
      }
    }
    if (!entry.detection) {
      problems.reject();
    }
  }

  // The rule as the processing pipelines change it; nullopt: as it is, or after an error. A filter
  // is kept as written: it is changed as each rule that it acts on.
  std::optional<Detection> run_pipelines(RuleEntry& entry,
                                         const Detection& parsed,
                                         Problems& problems) {
    if (pipelines_.empty()) {
      return std::nullopt;
    }
    Detection changed = parsed;
    if (entry.info().kind == RuleKind::filter) {
      entry.written = std::move(changed);
      return std::nullopt;
    }
    entry.trace = pipelines_.apply(entry.metadata.info, changed, options_.placeholders, problems);
    return changed;
  }

  void tell_lint(const RuleEntry& entry, const Diagnostics& found) {
    const std::vector<std::string>& ignored = entry.metadata.ignored_codes;
    for (const Diagnostic& problem : found.list()) {
      if (std::find(ignored.begin(), ignored.end(), problem.code) == ignored.end()) {
        files_[entry.file]->diagnostics.add(problem);
      }
    }
  }

  // An excluded document that a correlation needs.
  void activate(RuleEntry& entry) {
    entry.feeder_only = true;
    entry.state = EntryState::loaded;
    const bool unsound = options_.strict ? entry.held.strict_errors() > 0 : entry.held.errors() > 0;
    tell_held(entry);
    compile(entry, entry.root);
    entry.root = YamlNode();
    if (unsound) {
      entry.state = EntryState::rejected;
    }
  }

  // --- names used twice ---

  void report_duplicates() {
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      const RuleInfo& info = entries_[i].info();
      const Metadata& metadata = entries_[i].metadata;
      if (!info.id.empty()) {
        report_duplicate(i, index_.by_id(info.id), "id", metadata.id);
      }
      if (!info.name.empty()) {
        report_duplicate(i, index_.by_name(info.name), "name", metadata.name);
      }
      if (metadata.has_title && info.kind != RuleKind::filter) {
        report_duplicate(i, index_.by_title(info.title), "title", metadata.title);
      }
    }
  }

  void report_duplicate(std::uint32_t number,
                        const RuleIndex::Found& same,
                        const std::string& what,
                        const SourceSpan& place) {
    RuleEntry& entry = entries_[number];
    if (same.front() == number || entry.state == EntryState::excluded) {
      return;
    }
    const RuleInfo& first = entries_[same.front()].info();
    Problems problems = problems_of(entry);
    problems.label(place,
                   "duplicate-" + what,
                   "the same " + what + " as " + first.file + ":" + std::to_string(first.line),
                   what == "title" ? "give each rule its own; alerts show it"
                                   : "give each document its own; nothing can refer to this one");
    if (problems.rejected()) {
      entry.state = EntryState::rejected;
    }
  }

  // --- the program ---

  void add_rules() {
    for (RuleEntry& entry : entries_) {
      if (entry.state != EntryState::loaded || entry.info().kind != RuleKind::detection) {
        continue;
      }
      RuleInfo& info = entry.metadata.info;
      ExprId condition = entry.detection->condition;
      std::vector<ProgramBuilder::Selection> selections = std::move(entry.detection->selections);
      std::string meaning = info.log_source.category + '\n' + info.log_source.product + '\n' +
                            info.log_source.service + '\n' + entry.canonical;
      if (!entry.filters.empty()) {
        std::vector<ExprId> parts{condition};
        for (const std::uint32_t number : entry.filters) {
          const RuleEntry& filter = entries_[number];
          std::string canonical = filter.canonical;
          const std::optional<CompiledDetection> detection =
              entry.trace ? changed_filter(filter, entry, canonical) : filter.detection;
          if (!detection) {
            continue;
          }
          parts.push_back(detection->condition);
          meaning += "\nfilter\n" + canonical;
          for (const ProgramBuilder::Selection& selection : detection->selections) {
            selections.push_back({filter.info().title + ": " + selection.name, selection.expr});
          }
        }
        condition = builder_.all_of(parts);
      }
      info.fingerprint = content_hash(meaning);
      entry.canonical = std::string();
      entry.position = index(builder_.rule(condition, info.log_source, selections));
    }
  }

  // A filter as the pipelines change it for one rule; nullopt, after an error: it cannot act there.
  std::optional<CompiledDetection> changed_filter(const RuleEntry& filter,
                                                  const RuleEntry& rule,
                                                  std::string& canonical) {
    Problems problems = problems_of(filter);
    Detection changed = *filter.written;
    if (!pipelines_.apply_to_filter(
            rule.info(), *rule.trace, changed, options_.placeholders, problems)) {
      return std::nullopt;
    }
    canonical = canonical_text(changed);
    CompileContext context{&options_.placeholders, &problems.diagnostics()};
    return compile_detection(problems.source(), changed, builder_, context);
  }

  void describe_correlations() {
    for (const RuleEntry& entry : entries_) {
      if (entry.state != EntryState::loaded || !entry.correlation) {
        continue;
      }
      CorrelationSpec& spec = ruleset_->correlations[entry.position];
      spec.alerts_alone = alerts_alone(entry);
      for (const CorrelationInput& input : spec.inputs) {
        for (const std::string& field : input.group_fields) {
          builder_.want_field(field);
        }
      }
      for (const std::string& field : spec.fields) {
        builder_.want_field(field);
      }
    }
  }

  static bool alerts_alone(const RuleEntry& entry) {
    return entry.info().extensions.alert && !entry.silenced && !entry.feeder_only;
  }

  // The id, else the title; with the fingerprint where that is missing or used twice.
  void set_keys() {
    for (RuleEntry& entry : entries_) {
      RuleInfo& info = entry.metadata.info;
      const std::string fingerprint = to_hex(info.fingerprint);
      if (!info.id.empty()) {
        info.key = ascii_lower(info.id);
        info.key += index_.by_id(info.id).size() > 1 ? "/" + fingerprint : "";
      } else if (entry.metadata.has_title) {
        info.key = info.title;
        info.key += index_.by_title(info.title).size() > 1 ? "/" + fingerprint : "";
      } else {
        info.key = fingerprint;
      }
    }
  }

  // What can only be seen of loaded rules as a whole.
  void lint_rules() {
    if (!options_.lint) {
      return;
    }
    std::unordered_map<Hash128, std::uint32_t, Hash128Hasher> first_with;
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      const RuleEntry& entry = entries_[i];
      const RuleInfo& info = entry.info();
      if (entry.state != EntryState::loaded || info.kind == RuleKind::filter) {
        continue;
      }
      const LoadedFile& file = *files_[entry.file];
      Diagnostics found;
      Problems problems(file.source, found, false);
      if (!info.level && !entry.metadata.has_level) {
        problems.warning(entry.metadata.title,
                         "missing-level",
                         "no `level`; it counts as medium",
                         "write `level:` and one of informational, low, medium, high, critical");
      }
      for (std::size_t tag = 0; tag < std::min(info.tags.size(), entry.metadata.tags.size());
           ++tag) {
        lint_tag(info.tags[tag], entry.metadata.tags[tag], problems);
      }
      const auto [first, fresh] = first_with.emplace(info.fingerprint, i);
      if (!fresh) {
        const RuleInfo& other = entries_[first->second].info();
        problems.warning(entry.metadata.title,
                         "duplicate-logic",
                         "means the same as " + other.file + ":" + std::to_string(other.line),
                         "drop one of them");
      }
      tell_lint(entry, found);
    }
  }

  void finish_ruleset() {
    for (const RuleEntry& entry : entries_) {
      if (entry.state != EntryState::loaded) {
        continue;
      }
      if (entry.correlation) {
        ruleset_->correlations[entry.position].info = entry.info();
      } else if (entry.info().kind == RuleKind::detection) {
        ruleset_->alerts_alone.push_back(alerts_alone(entry));
        ruleset_->feeds_detector.push_back(entry.feeds);
      }
    }
  }

  // What became of each document, and the history for the next load.
  void note_outcomes() {
    const auto history = std::make_shared<RuleHistory>();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const RuleEntry& entry = entries_[i];
      const LoadedFile& file = *files_[entry.file];
      RememberedRule rule{file.source.name,
                          ascii_lower(entry.info().id),
                          entry.metadata.has_title ? entry.info().title : std::string(),
                          ordinals_[i],
                          {files_[entry.file], &file.source.text}};
      const bool loaded = entry.state == EntryState::loaded;
      const bool runs = !loaded || !entry.correlation || !options_.can_run ||
                        options_.can_run(ruleset_->correlations[entry.position]);
      if (loaded && runs) {
        history->rules.push_back(rule);
      }
      outcomes_.push_back({std::move(rule),
                           entry.state == EntryState::rejected || !runs,
                           entry.info().kind == RuleKind::correlation});
    }
    result_.history = history;
  }

  void finish_documents() {
    result_.documents.reserve(options_.list_documents ? entries_.size() : 0);
    ruleset_->rules.reserve(ruleset_->alerts_alone.size());
    for (RuleEntry& entry : entries_) {
      const bool loaded = entry.state == EntryState::loaded;
      result_.loaded += loaded ? 1 : 0;
      result_.rejected += entry.state == EntryState::rejected ? 1 : 0;
      result_.excluded += entry.state == EntryState::excluded ? 1 : 0;
      RuleInfo& info = entry.metadata.info;
      const bool runs = loaded && !entry.correlation && info.kind == RuleKind::detection;
      if (options_.list_documents) {
        result_.documents.push_back(DocumentInfo{runs ? info : std::move(info), loaded});
      }
      if (runs) {
        ruleset_->rules.push_back(std::move(info));
      }
    }
  }

  void finish_diagnostics() {
    result_.files = files_.size();
    for (const Diagnostic& problem : first_diagnostics_.list()) {
      result_.diagnostics.add(problem);
    }
    for (const std::shared_ptr<LoadedFile>& file : files_) {
      std::vector<Diagnostic> sorted = file->diagnostics.list();
      std::stable_sort(sorted.begin(), sorted.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
      });
      // A pipeline that maps a field to several makes each problem with its values several.
      const auto same = [](const Diagnostic& a, const Diagnostic& b) {
        return a.line == b.line && a.column == b.column && a.code == b.code &&
               a.message == b.message;
      };
      sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
      for (Diagnostic& problem : sorted) {
        result_.diagnostics.add(std::move(problem));
      }
      // Only the text is remembered.
      file->diagnostics = Diagnostics();
      file->source.line_begins = std::vector<std::size_t>();
    }
  }

  // Last, when everything else is gone: building takes as much memory for a moment as all texts.
  LoadResult build_program() {
    entries_ = RuleEntries();
    files_.clear();
    index_ = RuleIndex();
    add_sources(options_, builder_);
    ruleset_->program = builder_.build();
    result_.ruleset = std::move(ruleset_);
    return std::move(result_);
  }

  const LoadOptions& options_;
  const FoundFiles& found_;
  const Substitutes& substitutes_;
  RuleChoice choice_;
  Diagnostics first_diagnostics_;  // of no rule file that was read
  std::vector<Hash128> contents_;  // of the files, as they were read
  bool worth_keeping_ = true;      // every file was read, and the cache of documents is usable
  std::vector<std::shared_ptr<LoadedFile>> files_;  // their texts are remembered with them
  RuleEntries entries_;
  std::vector<std::size_t> ordinals_;  // by entry: its place in its file
  std::vector<DocumentOutcome> outcomes_;
  std::set<std::string> broken_;  // files with something that could not be read
  RuleIndex index_;
  Pipelines pipelines_;
  ProgramBuilder builder_;
  std::shared_ptr<Ruleset> ruleset_ = std::make_shared<Ruleset>();
  LoadResult result_;
};

}  // namespace

LoadResult load_rules(const LoadOptions& options) {
  RulesetCache cache(options);
  cache.begin();
  const FoundFiles found = find_rule_files(options.paths);
  if (std::optional<LoadResult> known = cache.take(found)) {
    return std::move(*known);
  }
  Substitutes substitutes;
  auto loader = std::make_unique<Loader>(options, found, substitutes);
  LoadResult result = loader->run(cache);
  if (!options.history || result.pipelines_failed || result.paths_failed) {
    return result;
  }
  for (int round = 0; round < substitution_rounds_max; ++round) {
    if (!substitutes.add(*options.history, loader->outcomes(), loader->broken_files())) {
      break;
    }
    loader = std::make_unique<Loader>(options, found, substitutes);
    LoadResult next = loader->run(cache);
    next.diagnostics = std::move(result.diagnostics);  // of the files as they are
    result = std::move(next);
  }
  for (const RememberedRule* rule : substitutes.all()) {
    result.kept.push_back({rule->title, rule->id, rule->path});
  }
  return result;
}

std::vector<std::string> ruleset_dependencies(const LoadOptions& options) {
  std::vector<std::string> out;
  for (const std::vector<std::string>* files : {&options.pipelines, &options.value_files}) {
    for (const std::string& file : *files) {
      if (std::find(out.begin(), out.end(), file) == out.end()) {
        out.push_back(file);
      }
    }
  }
  return out;
}

}  // namespace tocsin
