// SPDX-License-Identifier: Apache-2.0
#include "rules/keyword_file.h"

#include <optional>
#include <string>
#include <utility>

#include "rules/cache_file.h"

namespace tocsin {
namespace {

class KeywordFile final : public MatcherStore {
 public:
  KeywordFile(std::string path, std::string heading)
      : path_(std::move(path)), heading_(std::move(heading)) {}

  std::string read() override {
    if (others_may_write(path_)) {
      return {};
    }
    const std::string bytes = read_whole(path_);
    return std::string(unsealed(bytes, heading_).value_or(std::string_view()));
  }

  // That the folder cannot be written to was told when the rules were kept.
  void write(std::string_view bytes) override {
    std::string whole = heading_;
    whole += bytes;
    seal(whole);
    write_whole(path_, whole);
  }

 private:
  std::string path_;
  std::string heading_;
};

}  // namespace

std::shared_ptr<MatcherStore> keyword_file(const LoadOptions& options) {
  if (options.cache.empty() || options.cache_build.empty() || others_may_write(options.cache)) {
    return nullptr;
  }
  return std::make_shared<KeywordFile>(
      options.cache + "/rules-" + cache_set_name(options.paths) + ".keywords",
      "tocsin keywords 1 " + options.cache_version + " " + options.cache_build + "\n");
}

}  // namespace tocsin
