// SPDX-License-Identifier: Apache-2.0
// What the tests of inputs share: a folder of their own, files in it, compressed bytes, and the
// records an input delivers.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "engine/flow/input.h"

namespace tocsin::testing {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin-input-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  std::string write(const std::string& name, std::string_view bytes) const {
    return put(name, bytes, std::ios::trunc);
  }
  std::string append(const std::string& name, std::string_view bytes) const {
    return put(name, bytes, std::ios::app);
  }
  void make_folder(const std::string& name) const {
    std::filesystem::create_directories(path_ + "/" + name);
  }
  void rename(const std::string& from, const std::string& to) const {
    std::filesystem::rename(path_ + "/" + from, path_ + "/" + to);
  }
  void remove(const std::string& name) const { std::filesystem::remove(path_ + "/" + name); }

 private:
  std::string put(const std::string& name, std::string_view bytes, std::ios::openmode mode) const {
    const std::string path = path_ + "/" + name;
    std::ofstream file(path, std::ios::binary | mode);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    REQUIRE(file.good());
    return path;
  }

  std::string path_;
};

// A writer that keeps its descriptor, as a program that logs does.
class Writer {
 public:
  explicit Writer(const std::string& path, bool append = true)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | (append ? O_APPEND : 0), 0600)) {
    REQUIRE(fd_ >= 0);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { ::close(fd_); }
  void write(std::string_view bytes) const {
    REQUIRE(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  int fd_;
};

// Lines that no two files share.
inline std::string lines_of(const std::string& name, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) {
    text += "{\"file\":\"" + name + "\",\"n\":" + std::to_string(i) + "}\n";
  }
  return text;
}

inline std::string gzip(std::string_view bytes, int level = 6) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

inline std::string zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3);
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

// A record as a run would see it.
struct Record {
  std::string source;
  std::uint64_t offset = 0;
  std::string text;  // '!' before a broken one, '#' before an oversized one
  Hash128 stream_id;
  friend bool operator==(const Record&, const Record&) = default;
};

// The documents of a loaded batch, as the worker finds them.
inline void collect(const Batch& batch, std::vector<Record>& records) {
  REQUIRE(batch.source != nullptr);
  const auto add = [&](std::uint64_t offset, std::string text) {
    records.push_back({batch.source->name, offset, std::move(text), batch.source->stream_id});
  };
  if (!batch.bytes.empty()) {
    // The padding can be read.
    volatile char last = batch.bytes.data()[batch.bytes.size() + limits::padding_bytes - 1];
    static_cast<void>(last);
  }
  if (!batch.lines) {
    for (const Frame& frame : batch.frames) {
      REQUIRE(frame.begin + frame.size <= batch.bytes.size());
      CHECK(frame.offset == batch.stream_offset + frame.begin);
      add(frame.offset,
          (frame.oversized ? "#"
           : frame.broken  ? "!"
                           : "") +
              std::string(batch.bytes.substr(frame.begin, frame.size)));
    }
    return;
  }
  for (std::size_t at = 0; at < batch.bytes.size();) {
    const std::size_t end = std::min(batch.bytes.find('\n', at), batch.bytes.size());
    std::string line(batch.bytes.substr(at, end - at));
    if (!line.empty() && line.back() == '\r') {
      line.pop_back();
    }
    const bool mark = batch.stream_offset + at == 0 && line.substr(0, 3) == "\xef\xbb\xbf";
    line.erase(0, mark ? 3 : 0);
    if (!line.empty()) {
      add(batch.stream_offset + at + (mark ? 3 : 0), line);
    }
    at = end + 1;
  }
}

inline std::vector<std::string> texts(const std::vector<Record>& records) {
  std::vector<std::string> list;
  for (const Record& record : records) {
    list.push_back(record.text);
  }
  return list;
}

inline std::vector<std::string> codes(const std::vector<InputNotice>& notices) {
  std::vector<std::string> list;
  for (const InputNotice& notice : notices) {
    list.push_back(notice.code);
  }
  return list;
}

// {"n":0} {"n":1} ... as lines.
inline std::string numbered(std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) {
    text += "{\"n\":" + std::to_string(i) + "}\n";
  }
  return text;
}

inline std::vector<std::string> numbered_list(std::size_t from, std::size_t to) {
  std::vector<std::string> list;
  for (std::size_t i = from; i < to; ++i) {
    list.push_back("{\"n\":" + std::to_string(i) + "}");
  }
  return list;
}

}  // namespace tocsin::testing
