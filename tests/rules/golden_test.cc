// SPDX-License-Identifier: Apache-2.0
// Golden diagnostics: tests/rules/errors/NAME.yml -> NAME.out, what `tocsin check --strict` says of
// the file, and the same for files that are made here because they are large or no plain files.
// TOCSIN_UPDATE_GOLDEN=1 writes the .out files anew: read them as an author would, before
// committing. Comment lines at the top of a .yml give options: see options_of().
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "engine/base/limits.h"
#include "rules/codes.h"
#include "rules/load.h"
#include "tests/rules/load_fixture.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

fs::path golden_folder() {
  return fs::path(TOCSIN_SOURCE_DIR) / "tests/rules/errors";
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Without the folder, so that the text is the same everywhere.
std::string without(std::string text, const std::string& part) {
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
  return text;
}

LoadOptions author_options() {
  LoadOptions options;
  options.lint = true;
  options.strict = true;
  return options;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) {
    out.push_back(part);
  }
  return out;
}

// "# exclude: NAME", "# placeholder: NAME=VALUE,VALUE", "# pipeline: FILE", "# not strict".
LoadOptions options_of(const fs::path& path) {
  LoadOptions options = author_options();
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line) && line.starts_with("# ");) {
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string name = line.substr(2, colon - 2);
    const std::string value = line.substr(std::min(colon + 2, line.size()));
    if (name == "exclude") {
      options.exclude.push_back(value);
    } else if (name == "placeholder") {
      const std::size_t equals = value.find('=');
      REQUIRE(equals != std::string::npos);
      options.placeholders[value.substr(0, equals)] = split(value.substr(equals + 1), ',');
    } else if (name == "pipeline") {
      options.pipelines.push_back((path.parent_path() / value).string());
    } else {
      REQUIRE(name == "not strict");
      options.strict = false;
    }
  }
  options.paths = {path.string()};
  return options;
}

std::string told(const LoadOptions& options, const fs::path& folder) {
  return without(test::all_text(load_rules(options).diagnostics), folder.string() + "/");
}

void compare_with_golden(const std::string& name, const std::string& text) {
  CAPTURE(name);
  const fs::path golden = golden_folder() / (name + ".out");
  CHECK_FALSE(text.empty());
  if (std::getenv("TOCSIN_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(golden, std::ios::binary | std::ios::trunc) << text;
  } else {
    CHECK_MESSAGE(read_file(golden) == text, "TOCSIN_UPDATE_GOLDEN=1 writes " << golden);
  }
}

// --- files that are not committed ---

std::string rule_with(const std::string& detection) {
  return "title: Trail stopped\nlevel: high\nlogsource:\n  product: aws\ndetection:\n" + detection;
}

std::string repeated(std::size_t count,
                     const std::function<std::string(const std::string& number)>& part) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += part(std::to_string(i));
  }
  return out;
}

void make_large_file(const fs::path& folder) {
  std::ofstream(folder / "rule.yml")
      << rule_with("  selection:\n    eventName: StopLogging\n  condition: selection\n")
      << std::string(limits::rule_file_bytes_max, '#') << "\n";
}

void make_too_many_values(const fs::path& folder) {
  std::ofstream(folder / "rule.yml")
      << rule_with("  selection:\n    eventName:\n" +
                   repeated(limits::rule_values_max + 1,
                            [](const std::string& n) { return "      - a" + n + "\n"; }) +
                   "  condition: selection\n");
}

void make_too_many_selections(const fs::path& folder) {
  std::ofstream(folder / "rule.yml")
      << rule_with(repeated(limits::selections_max + 1,
                            [](const std::string& n) {
                              return "  s" + n + ":\n    eventName: call" + n + "\n";
                            }) +
                   "  condition: 1 of them\n");
}

void make_long_condition(const fs::path& folder) {
  std::ofstream(folder / "rule.yml")
      << rule_with("  selection:\n    eventName: StopLogging\n  condition: selection" +
                   repeated(limits::condition_words_max / 2,
                            [](const std::string&) { return " or selection"; }) +
                   "\n");
}

