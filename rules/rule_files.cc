// SPDX-License-Identifier: Apache-2.0
#include "rules/rule_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/limits.h"

namespace tocsin {

std::string error_text(int number) {
  return std::error_code(number, std::generic_category()).message();
}
namespace {

namespace fs = std::filesystem;

void tell(Severity severity,
          const std::string& path,
          std::string code,
          std::string message,
          Diagnostics& diagnostics) {
  Diagnostic problem;
  problem.severity = severity;
  problem.code = std::move(code);
  problem.file = path;
  problem.message = std::move(message);
  diagnostics.add(std::move(problem));
}

bool is_rule_name(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yml" || extension == ".yaml";
}

bool is_hidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.size() > 1 && name[0] == '.';
}

// True if `path`, links followed, lies inside `root` (canonical).
bool is_inside(const fs::path& root, const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) {
    return false;
  }
  return std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first == root.end();
}

class FolderWalk {
 public:
  FolderWalk(const std::string& folder, Diagnostics& diagnostics)
      : folder_(folder), diagnostics_(diagnostics) {}

  std::vector<std::string> run() {
    std::error_code error;
    root_ = fs::canonical(folder_, error);
    fs::recursive_directory_iterator walk(folder_, error);
    if (error) {
      tell(Severity::error,
           folder_,
           "unreadable",
           "cannot be read: " + error.message(),
           diagnostics_);
      return {};
    }
    const fs::recursive_directory_iterator end;
    while (walk != end) {
      visit(*walk, walk);
      walk.increment(error);
      if (error) {
        tell(Severity::error,
             folder_,
             "unreadable",
             "cannot be read: " + error.message(),
             diagnostics_);
        break;
      }
    }
    std::sort(found_.begin(), found_.end());
    return std::move(found_);
  }

 private:
  void visit(const fs::directory_entry& entry, fs::recursive_directory_iterator& walk) {
    std::error_code error;  // the kinds come with the listing of the folder: no look at each file
    const bool folder = !entry.is_symlink(error) && entry.is_directory(error);
    if (is_hidden(entry.path())) {
      if (folder) {
        walk.disable_recursion_pending();
      }
      return;
    }
    if (entry.is_symlink(error)) {
      visit_link(entry);
      return;
    }
    if (folder) {
      // Looked into here, so that one folder that cannot be read is named and does not end the
      // walk.
      if (::access(entry.path().c_str(), R_OK | X_OK) != 0) {
        tell(Severity::error,
             entry.path().string(),
             "unreadable",
             "cannot be read: " + error_text(errno),
             diagnostics_);
        walk.disable_recursion_pending();
      }
      return;
    }
    if (!is_rule_name(entry.path())) {
      return;
    }
    if (entry.is_regular_file(error)) {
      found_.push_back(entry.path().string());
    } else {
      tell(Severity::warning,
           entry.path().string(),
           "not-a-regular-file",
           "skipped: not a regular file",
           diagnostics_);
    }
  }

  // Folders behind links inside the root are walked at their own place.
  void visit_link(const fs::directory_entry& entry) {
    std::error_code error;
    const fs::file_status target = entry.status(error);
    const bool folder = target.type() == fs::file_type::directory;
    if (!folder && !is_rule_name(entry.path())) {
      return;
    }
    if (error || !fs::exists(target) || !is_inside(root_, entry.path())) {
      tell(Severity::warning,
           entry.path().string(),
           "link-outside",
           error || !fs::exists(target) ? "skipped: a link to nothing"
                                        : "skipped: a link that leaves the folder",
           diagnostics_);
    } else if (target.type() == fs::file_type::regular) {
      found_.push_back(entry.path().string());
    }
  }

  const std::string& folder_;
  Diagnostics& diagnostics_;
  fs::path root_;
  std::vector<std::string> found_;
};

// Closes a descriptor at the end of its scope.
class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

}  // namespace

FileState state_of(const std::string& path) {
  FileState state;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
    const auto nanoseconds = [](const timespec& time) {
      return TimeNs{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    };
    state.regular = true;
    state.device = status.st_dev;
    state.number = status.st_ino;
    state.size = static_cast<std::uint64_t>(status.st_size);
    state.modified = nanoseconds(status.st_mtim);
    state.changed = nanoseconds(status.st_ctim);
  }
  return state;
}

FoundFiles find_rule_files(const std::vector<std::string>& paths) {
  FoundFiles found;
  for (const std::string& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      tell(Severity::error,
           path,
           "unreadable",
           "cannot be read: " + error_text(errno),
           found.diagnostics);
      continue;
    }
    if (!S_ISDIR(status.st_mode)) {
      found.files.push_back(RuleFile{path, false});
      continue;
    }
    for (std::string& inside : FolderWalk(path, found.diagnostics).run()) {
      found.files.push_back(RuleFile{std::move(inside), true});
    }
  }
  for (RuleFile& file : found.files) {
    file.state = state_of(file.path);
  }
  // Each once: a file named beside its folder, or a link beside what it points to.
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  const auto is_repeated = [&seen](const RuleFile& file) {
    return file.state.regular && !seen.emplace(file.state.device, file.state.number).second;
  };
  std::erase_if(found.files, is_repeated);
  return found;
}

std::optional<std::string> read_rule_file(const RuleFile& file, Diagnostics& diagnostics) {
  const auto give_up = [&](const std::string& why) {
    tell(Severity::error, file.path, "unreadable", "cannot be read: " + why, diagnostics);
    return std::nullopt;
  };
  const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (file.in_folder ? O_NONBLOCK : 0);
  const FileDescriptor descriptor(::open(file.path.c_str(), flags));
  if (descriptor.get() < 0) {
    return give_up(error_text(errno));
  }
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) {
    return give_up(error_text(errno));
  }
  if (file.in_folder && !S_ISREG(status.st_mode)) {
    return give_up("not a regular file");
  }
  constexpr std::size_t bytes_max = limits::rule_file_bytes_max + 1;
  const std::size_t expected = S_ISREG(status.st_mode) && status.st_size > 0
                                   ? static_cast<std::size_t>(status.st_size)
                                   : 65'536;
  std::string text;
  std::size_t size = 0;
  text.resize(
      std::min(expected + 1, bytes_max));  // one more, so that the end is seen without growing
  while (size < bytes_max) {
    if (size == text.size()) {
      text.resize(std::min(text.size() * 2, bytes_max));
    }
    const ssize_t got = ::read(descriptor.get(), text.data() + size, text.size() - size);
    if (got == 0) {
      break;
    }
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return give_up(error_text(errno));
    }
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace tocsin
