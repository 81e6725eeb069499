// SPDX-License-Identifier: Apache-2.0
#include "engine/store/state_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tocsin {
namespace {

constexpr const char* lock_name = "/lock";
constexpr const char* aside_infix = ".damaged-";
constexpr mode_t folder_mode = 0700;
constexpr mode_t file_mode = 0600;

std::string reason() {
  return std::strerror(errno);
}

// Who has the lock, as far as the file says.
std::string holder(int lock) {
  std::array<char, 32> text{};
  const ssize_t size = pread(lock, text.data(), text.size() - 1, 0);
  std::string number(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  number.resize(std::min(number.find_first_not_of("0123456789"), number.size()));
  return number.empty() ? "another process" : "process " + number;
}

bool write_holder(int lock) {
  const std::string text = std::to_string(getpid()) + "\n";
  return ftruncate(lock, 0) == 0 &&
         pwrite(lock, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

bool exists(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

// 20260102T030405Z
std::string stamp(TimeNs time) {
  std::string text;
  for (const char c : format_rfc3339(time - time % second_ns)) {
    if (c != '-' && c != ':') {
      text += c;
    }
  }
  return text;
}

constexpr std::array<const char*, 3> ends = {"", "-wal", "-shm"};

}  // namespace

Result<std::unique_ptr<StateFolder>> StateFolder::open(const std::string& path) {
  if (mkdir(path.c_str(), folder_mode) != 0 && errno != EEXIST) {
    return fail("cannot make the state folder " + path + ": " + reason());
  }
  // Links are followed here once: SQLite is told to follow none.
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                         &std::free);
  struct stat status {};
  if (real == nullptr || stat(real.get(), &status) != 0) {
    return fail("cannot use the state folder " + path + ": " + reason());
  }
  if (!S_ISDIR(status.st_mode)) {
    return fail("the state folder " + path + " is not a folder");
  }
  const std::string folder = real.get();
  const int lock = ::open((folder + lock_name).c_str(),
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                          file_mode);
  if (lock < 0) {
    return fail("cannot use the state folder " + path + ": lock: " + reason());
  }
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int problem = errno;
    std::string text = problem == EWOULDBLOCK
                           ? "the state folder " + path + " is in use by " + holder(lock) +
                                 ": each tocsin that runs needs one of its own"
                           : "cannot lock the state folder " + path + ": " + std::strerror(problem);
    close(lock);
    return fail(std::move(text));
  }
  // A full disk must not keep us from starting: the number is for people only.
  static_cast<void>(write_holder(lock));
  std::unique_ptr<StateFolder> made(new StateFolder(folder, lock));
  made->open_to_others_ = (status.st_mode & 0077) != 0;
  made->device_ = status.st_dev;
  made->inode_ = status.st_ino;
  return made;
}

StateFolder::~StateFolder() {
  close(lock_);
}

Result<void> StateFolder::make_file(const std::string& name) const {
  const int made =
      ::open(file(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, file_mode);
  struct stat status {};
  if (made < 0 || fstat(made, &status) != 0) {
    Error error{"cannot open " + file(name) + ": " + reason()};
    if (made >= 0) {
      close(made);
    }
    return Unexpected<Error>{std::move(error)};
  }
  const bool is_file = S_ISREG(status.st_mode);
  const bool is_private = (status.st_mode & 0077) == 0 || fchmod(made, file_mode) == 0;
  close(made);
  if (!is_file || !is_private) {
    return fail(file(name) + (is_file ? " can be read by others" : " is not a regular file"));
  }
  sync();
  return {};
}

bool StateFolder::is_empty(const std::string& name) const {
  struct stat status {};
  return lstat(file(name).c_str(), &status) != 0 || status.st_size == 0;
}

bool StateFolder::has(const std::string& name) const {
  return exists(file(name));
}

Result<std::string> StateFolder::set_aside(const std::string& name, TimeNs now) const {
  const std::string base = file(name) + aside_infix + stamp(now);
  std::string to = base;
  const auto is_taken = [&] {
    for (const char* end : ends) {
      if (exists(to + end)) {
        return true;
      }
    }
    return false;
  };
  for (int i = 2; is_taken(); ++i) {
    to = base + "." + std::to_string(i);
  }
  std::string kept;
  // The file itself last: if we are killed between, the next start does the rest.
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const std::string from = file(name) + *end;
    if (!exists(from)) {
      continue;
    }
    if (std::rename(from.c_str(), (to + *end).c_str()) != 0) {
      return fail("cannot set aside " + from + ": " + reason());
    }
    kept = to + *end;
  }
  sync();
  return kept;
}

std::size_t StateFolder::drop_set_aside(const std::string& name, std::size_t keep) const {
  // TIME, or TIME.N; their order is that of time, as all times are of one length.
  std::map<std::string, std::vector<std::string>> by_time;
  const std::string prefix = name + aside_infix;
  struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
  };
  const std::unique_ptr<DIR, CloseFolder> folder(opendir(path_.c_str()));
  while (const dirent* entry = folder == nullptr ? nullptr : readdir(folder.get())) {
    const std::string found = entry->d_name;
    if (found.starts_with(prefix)) {
      by_time[found.substr(prefix.size(), found.find('-', prefix.size()) - prefix.size())]
          .push_back(found);
    }
  }
  std::size_t dropped = 0;
  for (; by_time.size() > keep; by_time.erase(by_time.begin())) {
    for (const std::string& old : by_time.begin()->second) {
      remove(old);
    }
    ++dropped;
  }
  return dropped;
}

bool StateFolder::is_in_place() const {
  struct stat status {};
  return stat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

void StateFolder::make_again() const {
  mkdir(path_.c_str(), folder_mode);
}

void StateFolder::remove(const std::string& name) const {
  unlink(file(name).c_str());
}

void StateFolder::sync() const {
  const int folder = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
}

}  // namespace tocsin
