// SPDX-License-Identifier: Apache-2.0
// Rule files parsed by several threads, and from a cache: always the same rules and the same words.
#include "rules/parse_ahead.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "rules/document_cache.h"
#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

// What a load comes to: every document, every problem, every field that is read.
std::string summary(const LoadResult& result) {
  std::string out = std::to_string(result.loaded) + " loaded, " + std::to_string(result.rejected) +
                    " rejected\n" + test::all_text(result.diagnostics);
  for (const DocumentInfo& document : result.documents) {
    out += document.info.file + ":" + std::to_string(document.info.line) + " " +
           document.info.title + " " + document.info.description + " " + document.info.id +
           (document.loaded ? " loaded\n" : " not loaded\n");
  }
  for (std::uint32_t rule = 0; rule < result.ruleset->rules.size(); ++rule) {
    for (const std::string& field : result.ruleset->program->fields(RuleId{rule})) {
      out += field + ",";
    }
    out += "\n";
  }
  return out;
}

// Every third file has a problem, some have several documents, aliases, quotes, numbers and nulls.
void write_rules(const test::ScratchFolder& folder, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    std::string text = "title: \"Rule \\u00e9 " + number + "\"\nlevel: low\n" +
                       "description: >\n  folded\n  text\nlogsource: &source {product: aws}\n" +
                       "detection:\n  one: {eventName: Call" + number +
                       ", size|gt: 0x1f, error: null, flag: true}\n" +
                       "  other: [word, 'a ''quoted'' one']\n  condition: one or other\n";
    if (i % 4 == 0) {
      text += "---\ntitle: Second of " + number + "\nlevel: high\nlogsource: {product: aws}\n" +
              "detection:\n  sel: {a|startswith: ['1', 2.5, ~]}\n  condition: sel\n";
    }
    if (i % 3 == 0) {
      text += "levle: low\n";
    }
    if (i % 7 == 0) {
      text += "---\ntitle: [broken\n";
    }
    folder.write("folder/" + number + ".yml", text);
  }
}

LoadOptions options_for(const test::ScratchFolder& folder, unsigned threads, bool cached) {
  LoadOptions options;
  options.paths = {(folder.path() / "folder").string()};
  options.lint = true;
  options.threads = threads;
  if (cached) {
    options.cache = (folder.path() / "cache").string();
    options.cache_version = "1.0";
  }
  return options;
}

fs::path only_file(const fs::path& folder) {
  std::vector<fs::path> files{fs::directory_iterator(folder), fs::directory_iterator()};
  REQUIRE(files.size() == 1);
  return files.front();
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// How many of the folder's files a cache of this version answers.
std::size_t hits(const LoadOptions& options, const std::string& version) {
  Diagnostics problems;
  DocumentCache cache(options.cache, version, options.paths, problems);
  CHECK(problems.list().empty());
  for (const fs::directory_entry& entry : fs::directory_iterator(options.paths.front())) {
    Diagnostics ignored;
    cache.read(SourceText::make(entry.path().string(), bytes_of(entry.path())), ignored);
  }
  return cache.hits();
}

}  // namespace

TEST_CASE("any number of threads, with and without a cache, loads the same") {
  const test::ScratchFolder folder;
  write_rules(folder, 200);
  const std::string plain = summary(load_rules(options_for(folder, 1, false)));
  CHECK(plain.find("Second of 196") != std::string::npos);
  CHECK(plain.find("error[yaml-syntax]") != std::string::npos);
  for (const unsigned threads : {2u, 3u, 16u}) {
    CAPTURE(threads);
    CHECK((summary(load_rules(options_for(folder, threads, false))) == plain));
    CHECK((summary(load_rules(options_for(folder, threads, true))) == plain));
  }
}

TEST_CASE("all public rules load the same from a cache") {
  const fs::path rules = test::shared_folder() / "rules/sigmahq/rules/cloud";
  if (!fs::exists(rules)) {
    MESSAGE("skipped: no shared rules");
    return;
  }
  const test::ScratchFolder folder;
  LoadOptions options = options_for(folder, 2, false);
  options.paths = {rules.string()};
  const std::string plain = summary(load_rules(options));
  options.cache = (folder.path() / "cache").string();
  CHECK((summary(load_rules(options)) == plain));
  CHECK((summary(load_rules(options)) == plain));
}

TEST_CASE("a cache answers what gave no problem, until it is changed or the version is") {
  const test::ScratchFolder folder;
  write_rules(folder, 42);
  const LoadOptions options = options_for(folder, 1, true);
  load_rules(options);
  CHECK(hits(options, "1.0") == 36);  // six of 42 have a document that cannot be read
  CHECK(hits(options, "1.1") == 0);

  folder.write("folder/1.yml", test::rule_named("changed"));
  CHECK(hits(options, "1.0") == 35);
  const std::string changed = summary(load_rules(options));
  CHECK(changed.find("1.yml:1 changed") != std::string::npos);
  CHECK((changed == summary(load_rules(options_for(folder, 1, false)))));
  CHECK(hits(options, "1.0") == 36);
}

TEST_CASE("a cache that is damaged anywhere is not used, and is written anew") {
  const test::ScratchFolder folder;
  write_rules(folder, 5);
  const LoadOptions options = options_for(folder, 1, true);
  const std::string plain = summary(load_rules(options));
  const fs::path file = only_file(options.cache);
  const std::string whole = bytes_of(file);
  REQUIRE(hits(options, "1.0") == 4);
  for (const std::size_t at : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    for (const std::string& bytes : {damaged, whole.substr(0, at)}) {
      std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
      CHECK(hits(options, "1.0") == 0);
      CHECK((summary(load_rules(options)) == plain));
      CHECK(hits(options, "1.0") == 4);
    }
  }
}

TEST_CASE("a cache that others may write to is neither read nor written") {
  const test::ScratchFolder folder;
  write_rules(folder, 5);
  const LoadOptions options = options_for(folder, 1, true);
  load_rules(options);
  const fs::path file = only_file(options.cache);
  fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
  const LoadResult result = load_rules(options);
  CHECK(test::problems(result).find("warning cache-unusable") != std::string::npos);
  fs::permissions(file, fs::perms::group_write, fs::perm_options::remove);
  CHECK(hits(options, "1.0") == 4);
}

}  // namespace tocsin
