// SPDX-License-Identifier: Apache-2.0
#include "engine/input/file_list.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>

#include "engine/input/glob.h"

namespace tocsin {

namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

std::string join(const std::string& folder, std::string_view name) {
  if (folder == ".") {
    return std::string(name);
  }
  std::string path = folder;
  if (path.empty() || path.back() != '/') {
    path += '/';
  }
  return path.append(name);
}

std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, FreeText> real(::realpath(path.c_str(), nullptr));
  if (real == nullptr) {
    return std::nullopt;
  }
  return std::string(real.get());
}

bool lies_in(const std::string& real, const std::string& root_real) {
  if (root_real == "/") {
    return true;
  }
  return real.size() > root_real.size() && real.compare(0, root_real.size(), root_real) == 0 &&
         real[root_real.size()] == '/';
}

}  // namespace

FileList::FileList(const FileInputOptions& options)
    : paths_(options.paths),
      exclude_(options.exclude),
      follow_links_(options.follow_links),
      skipped_folder_(options.skipped_folder),
      notice_(options.notice) {}

std::vector<ListedFile> FileList::list() {
  files_.clear();
  missing_.clear();
  folders_.clear();
  for (const std::string& path : paths_) {
    expand(path);
  }
  return std::move(files_);
}

void FileList::tell_once(InputNotice::Kind kind,
                         const char* code,
                         const std::string& path,
                         std::string message) {
  if (notice_ && told_.emplace(code, path).second) {
    notice_({kind, code, path, std::move(message), 0});
  }
}

bool FileList::excluded(const std::string& path) const {
  return std::any_of(exclude_.begin(), exclude_.end(), [&](const std::string& pattern) {
    // A pattern without a slash is one for names, as in .gitignore.
    const bool whole = pattern.find('/') != std::string::npos;
    return glob_match(pattern, whole ? path : path.substr(path.rfind('/') + 1));
  });
}

void FileList::expand(const std::string& path) {
  if (path == "-") {
    files_.push_back({path, {}, true, false});
    return;
  }
  const std::optional<FileStat> stat = stat_path(path, true);
  if (stat && stat->kind != FileKind::folder) {
    files_.push_back({path, *stat, true, true});
    return;
  }
  const bool glob = !stat && is_glob(path);
  if (!stat && !glob) {
    missing_.push_back(path);
    return;
  }
  const std::string root = glob ? glob_root(path) : path;
  const std::optional<std::string> root_real = real_path(root);
  const std::size_t before = files_.size();
  if (root_real) {
    Walk state{*root_real, glob ? path : "", {}};
    walk(root, state);
  }
  if (glob && files_.size() == before) {
    missing_.push_back(path);
  }
}

// A stack, not recursion: a tree may be as deep as it likes. The top is the next entry by name; a
// folder's entries take its place.
void FileList::walk(const std::string& root, Walk& walk) {
  struct Entry {
    std::string path;
    bool is_root = false;
  };
  std::vector<Entry> stack{{root, true}};
  while (!stack.empty()) {
    const Entry entry = std::move(stack.back());
    stack.pop_back();
    std::optional<FileStat> stat = stat_path(entry.path, entry.is_root);
    if (!stat || excluded(entry.path)) {
      continue;  // gone since the folder was read
    }
    const bool matches = walk.pattern.empty() || glob_match(walk.pattern, entry.path);
    const bool deeper =
        entry.is_root || walk.pattern.empty() || glob_may_match_below(walk.pattern, entry.path);
    const bool is_link = stat->kind == FileKind::link;
    if (is_link && ((!matches && !deeper) || !takes_link(entry.path, walk, *stat))) {
      continue;
    }
    if (stat->kind == FileKind::folder) {
      // Below a folder that is read as a whole, a link to another folder in it would only repeat
      // names.
      if (deeper && !(is_link && walk.pattern.empty() && !follow_links_)) {
        for (std::string& name : enter(entry.path, *stat, walk)) {
          stack.push_back({std::move(name), false});
        }
      }
    } else if (matches && stat->kind == FileKind::regular) {
      files_.push_back({entry.path, *stat, false, is_link});
    } else if (matches) {
      tell_once(InputNotice::Kind::warning,
                "not-regular",
                entry.path,
                "skipped: not a regular file; name it to have it read");
    }
  }
}

// The folder's entries, the last by name first; none where it was entered before (a loop of links).
std::vector<std::string> FileList::enter(const std::string& folder,
                                         const FileStat& stat,
                                         Walk& walk) {
  std::vector<std::string> entries;
  if (!walk.visited.emplace(stat.id.device, stat.id.inode).second) {
    return entries;
  }
  if (!skipped_folder_.empty()) {
    const std::optional<FileStat> own = stat_path(skipped_folder_, true);
    if (own && own->id.device == stat.id.device && own->id.inode == stat.id.inode) {
      tell_once(InputNotice::Kind::information,
                "state-skipped",
                folder,
                "not read: it is tocsin's own state folder");
      return entries;
    }
  }
  const std::unique_ptr<DIR, CloseDir> dir(::opendir(folder.c_str()));
  if (dir == nullptr) {
    tell_once(InputNotice::Kind::unreadable, "unreadable", folder, system_error_text(errno));
    return entries;
  }
  folders_.push_back(folder);
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      entries.push_back(join(folder, name));
    }
  }
  std::sort(entries.begin(), entries.end(), std::greater<>());
  return entries;
}

// Where the link leads to, through `stat`; false (and told once) if it leads nowhere or out of the
// root.
bool FileList::takes_link(const std::string& path, const Walk& walk, FileStat& stat) {
  const std::optional<std::string> real = real_path(path);
  const std::optional<FileStat> target = stat_path(path, true);
  if (!real || !target) {
    tell_once(InputNotice::Kind::warning,
              "dangling-link",
              path,
              "skipped: the link leads nowhere: " + system_error_text(errno));
    return false;
  }
  if (!follow_links_ && *real != walk.root_real && !lies_in(*real, walk.root_real)) {
    tell_once(
        InputNotice::Kind::warning,
        "link-leaves-root",
        path,
        "skipped: the link leads out of the folder, to " + *real + "; allow it with follow_links");
    return false;
  }
  stat = *target;
  return true;
}

Fd open_listed(const ListedFile& file, FileStat& stat, int& error) {
  // Whatever takes the file's place between the listing and now, a FIFO must not hang us.
  const int flags =
      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (file.named || file.is_link ? 0 : O_NOFOLLOW);
  Fd fd(::open(file.path.c_str(), flags));
  error = errno;
  if (!fd) {
    return fd;
  }
  const std::optional<FileStat> opened = stat_fd(fd.get());
  if (!opened) {
    error = errno;
    return Fd();
  }
  stat = *opened;
  const bool as_listed =
      file.named || (stat.kind == FileKind::regular && (!file.is_link || stat.id == file.stat.id));
  if (!as_listed) {
    error = 0;
    return Fd();
  }
  error = 0;
  return fd;
}

}  // namespace tocsin
