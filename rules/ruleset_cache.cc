// SPDX-License-Identifier: Apache-2.0
// The file: a heading; the hash of what the load depended on beside the rules; what it came to
// (load_wire.h) and the rules as the program's builder holds them; the rule files, each with its
// content's hash and its state; a seal. The program is built from the latter at each start: its
// indexes take less time to make than to read.
#include "rules/ruleset_cache.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <sys/vfs.h>

#include "engine/base/wire.h"
#include "rules/cache_file.h"
#include "rules/keyword_file.h"
#include "rules/load_wire.h"

namespace tocsin {
namespace {

constexpr std::size_t file_bytes_min = 24;

// File systems of this machine: what another one writes to a network's may be seen late.
// Layers (overlayfs) and images (squashfs) are not among them: there the time of change may be one
// that whoever made the image chose.
constexpr std::array<unsigned long, 7> local_file_systems = {
    0xef53,      // ext2, ext3, ext4
    0x58465342,  // xfs
    0x9123683e,  // btrfs
    0xf2f52010,  // f2fs
    0x2fc12fc1,  // zfs
    0xca451a4e,  // bcachefs
    0x01021994,  // tmpfs
};

bool is_local(const std::string& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 &&
         std::find(local_file_systems.begin(),
                   local_file_systems.end(),
                   static_cast<unsigned long>(status.f_type) & 0xffffffffu) !=
             local_file_systems.end();
}

std::string file_name(const LoadOptions& options) {
  // What is checked and what is run are two sets.
  return "rules-" + cache_set_name(options.paths) + (options.lint ? "-checked" : "") +
         (options.list_documents ? "-listed" : "") + ".compiled";
}

void write(const FileState& state, WireWriter& out) {
  out.number(state.device);
  out.number(state.number);
  out.number(state.size);
  out.signed_number(state.modified);
  out.signed_number(state.changed);
}

FileState read_state(WireReader& in) {
  FileState state;
  state.regular = true;
  state.device = in.number();
  state.number = in.number();
  state.size = in.number();
  state.modified = in.signed_number();
  state.changed = in.signed_number();
  return state;
}

std::vector<std::string> paths_of(const FoundFiles& found) {
  std::vector<std::string> paths;
  paths.reserve(found.files.size());
  for (const RuleFile& file : found.files) {
    paths.push_back(file.path);
  }
  return paths;
}

}  // namespace

void add_sources(const LoadOptions& options, ProgramBuilder& builder) {
  for (const LogSource& source : options.expected_sources) {
    builder.expect_source(source);
  }
  builder.classify_by(options.source_rows);
  builder.keep_keywords_in(keyword_file(options));
}

RulesetCache::RulesetCache(const LoadOptions& options)
    : options_(options), heading_("tocsin compiled rules 1 " + options.cache_version + "\n") {
  if (options.cache.empty() || options.cache_build.empty() || options.remember || options.history) {
    return;
  }
  path_ = options.cache + "/" + file_name(options);
  key_ = key();
  usable_ = key_ && !others_may_write(options.cache) && !others_may_write(path_);
}

// nullopt: what is named as a pipeline can be read only once.
std::optional<Hash128> RulesetCache::key() const {
  std::string bytes;
  WireWriter out(bytes);
  write_meaning(options_, out);
  for (const std::string& path : options_.pipelines) {
    const RuleFile file{path, false, state_of(path)};
    Diagnostics ignored;
    const std::optional<std::string> text =
        file.state.regular ? read_rule_file(file, ignored) : std::nullopt;
    if (!text) {
      return std::nullopt;
    }
    out.text(*text);
  }
  return content_hash(bytes);
}

RulesetCache::~RulesetCache() {
  wait();
}

void RulesetCache::wait() {
  if (builder_.joinable()) {
    builder_.join();
  }
}

void RulesetCache::begin() {
  if (!usable_) {
    return;
  }
  bytes_ = read_whole(path_);
  const std::optional<std::string_view> content = unsealed(bytes_, heading_);
  if (!content) {
    return;
  }
  WireReader in(*content);
  if (in.hash() != *key_) {
    return;
  }
  body_ = in.text();
  known_.resize(in.count(file_bytes_min));
  for (KnownFile& file : known_) {
    file.path = in.text();
    file.content = in.hash();
    file.state = read_state(in);
    file.settled = in.flag();
  }
  WireReader body(body_);
  told_ = body.text();
  rules_ = body.text();
  readable_ = in.ok() && in.at_end() && body.ok() && body.at_end();
  if (readable_ && options_.threads > 1) {
    builder_ = std::thread([this] { build(); });
  }
}

void RulesetCache::build() {
  ProgramBuilder builder;
  if (builder.restore(rules_)) {
    add_sources(options_, builder);
    program_ = builder.build();
  }
}

std::optional<LoadResult> RulesetCache::take(const FoundFiles& found) {
  std::optional<LoadResult> out;
  if (readable_ && found.diagnostics.errors() == 0 && are_unchanged(found)) {
    out = result(found);
    if (out && refresh_) {
      write(known_, body_);  // for the next start; where it cannot be, this one was right
    }
  }
  wait();
  readable_ = false;
  program_.reset();
  bytes_ = std::string();
  return out;
}

std::optional<LoadResult> RulesetCache::result(const FoundFiles& found) {
  const bool helped = builder_.joinable();
  const auto ruleset = std::make_shared<Ruleset>();
  LoadResult out;
  out.diagnostics = found.diagnostics;
  WireReader reader(told_);
  read_load(reader, paths_of(found), out, *ruleset);
  wait();
  if (!helped) {
    build();
  }
  ruleset->program = std::move(program_);
  const std::size_t rules = ruleset->rules.size();
  if (!reader.ok() || !reader.at_end() || !ruleset->program ||
      ruleset->program->rule_count() != rules || ruleset->alerts_alone.size() != rules ||
      ruleset->feeds_detector.size() != rules) {
    return std::nullopt;
  }
  out.ruleset = ruleset;
  return out;
}

bool RulesetCache::is_settled(const RuleFile& file) {
  const FileState& state = file.state;
  if (options_.begun_at <= 0 || state.changed >= options_.begun_at ||
      options_.begun_at - state.changed <= settling_time) {
    return false;
  }
  const auto known = devices_.find(state.device);
  return known != devices_.end() ? known->second : (devices_[state.device] = is_local(file.path));
}

bool RulesetCache::is_unchanged(KnownFile& known, const RuleFile& file) {
  if (known.path != file.path || !file.state.regular) {
    return false;
  }
  if (known.settled && known.state == file.state) {
    return true;
  }
  Diagnostics ignored;
  const std::optional<std::string> text = read_rule_file(file, ignored);
  if (!text || content_hash(*text) != known.content) {
    return false;
  }
  const bool settled = is_settled(file);
  refresh_ = refresh_ || settled;
  known.state = file.state;
  known.settled = settled;
  return true;
}

bool RulesetCache::are_unchanged(const FoundFiles& found) {
  if (known_.size() != found.files.size()) {
    return false;
  }
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (!is_unchanged(known_[i], found.files[i])) {
      return false;
    }
  }
  return true;
}

