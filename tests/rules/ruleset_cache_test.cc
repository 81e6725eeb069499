// SPDX-License-Identifier: Apache-2.0
// Loads that are kept compiled: the same rules, program and words as without, and never those of
// files or options that have changed since.
#include "rules/ruleset_cache.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "engine/base/limits.h"
#include "engine/event/json.h"
#include "rules/cache_file.h"
#include "rules/load_wire.h"
#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

constexpr TimeNs hour = 3'600'000'000'000;

TimeNs now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return TimeNs{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// All that a load came to, as bytes: each field of each rule, and its program.
std::string all_of(const LoadResult& result) {
  std::string out;
  WireWriter writer(out);
  write_load(result, *result.ruleset, {}, 0, writer);
  return out + result.ruleset->program->dump();
}

// Rules of every kind, some that are wrong in part or whole.
void write_rules(const test::ScratchFolder& folder) {
  folder.write("rules/a.yml",
               "title: A\nid: 11111111-1111-1111-1111-111111111111\nname: a\nlevel: high\n"
               "status: stable\nauthor: me\ndate: 2024-01-02\nmodified: 2024-02-03\n"
               "license: MIT\ntaxonomy: sigma\ndescription: |\n  two\n  lines\n"
               "references: [https://example.org/a]\nfalsepositives: [none]\nfields: [x]\n"
               "scope: [s]\nrelated:\n  - {id: 22222222-2222-2222-2222-222222222222, type: "
               "similar}\n"
               "tags: [attack.t1001, attack.persistence]\nown: {key: [1, two]}\n"
               "logsource: {product: aws, service: cloudtrail, definition: all of it}\n"
               "detection:\n  text: {eventName|contains: [Create, Delete]}\n"
               "  other:\n    a|re|i: 'x[0-9]+abcd'\n    ip|cidr: 10.0.0.0/8\n    n|gte: 3\n"
               "    f|fieldref: g\n    u|windash|contains: ' -enc'\n    z: null\n"
               "    e|exists: true\n    w|hour: 3\n  words: [needle, hay*stack]\n"
               "  condition: text and (other or words)\n"
               "tocsin:\n  fold_by: [x]\n  repeat_interval: 30m\n  receiver: mail\n  runbook: "
               "https://example.org/r\n"
               "  tests:\n    - name: t\n      events: [{eventName: Create}, {eventName: x}]\n"
               "      expect: {alerts: 1}\n");
  folder.write("rules/b.yml",
               test::rule_named("b") + test::rule_named("c") +
                   "title: many of b\nlevel: low\ncorrelation:\n  type: event_count\n"
                   "  rules: [b]\n  group-by: [user]\n  timespan: 5m\n  condition: {gte: 3}\n");
  folder.write("rules/filter.yml",
               "title: not these\nlogsource: {product: test}\nfilter:\n  rules: [b]\n"
               "  ours: {user: ci}\n  condition: not ours\n");
  folder.write("rules/wrong.yml",
               "title: Wrong\nlogsource: {product: aws}\ndetection:\n  s: {a|nonsense: 1}\n"
               "  condition: s\n---\ntitle: Label\nlevel: loud\nlogsource: {product: aws}\n"
               "detection:\n  s: {a: 1}\n  condition: s\n");
  folder.write("rules/deep/broken.yml", "title: [\n");
  folder.write("pipeline.yml",
               "name: p\ntransformations:\n  - type: field_name_mapping\n    mapping: {k: kk}\n");
}

LoadOptions options_for(const test::ScratchFolder& folder) {
  LoadOptions options;
  options.paths = {(folder.path() / "rules").string()};
  options.pipelines = {(folder.path() / "pipeline.yml").string()};
  options.source_rows = {{"kind", {"web"}, {"proxy", "", ""}}};
  options.expected_sources = {{"", "test", ""}};
  options.cache = (folder.path() / "cache").string();
  options.cache_version = "1.0";
  options.cache_build = "one";
  options.begun_at = now();
  return options;
}

LoadOptions without_cache(LoadOptions options) {
  options.cache.clear();
  return options;
}

std::optional<LoadResult> taken(const LoadOptions& options, const FoundFiles& found) {
  RulesetCache cache(options);
  cache.begin();
  return cache.take(found);
}

std::optional<LoadResult> taken(const LoadOptions& options) {
  return taken(options, find_rule_files(options.paths));
}

fs::path compiled_file(const LoadOptions& options) {
  fs::path found;
  for (const fs::directory_entry& entry : fs::directory_iterator(options.cache)) {
    if (entry.path().extension() == ".compiled") {
      CHECK(found.empty());
      found = entry.path();
    }
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_bytes(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE("a load from the cache is the load that was kept, in every field, and its program too") {
  const test::ScratchFolder folder;
  write_rules(folder);
  for (const unsigned threads : {1u, 2u, 8u}) {
    for (const bool lint : {false, true}) {
      CAPTURE(threads);
      CAPTURE(lint);
      LoadOptions options = options_for(folder);
      options.threads = threads;
      options.lint = lint;
      const LoadResult plain = load_rules(without_cache(options));
      CHECK(plain.ruleset->correlations.size() == 1);
      CHECK(plain.filters.size() == 1);
      CHECK(plain.rejected == 2);
      const std::string expected = all_of(plain);
      CHECK((all_of(load_rules(options)) == expected));
      const std::optional<LoadResult> kept = taken(options);
      REQUIRE(kept);
      CHECK((all_of(*kept) == expected));
      CHECK((all_of(load_rules(options)) == expected));
    }
  }
}

TEST_CASE("all public rules are the same from the cache") {
  const fs::path rules = test::shared_folder() / "rules/sigmahq/rules/cloud";
  if (!fs::exists(rules)) {
    MESSAGE("skipped: no shared rules");
    return;
  }
  const test::ScratchFolder folder;
  LoadOptions options = options_for(folder);
  options.paths = {rules.string()};
  options.pipelines.clear();
  options.threads = 2;
  const std::string plain = all_of(load_rules(without_cache(options)));
  CHECK((all_of(load_rules(options)) == plain));
  REQUIRE(taken(options));
  CHECK((all_of(load_rules(options)) == plain));
}

TEST_CASE("what a load depends on, when changed, is not answered from the cache") {
  const test::ScratchFolder folder;
  write_rules(folder);
  struct Case {
    const char* what;
    std::function<void(LoadOptions&)> change;
  };
  const Case cases[] = {
      {"version", [](LoadOptions& o) { o.cache_version = "1.1"; }},
      {"build", [](LoadOptions& o) { o.cache_build = "two"; }},
      {"no build", [](LoadOptions& o) { o.cache_build.clear(); }},
      {"strict", [](LoadOptions& o) { o.strict = true; }},
      {"lint", [](LoadOptions& o) { o.lint = true; }},
      {"documents", [](LoadOptions& o) { o.list_documents = false; }},
      {"reloads", [](LoadOptions& o) { o.remember = true; }},
      {"tag", [](LoadOptions& o) { o.tags = {"attack.t1001"}; }},
      {"exclude", [](LoadOptions& o) { o.exclude = {"A"}; }},
      {"placeholder", [](LoadOptions& o) { o.placeholders["p"] = {"v"}; }},
      {"geo", [](LoadOptions& o) { o.geo_fields.country = true; }},
      {"no pipeline", [](LoadOptions& o) { o.pipelines.clear(); }},
      {"override",
       [](LoadOptions& o) {
         o.overrides.emplace_back();
         o.overrides.back().title = "A";
         o.overrides.back().level = Level::low;
       }},
      {"a path", [](LoadOptions& o) { o.paths.push_back(o.pipelines.front()); }},
  };
  const LoadOptions options = options_for(folder);
  for (const Case& one : cases) {
    CAPTURE(one.what);
    load_rules(options);
    REQUIRE(taken(options));
    LoadOptions changed = options;
    one.change(changed);
    CHECK_FALSE(taken(changed));
    CHECK((all_of(load_rules(changed)) == all_of(load_rules(without_cache(changed)))));
  }
  load_rules(options);
  folder.write("pipeline.yml",
               "name: p\ntransformations:\n  - type: field_name_mapping\n    mapping: {k: ll}\n");
  CHECK_FALSE(taken(options));
}

TEST_CASE("the sources of a program are the options', also from the cache") {
  const test::ScratchFolder folder;
  write_rules(folder);
  LoadOptions options = options_for(folder);
  load_rules(options);
  options.expected_sources = {{"", "aws", "cloudtrail"}, {"", "windows", ""}};
  options.source_rows = {{"other", {"x"}, {"", "test", ""}}};
  const std::optional<LoadResult> kept = taken(options);
  REQUIRE(kept);
  CHECK((all_of(*kept) == all_of(load_rules(without_cache(options)))));
  CHECK(kept->ruleset->program->plan().find("other") != no_field);
}

// With the time at which the loads begin: whether files are read to see that they are unchanged.
TEST_CASE("a rule file that is changed, added, removed or renamed is seen, also by its state") {
  for (const bool settled : {false, true}) {
    CAPTURE(settled);
    const test::ScratchFolder folder;
    write_rules(folder);
    LoadOptions options = options_for(folder);
    options.begun_at += settled ? hour : 0;
    const fs::path file = folder.path() / "rules/b.yml";
    const std::string text = bytes_of(file);
    const auto must_be_seen = [&](const char* what) {
      CAPTURE(what);
      CHECK_FALSE(taken(options));
      CHECK((all_of(load_rules(options)) == all_of(load_rules(without_cache(options)))));
      CHECK(taken(options).has_value());
    };
    load_rules(options);
    REQUIRE(taken(options));

    // As many bytes, and the time of the old ones.
    const fs::file_time_type before = fs::last_write_time(file);
    std::string changed = text;
    changed.replace(changed.find("k: b"), 4, "k: x");
    write_bytes(file, changed);
    fs::last_write_time(file, before);
    must_be_seen("changed");
    folder.write("rules/new.yml", test::rule_named("new"));
    must_be_seen("added");
    fs::rename(folder.path() / "rules/new.yml", folder.path() / "rules/newer.yml");
    must_be_seen("renamed");
    fs::remove(folder.path() / "rules/newer.yml");
    must_be_seen("removed");
    fs::rename(folder.path() / "rules/a.yml", folder.path() / "a");
    fs::rename(file, folder.path() / "rules/a.yml");
    fs::rename(folder.path() / "a", file);
    must_be_seen("swapped");

    // Written anew with the same bytes: read, and found to be the same.
    write_bytes(file, bytes_of(file));
    CHECK(taken(options).has_value());
  }
}

TEST_CASE("a file is taken for unchanged unread only when its last change was settled") {
  const test::ScratchFolder folder;
  write_rules(folder);
  const fs::path file = folder.path() / "rules/b.yml";
  const std::string text = bytes_of(file);
  LoadOptions options = options_for(folder);
  struct Case {
    const char* what;
    TimeNs begun_at;
    bool unread;
  };
  const Case cases[] = {{"unknown", 0, false},
                        {"now", now(), false},
                        {"before it", now() - hour, false},
                        {"not long after", now() + RulesetCache::settling_time / 2, false},
                        {"long after", now() + hour, true}};
  for (const Case& one : cases) {
    CAPTURE(one.what);
    folder.write("rules/b.yml", text);
    options.begun_at = one.begun_at;
    fs::remove_all(options.cache);
    load_rules(options);
    const FoundFiles found = find_rule_files(options.paths);
    fs::remove(file);  // what is read shows
    CHECK(taken(options, found).has_value() == one.unread);
  }

  // Settled later: the first start that sees it reads the file, the next one does not.
  folder.write("rules/b.yml", text);
  options.begun_at = now();
  fs::remove_all(options.cache);
  load_rules(options);
  options.begun_at = now() + hour;
  REQUIRE(taken(options));
  const FoundFiles found = find_rule_files(options.paths);
  fs::remove(file);
  CHECK(taken(options, found).has_value());
}

TEST_CASE("a kept load that is damaged anywhere is not used, and is written anew") {
  const test::ScratchFolder folder;
  write_rules(folder);
  const LoadOptions options = options_for(folder);
  const std::string plain = all_of(load_rules(options));
  const fs::path file = compiled_file(options);
  const std::string whole = bytes_of(file);
  for (std::size_t at = 0; at < whole.size(); at += whole.size() / 97) {
    CAPTURE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    for (const std::string& bytes : {damaged, whole.substr(0, at)}) {
      write_bytes(file, bytes);
      CHECK_FALSE(taken(options));
    }
  }
  CHECK((all_of(load_rules(options)) == plain));
  CHECK(taken(options).has_value());
  for (const char* const other : {"", "tocsin compiled rules 0 1.0\n", "something else\n"}) {
    write_bytes(file, other + whole);
    CHECK(taken(options).has_value() == (*other == '\0'));
  }
}

// What its hash cannot tell: bytes that another program sealed. Any load may come out, or none.
TEST_CASE("a kept load of nonsense that is sealed does no harm") {
  const test::ScratchFolder folder;
  write_rules(folder);
  const LoadOptions options = options_for(folder);
  load_rules(options);
  const fs::path file = compiled_file(options);
  constexpr std::size_t hash_bytes = 16;
  const std::string whole = bytes_of(file);
  const std::string content = whole.substr(0, whole.size() - hash_bytes);
  std::size_t refused = 0;
  std::size_t tried = 0;
  for (std::size_t at = 0; at < content.size(); at += 1 + content.size() / 997) {
    CAPTURE(at);
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ (at % 2 == 0 ? 0x20 : 0x01));
    std::string cut = content.substr(0, at);
    for (std::string* bytes : {&damaged, &cut}) {
      seal(*bytes);
      write_bytes(file, *bytes);
      refused += taken(options) ? 0u : 1u;
      ++tried;
    }
  }
  CHECK(refused > tried / 2);
}

TEST_CASE("a kept load that others may write to is neither used nor replaced") {
  const test::ScratchFolder folder;
  write_rules(folder);
  const LoadOptions options = options_for(folder);
  const std::string plain = all_of(load_rules(options));
  const fs::path file = compiled_file(options);
  const std::string bytes = bytes_of(file);
  fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
  const LoadResult result = load_rules(options);
  CHECK(test::problems(result).find("warning cache-unusable") != std::string::npos);
  CHECK((bytes_of(file) == bytes));
  fs::permissions(file, fs::perms::group_write, fs::perm_options::remove);
  CHECK(taken(options).has_value());
  CHECK((all_of(load_rules(options)) == plain));
}

TEST_CASE("starts at the same time share a cache without harm") {
  const test::ScratchFolder folder;
  write_rules(folder);
  const LoadOptions options = options_for(folder);
  const std::string plain = all_of(load_rules(without_cache(options)));
  std::vector<std::string> outcomes(8);
  std::vector<std::thread> starts;
  for (std::string& outcome : outcomes) {
    starts.emplace_back([&outcome, &options] {
      for (int round = 0; round < 3; ++round) {
        outcome = all_of(load_rules(options));
      }
    });
  }
  for (std::thread& start : starts) {
    start.join();
  }
  for (const std::string& outcome : outcomes) {
    CHECK((outcome == plain));
  }
  CHECK(taken(options).has_value());
}

TEST_CASE("what is said of folders and of the cache itself is said at each start, once") {
  const test::ScratchFolder folder;
  write_rules(folder);
  fs::create_symlink("/etc/hostname", folder.path() / "rules/out.yml");
  const LoadOptions options = options_for(folder);
  const std::string plain = all_of(load_rules(without_cache(options)));
  CHECK(plain.find("link-outside") != std::string::npos);
  for (int start = 0; start < 3; ++start) {
    CHECK((all_of(load_rules(options)) == plain));
  }
  CHECK(taken(options).has_value());
  fs::remove(folder.path() / "rules/out.yml");
  const std::string quiet = all_of(load_rules(options));
  CHECK(quiet.find("link-outside") == std::string::npos);
  CHECK((quiet == all_of(load_rules(without_cache(options)))));
}

TEST_CASE("a load that failed in part is not kept: a file or a pipeline that cannot be read") {
  const test::ScratchFolder folder;
  write_rules(folder);
  LoadOptions options = options_for(folder);
  options.paths.push_back((folder.path() / "nowhere").string());
  load_rules(options);
  CHECK_FALSE(taken(options));
  options = options_for(folder);
  options.pipelines.push_back((folder.path() / "nowhere").string());
  CHECK(load_rules(options).pipelines_failed);
  CHECK(load_rules(options).pipelines_failed);
}

namespace {

bool matches(const LoadResult& rules, const std::string& record) {
  const Program& program = *rules.ruleset->program;
  JsonReader reader;
  Event event;
  Scratch scratch(program);
  SourceClass source;
  source.kind = SourceClass::Kind::any;
  std::string padded = record;
  padded.append(limits::padding_bytes, ' ');
  const std::string_view text = std::string_view(padded).substr(0, record.size());
  REQUIRE(reader.read(text, program.plan(), false, event) == ReadStatus::ok);
  return !program.match(event, source, scratch).empty();
}

}  // namespace

TEST_CASE("the matcher of keywords is kept once it was needed, and damage to it does no harm") {
  const test::ScratchFolder folder;
  const auto write_words = [&folder](const std::string& more) {  // enough of them for a matcher
    std::string words = more;
    for (int i = 0; i < 40; ++i) {
      words += ", keyword" + std::to_string(i);
    }
    folder.write("rules/words.yml",
                 "title: Words\nlogsource: {product: test}\ndetection:\n  words: [" + words +
                     "]\n  condition: words\n");
  };
  write_words("needle, thimble");
  LoadOptions options = options_for(folder);
  options.pipelines.clear();
  const std::string yes = R"({"a":"the Needle"})";
  const std::string no = R"({"a":"the need"})";
  const auto right = [&](const LoadResult& rules) {
    return matches(rules, yes) && !matches(rules, no);
  };
  const LoadResult first = load_rules(options);
  const fs::path file =
      fs::path(options.cache) / ("rules-" + cache_set_name(options.paths) + ".keywords");
  CHECK_FALSE(fs::exists(file));  // no record so far
  CHECK(right(first));
  if (!fs::exists(file)) {
    MESSAGE("skipped: built without vectorscan, or not on this machine");
    return;
  }
  CHECK((fs::status(file).permissions() & (fs::perms::group_all | fs::perms::others_all)) ==
        fs::perms::none);
  const std::string whole = bytes_of(file);
  CHECK(right(load_rules(options)));
  for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 37) {
    CAPTURE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x21);
    for (const std::string& bytes : {damaged, whole.substr(0, at)}) {
      write_bytes(file, bytes);
      CHECK(right(load_rules(options)));
      CHECK((bytes_of(file) == whole));
    }
  }
  // What others may write to is not read.
  write_bytes(file, whole);
  fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
  CHECK(right(load_rules(options)));
  CHECK((fs::status(file).permissions() & fs::perms::group_write) == fs::perms::none);
  // Other words, and no cache.
  write_words("'the need'");
  CHECK(matches(load_rules(options), no));
  CHECK((bytes_of(file) != whole));
  fs::remove_all(options.cache);
  CHECK(matches(load_rules(without_cache(options)), no));
  CHECK_FALSE(fs::exists(options.cache));
}

}  // namespace tocsin
