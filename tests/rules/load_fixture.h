// SPDX-License-Identifier: Apache-2.0
// Loads rules from text in tests, through files in a folder of their own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <unistd.h>

#include "rules/load.h"

namespace tocsin::test {

// A folder that goes with the test.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin-rules-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    return file;
  }

 private:
  std::filesystem::path path_;
};

inline LoadResult load_text(std::string_view text, LoadOptions options = {}) {
  const ScratchFolder folder;
  options.paths = {folder.write("rule.yml", text).string()};
  return load_rules(options);
}

inline std::filesystem::path shared_folder() {
  const char* given = std::getenv("TOCSIN_SHARED");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(TOCSIN_SOURCE_DIR) / ".." / "shared";
}

inline std::string all_text(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& problem : diagnostics.list()) {
    out += format_text(problem, false);
  }
  return out;
}

// "error unknown-key 3:5; label invalid-id 2:5; warning ...": the problems of a load, in their
// order.
inline std::string problems(const LoadResult& result) {
  std::string out;
  for (const Diagnostic& problem : result.diagnostics.list()) {
    out += out.empty() ? "" : "; ";
    out += problem.severity == Severity::error ? "error "
           : problem.strict_error              ? "label "
                                               : "warning ";
    out += problem.code + " " + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  }
  return out;
}

// A detection rule on `k: NAME` with that name and title, as a document of its own.
inline std::string rule_named(const std::string& name) {
  return "title: " + name + "\nname: " + name +
         "\nlogsource:\n  product: test\ndetection:\n  sel:\n    k: " + name +
         "\n  condition: sel\n---\n";
}

}  // namespace tocsin::test
