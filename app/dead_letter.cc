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
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
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
  fstat(descriptor, &info);
  return std::unique_ptr<DeadLetterFile>(
      new DeadLetterFile(path, descriptor, static_cast<std::uint64_t>(info.st_size)));
}

DeadLetterFile::DeadLetterFile(std::string path, int descriptor, std::uint64_t bytes)
    : path_(std::move(path)), descriptor_(descriptor), bytes_(bytes) {}

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
  if (bytes_ + buffer_.size() + line.size() > limits::dead_letter_file_bytes_max) {
    flush();
    rotate();
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
      if (problem_.empty()) {
        problem_ = "cannot write the dead-letter file " + path_ + ": " + std::strerror(errno);
      }
      break;
    }
    done += static_cast<std::size_t>(written);
  }
  bytes_ += done;
  buffer_.clear();
}

void DeadLetterFile::rotate() {
  std::rename(path_.c_str(), (path_ + ".1").c_str());
  const int next = open_private(path_);
  if (next < 0) {
    if (problem_.empty()) {
      problem_ = "cannot write the dead-letter file " + path_ + ": " + std::strerror(errno);
    }
    return;
  }
  close(descriptor_);
  descriptor_ = next;
  bytes_ = 0;
}

}  // namespace tocsin
