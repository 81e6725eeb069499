// SPDX-License-Identifier: Apache-2.0
#include "rules/rule_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/hash.h"
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

bool is_rule_name(std::string_view name) {
  return name.ends_with(".yml") || name.ends_with(".yaml");
}

bool is_hidden(std::string_view name) {
  return name.size() > 1 && name[0] == '.';
}

FileState to_state(const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) {
    return TimeNs{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  FileState state;
  state.regular = S_ISREG(status.st_mode);
  if (state.regular) {
    state.device = status.st_dev;
    state.number = status.st_ino;
    state.size = static_cast<std::uint64_t>(status.st_size);
    state.modified = nanoseconds(status.st_mtim);
    state.changed = nanoseconds(status.st_ctim);
  }
  return state;
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

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Each file is looked at once, from its own folder: by its whole path it would be found anew.
class FolderWalk {
 public:
  FolderWalk(const std::string& folder, FoundFiles& found) : folder_(folder), found_(found) {}

  void run() {
    std::error_code error;
    root_ = fs::canonical(folder_, error);
    const std::size_t first = found_.files.size();
    std::vector<std::unique_ptr<Level>> open;
    open_level(folder_, open);
    while (!open.empty()) {
      step(open);
    }
    std::sort(found_.files.begin() + static_cast<std::ptrdiff_t>(first),
              found_.files.end(),
              [](const RuleFile& a, const RuleFile& b) { return a.path < b.path; });
  }

 private:
  struct Level {
    std::unique_ptr<DIR, CloseFolder> folder;
    std::string path;  // with a slash at its end
  };

  void cannot_be_read(const std::string& path, int number) {
    tell(Severity::error,
         path,
         "unreadable",
         "cannot be read: " + error_text(number),
         found_.diagnostics);
  }

  // One folder that cannot be read is named and does not end the walk.
  void open_level(const std::string& path, std::vector<std::unique_ptr<Level>>& open) {
    auto level = std::make_unique<Level>();
    level->folder.reset(::opendir(path.c_str()));
    if (!level->folder || ::access(path.c_str(), X_OK) != 0) {
      cannot_be_read(path, errno);
      return;
    }
    level->path = path.ends_with('/') ? path : path + '/';
    open.push_back(std::move(level));
  }

  void step(std::vector<std::unique_ptr<Level>>& open) {
    const Level& level = *open.back();
    errno = 0;
    const dirent* const entry = ::readdir(level.folder.get());
    if (entry == nullptr) {
      if (errno != 0) {
        cannot_be_read(level.path, errno);
      }
      open.pop_back();
      return;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || is_hidden(name)) {
      return;
    }
    const int folder = ::dirfd(level.folder.get());
    switch (kind_of(*entry, folder)) {
      case DT_LNK:
        visit_link(level.path + entry->d_name);
        break;
      case DT_DIR:
        open_level(level.path + entry->d_name, open);
        break;
      case DT_REG:
        if (is_rule_name(name)) {
          struct stat status {};
          const bool there = ::fstatat(folder, entry->d_name, &status, 0) == 0;
          found_.files.push_back(
              RuleFile{level.path + entry->d_name, true, there ? to_state(status) : FileState()});
        }
        break;
      default:
        if (is_rule_name(name)) {
          tell(Severity::warning,
               level.path + entry->d_name,
               "not-a-regular-file",
               "skipped: not a regular file",
               found_.diagnostics);
        }
        break;
    }
  }

  // The kinds come with the listing of the folder, but on a few file systems.
  static unsigned char kind_of(const dirent& entry, int folder) {
    struct stat status {};
    if (entry.d_type != DT_UNKNOWN ||
        ::fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return entry.d_type;
    }
    return static_cast<unsigned char>(IFTODT(status.st_mode));
  }

  // Folders behind links inside the root are walked at their own place.
  void visit_link(const std::string& path) {
    std::error_code error;
    const fs::file_status target = fs::status(path, error);
    const bool folder = target.type() == fs::file_type::directory;
    if (!folder && !is_rule_name(path)) {
      return;
    }
    if (error || !fs::exists(target) || !is_inside(root_, path)) {
      tell(Severity::warning,
           path,
           "link-outside",
           error || !fs::exists(target) ? "skipped: a link to nothing"
                                        : "skipped: a link that leaves the folder",
           found_.diagnostics);
    } else if (target.type() == fs::file_type::regular) {
      found_.files.push_back(RuleFile{path, true, state_of(path)});
    }
  }

  const std::string& folder_;
  FoundFiles& found_;
  fs::path root_;
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
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? to_state(status) : FileState();
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
    } else if (!S_ISDIR(status.st_mode)) {
      found.files.push_back(RuleFile{path, false, to_state(status)});
    } else {
      FolderWalk(path, found).run();
    }
  }
  // Each once: a file named beside its folder, or a link beside what it points to.
  std::unordered_set<Hash128, Hash128Hasher> seen;
  const auto is_repeated = [&seen](const RuleFile& file) {
    return file.state.regular && !seen.insert({file.state.device, file.state.number}).second;
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
