// SPDX-License-Identifier: Apache-2.0
// fuzz_replay SEEDS_FOLDER: gives every file of SEEDS_FOLDER/TARGET/ to its target: seeds and past
// findings, in every build. A folder without a target and a target without seeds are mistakes.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/targets.h"

namespace {

namespace fs = std::filesystem;

struct Target {
  std::string_view name;
  void (*run)(std::string_view bytes);
};

constexpr std::array<Target, 8> targets = {{
    {"yaml_loader", tocsin::fuzz::yaml_loader},
    {"condition", tocsin::fuzz::condition},
    {"modifiers", tocsin::fuzz::modifiers},
    {"pipelines", tocsin::fuzz::pipelines},
    {"json_reader", tocsin::fuzz::json_reader},
    {"framer", tocsin::fuzz::framer},
    {"decode", tocsin::fuzz::decode},
    {"config", tocsin::fuzz::config},
}};

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool replay(const Target& target, const fs::path& folder) {
  const std::vector<fs::path> files = files_of(folder);
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    std::fprintf(stderr, "%s\n", file.c_str());
    target.run(bytes.str());
  }
  std::printf("%s: %zu seeds\n", std::string(target.name).c_str(), files.size());
  return !files.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_replay SEEDS_FOLDER\n");
    return 2;
  }
  const fs::path seeds = argv[1];
  bool good = true;
  for (const Target& target : targets) {
    good = replay(target, seeds / target.name) && good;
  }
  for (const fs::path& folder : files_of(seeds)) {
    const bool known = std::any_of(targets.begin(), targets.end(), [&](const Target& target) {
      return folder.filename() == target.name;
    });
    if (!known) {
      std::printf("%s: no target of this name\n", folder.c_str());
      good = false;
    }
  }
  return good ? 0 : 1;
}