void make_too_many_rules(const fs::path& folder) {
  constexpr std::size_t count = 65;
  std::ofstream(folder / "rule.yml")
      << repeated(
             count,
             [](const std::string& n) { return "level: low\n" + test::rule_named("rule_" + n); })
      << "title: Many calls\nlevel: high\ncorrelation:\n  type: event_count\n  rules:\n"
      << repeated(count, [](const std::string& n) { return "    - rule_" + n + "\n"; })
      << "  timespan: 5m\n  condition:\n    gte: 5\n";
}

void make_nothing(const fs::path&) {}

void make_fifo(const fs::path& folder) {
  REQUIRE(::mkfifo((folder / "rule.yml").c_str(), 0600) == 0);
}

void make_outward_links(const fs::path& folder) {
  std::error_code ignored;
  fs::create_symlink("/dev/null", folder / "outside.yml", ignored);
  fs::create_symlink("nowhere.yml", folder / "nothing.yml", ignored);
}

// The pipeline stands beside the rule.
void make_large_pipeline(const fs::path& folder) {
  std::ofstream(folder / "rule.yml")
      << rule_with("  selection:\n    eventName: StopLogging\n  condition: selection\n");
  std::ofstream(folder / "pipeline.yaml")
      << "name: our shipper\ntransformations:\n"
      << repeated(limits::pipeline_items_max + 1, [](const std::string& n) {
           return "  - {type: field_name_suffix, suffix: _" + n + "}\n";
         });
}

void make_open_cache(const fs::path& folder) {
  std::ofstream(folder / "rule.yml")
      << rule_with("  selection:\n    eventName: StopLogging\n  condition: selection\n");
  fs::create_directory(folder / "cache");
  fs::permissions(folder / "cache", fs::perms::all);
}

struct MadeCase {
  const char* name;
  const char* path;  // in the case's folder
  void (*make)(const fs::path& folder);
};

constexpr std::array<MadeCase, 10> made_cases = {{
    {"file-size", "rule.yml", make_large_file},
    {"too-many-values", "rule.yml", make_too_many_values},
    {"too-many-selections", "rule.yml", make_too_many_selections},
    {"condition-too-long", "rule.yml", make_long_condition},
    {"too-many-rules", "rule.yml", make_too_many_rules},
    {"unreadable", "rule.yml", make_nothing},
    {"not-a-regular-file", ".", make_fifo},
    {"link-outside", ".", make_outward_links},
    {"pipeline-limit", "rule.yml", make_large_pipeline},
    {"cache-unusable", "rule.yml", make_open_cache},
}};

bool is_made(const std::string& name) {
  return std::any_of(made_cases.begin(), made_cases.end(), [&](const MadeCase& made) {
    return name == made.name;
  });
}

}  // namespace

TEST_CASE("what is said of each wrong file is what its golden file holds") {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(golden_folder())) {
    if (entry.path().extension() == ".yml") {
      files.push_back(entry.path());
    }
  }
  REQUIRE_FALSE(files.empty());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    compare_with_golden(file.stem().string(), told(options_of(file), golden_folder()));
  }
}

TEST_CASE("what is said of files that are large or no plain files is what the golden file holds") {
  for (const MadeCase& made : made_cases) {
    const test::ScratchFolder folder;
    made.make(folder.path());
    LoadOptions options = author_options();
    options.paths = {made.path == std::string(".") ? folder.path().string()
                                                   : (folder.path() / made.path).string()};
    if (fs::exists(folder.path() / "pipeline.yaml")) {
      options.pipelines = {(folder.path() / "pipeline.yaml").string()};
    }
    if (fs::exists(folder.path() / "cache")) {
      options.cache = (folder.path() / "cache").string();
    }
    compare_with_golden(made.name, told(options, folder.path()));
  }
}

TEST_CASE("every code of a diagnostic has a golden case of its name, and every case is compared") {
  for (const DiagnosticCode& row : diagnostic_codes()) {
    const std::string code(row.code);
    CAPTURE(code);
    const fs::path golden = golden_folder() / (code + ".out");
    CHECK_MESSAGE(fs::exists(golden), "write tests/rules/errors/" << code << ".yml");
    CHECK(read_file(golden).find("[" + code + "]") != std::string::npos);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(golden_folder())) {
    const fs::path path = entry.path();
    if (path.extension() == ".out") {
      CAPTURE(path);
      CHECK(
          (is_made(path.stem().string()) || fs::exists(fs::path(path).replace_extension(".yml"))));
    }
  }
}

}  // namespace tocsin