void RulesetCache::save(const Load& load, Diagnostics& diagnostics) {
  if (others_may_write(path_)) {  // of the folder the cache of documents tells
    warn_of_cache(path_,
                  "not used: others may write to it, and so decide what the rules are",
                  "delete it",
                  diagnostics);
  }
  if (!usable_ || load.found.diagnostics.errors() > 0 ||
      load.contents.size() != load.found.files.size() || key() != key_) {
    return;
  }
  std::vector<KnownFile> files;
  for (std::size_t i = 0; i < load.contents.size(); ++i) {
    const RuleFile& file = load.found.files[i];
    if (!file.state.regular) {
      return;
    }
    files.push_back({file.path, load.contents[i], file.state, is_settled(file)});
  }
  std::string body;
  WireWriter out(body);
  const std::size_t told = out.begin_text();
  write_load(
      load.result, load.ruleset, paths_of(load.found), load.found.diagnostics.list().size(), out);
  out.end_text(told);
  const std::size_t rules = out.begin_text();
  load.builder.save(body);
  out.end_text(rules);
  if (const int error = write(files, body)) {
    warn_of_cache(path_,
                  "cannot be written: " + error_text(error),
                  "the rules are compiled anew each time",
                  diagnostics);
  }
}

// 0, or an errno.
int RulesetCache::write(const std::vector<KnownFile>& files, std::string_view body) const {
  std::string bytes = heading_;
  WireWriter out(bytes);
  out.hash(*key_);
  out.text(body);
  out.number(files.size());
  for (const KnownFile& file : files) {
    out.text(file.path);
    out.hash(file.content);
    tocsin::write(file.state, out);
    out.flag(file.settled);
  }
  seal(bytes);
  return write_whole(path_, bytes);
}

}  // namespace tocsin
