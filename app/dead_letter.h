// SPDX-License-Identifier: Apache-2.0
// The dead-letter file: records that could not be evaluated, one JSON object a line, with place and
// reason. Bounded: at limits::dead_letter_file_bytes_max the file becomes FILE.1 (which is
// replaced) and a new one begins. Mode 0600. Thread rule: one thread. Errors: Result at open; later
// ones are kept for close().
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/flow/run.h"

namespace tocsin {

class DeadLetterFile {
 public:
  static Result<std::unique_ptr<DeadLetterFile>> open(const std::string& path);
  ~DeadLetterFile();
  void write(const BadRecord& record, const SourceInfo& source);
  void flush();
  // The first error of a write, or nothing. Nothing is written behind it.
  const std::string& problem() const { return problem_; }

 private:
  DeadLetterFile(std::string path, int descriptor, bool regular, std::uint64_t bytes);
  void rotate();
  void note_problem(int error);

  std::string path_;
  int descriptor_ = -1;
  bool regular_ = false;
  std::uint64_t bytes_ = 0;
  std::string buffer_;
  std::string problem_;
};

std::string_view to_text(RecordProblem problem);

}  // namespace tocsin
