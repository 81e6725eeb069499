// SPDX-License-Identifier: Apache-2.0
#include "rules/cache_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/wire.h"

namespace tocsin {
namespace {

constexpr std::size_t hash_bytes = 16;

}  // namespace

std::string cache_set_name(const std::vector<std::string>& paths) {
  std::string key;
  WireWriter writer(key);
  for (const std::string& path : paths) {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::weakly_canonical(path, error);
    writer.text(error ? path : whole.string());
  }
  return to_hex(content_hash(key));
}

bool others_may_write(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 &&
         ((status.st_uid != ::geteuid() && status.st_uid != 0) ||
          (!S_ISLNK(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0));
}

std::string read_whole(const std::string& path) {
  std::string out;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (file >= 0 && ::fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
    out.resize(static_cast<std::size_t>(status.st_size));
    std::size_t size = 0;
    while (size < out.size()) {
      const ssize_t got = ::read(file, out.data() + size, out.size() - size);
      if (got <= 0) {
        break;  // what is missing shows in the hash
      }
      size += static_cast<std::size_t>(got);
    }
    out.resize(size);
  }
  if (file >= 0) {
    ::close(file);
  }
  return out;
}

int write_whole(const std::string& path, std::string_view bytes) {
  std::string name = path + ".XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) {
    return errno;
  }
  int error = 0;
  while (error == 0 && !bytes.empty()) {
    const ssize_t wrote = ::write(file, bytes.data(), bytes.size());
    if (wrote >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (::close(file) != 0 && error == 0) {
    error = errno;
  }
  if (error == 0 && std::rename(name.c_str(), path.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) {
    ::unlink(name.c_str());
  }
  return error;
}

std::optional<std::string_view> unsealed(std::string_view bytes, std::string_view heading) {
  if (bytes.size() < heading.size() + hash_bytes || !bytes.starts_with(heading)) {
    return std::nullopt;
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - hash_bytes);
  if (WireReader(bytes.substr(covered.size())).hash() != content_hash(covered)) {
    return std::nullopt;
  }
  return covered.substr(heading.size());
}

void seal(std::string& bytes) {
  const Hash128 hash = content_hash(bytes);
  WireWriter(bytes).hash(hash);
}

void warn_of_cache(const std::string& path,
                   std::string message,
                   std::string hint,
                   Diagnostics& out) {
  Diagnostic problem;
  problem.severity = Severity::warning;
  problem.code = "cache-unusable";
  problem.file = path;
  problem.message = std::move(message);
  problem.hint = std::move(hint);
  out.add(std::move(problem));
}

}  // namespace tocsin
