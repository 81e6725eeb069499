// SPDX-License-Identifier: Apache-2.0
#include "app/dead_letter.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/text.h"

namespace tocsin {
namespace {

int open_private(const std::string& path) {
  return ::open(
      path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

}  // namespace

std::string_view to_text(RecordProblem problem) {
  switch (problem) {
    case RecordProblem::malformed:
      return "malformed";
    case RecordProblem::oversized:
      return "oversized";
  }
  return "";
}

Result<std::unique_ptr<DeadLetterFile>> DeadLetterFile::open(const std::string& path) {
  const int descriptor = open_private(path);
  if (descriptor < 0) {
    return fail("cannot write the dead-letter file " + path + ": " + std::strerror(errno));
  }
  struct stat info {};
  const bool regular = fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
  return std::unique_ptr<DeadLetterFile>(new DeadLetterFile(
      path, descriptor, regular, regular ? static_cast<std::uint64_t>(info.st_size) : 0));
}

DeadLetterFile::DeadLetterFile(std::string path, int descriptor, bool regular, std::uint64_t bytes)
    : path_(std::move(path)), descriptor_(descriptor), regular_(regular), bytes_(bytes) {}

DeadLetterFile::~DeadLetterFile() {
  flush();
  close(descriptor_);
}

void DeadLetterFile::write(const BadRecord& record, const SourceInfo& source) {
  std::string line = "{\"source\":";
  append_json_string(source.name, line);
  line += ",\"record\":" + std::to_string(record.record) +
          ",\"offset\":" + std::to_string(record.offset) + ",\"problem\":";
  append_json_string(to_text(record.problem), line);
  line += ",\"reason\":";
  append_json_string(record.reason, line);
  line += ",\"bytes\":";
  append_json_string(record.bytes, line);
  line += "}\n";
  // A device has no size, and must not be renamed.
  if (regular_ && bytes_ + buffer_.size() + line.size() > limits::dead_letter_file_bytes_max) {
    flush();
    rotate();
  }
  if (!problem_.empty()) {
    return;
  }
  buffer_ += line;
}

void DeadLetterFile::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      note_problem(errno);
      break;
    }
    done += static_cast<std::size_t>(written);
  }
  bytes_ += done;
  buffer_.clear();
}

void DeadLetterFile::rotate() {
  // Where it cannot be moved away it would grow past its bound.
  const bool moved = std::rename(path_.c_str(), (path_ + ".1").c_str()) == 0;
  const int next = moved ? open_private(path_) : -1;
  if (next < 0) {
    note_problem(errno);
    return;
  }
  close(descriptor_);
  descriptor_ = next;
  bytes_ = 0;
}

void DeadLetterFile::note_problem(int error) {
  if (problem_.empty()) {
    problem_ = "cannot write the dead-letter file " + path_ + ": " + std::strerror(error);
  }
}

}  // namespace tocsin
