// SPDX-License-Identifier: Apache-2.0
#include "app/file_watch.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <sys/stat.h>

namespace tocsin {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t files_max = 200'000;  // a folder as large as this is no folder of rules

class Fingerprint {
 public:
  void add(const std::string& path) {
    struct stat info {};
    const bool there = stat(path.c_str(), &info) == 0;
    mix(path, there ? &info : nullptr);
    if (there && S_ISDIR(info.st_mode)) {
      add_folder(path);
    }
  }
  Hash128 get() const { return sum_; }
  TimeNs latest_change() const { return latest_change_; }

 private:
  void add_folder(const std::string& path) {
    std::error_code error;
    fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, error);
    for (std::size_t count = 0; !error && at != fs::recursive_directory_iterator();
         at.increment(error)) {
      const std::string extension = at->path().extension().string();
      struct stat info {};
      if (++count > files_max) {
        return;
      }
      if ((extension == ".yml" || extension == ".yaml") && stat(at->path().c_str(), &info) == 0) {
        mix(at->path().string(), &info);
      }
    }
  }

  // The order of a folder's entries does not matter: the hashes are added up.
  void mix(const std::string& path, const struct stat* info) {
    std::string text = path + '\n';
    if (info != nullptr) {
      const bool folder = S_ISDIR(info->st_mode);
      const TimeNs change = info->st_ctim.tv_sec * second_ns + info->st_ctim.tv_nsec;
      latest_change_ = folder ? latest_change_ : std::max(latest_change_, change);
      for (const auto number : {static_cast<long long>(info->st_dev),
                                static_cast<long long>(info->st_ino),
                                static_cast<long long>(info->st_size),
                                static_cast<long long>(info->st_mode),
                                static_cast<long long>(info->st_mtim.tv_sec),
                                static_cast<long long>(info->st_mtim.tv_nsec),
                                static_cast<long long>(info->st_ctim.tv_sec),
                                static_cast<long long>(info->st_ctim.tv_nsec)}) {
        text += std::to_string(number) + ' ';
      }
      if (S_ISDIR(info->st_mode)) {
        text = path + "\nfolder";  // its own times say no more than its entries
      }
    }
    const Hash128 hash = content_hash(text);
    sum_.high += hash.high;
    sum_.low += hash.low;
  }

  Hash128 sum_;
  TimeNs latest_change_ = 0;
};

Fingerprint look_at(const std::vector<std::string>& paths) {
  Fingerprint out;
  for (const std::string& path : paths) {
    out.add(path);
  }
  return out;
}

}  // namespace

Hash128 fingerprint_of(const std::vector<std::string>& paths) {
  return look_at(paths).get();
}

bool changed_since(const std::vector<std::string>& paths, TimeNs time) {
  return look_at(paths).latest_change() >= time;
}

}  // namespace tocsin
