// SPDX-License-Identifier: Apache-2.0
#include "engine/input/tail_file.h"

#include <algorithm>

#include "engine/base/limits.h"

namespace tocsin {

namespace {

constexpr std::size_t compared_head_bytes = 1024;
constexpr std::size_t compared_tail_bytes = 256;

// Exactly `size` bytes at `offset`, or nullopt.
std::optional<std::string> read_exactly(const Fd& fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  if (pread_all(fd.get(), bytes.data(), size, offset) != static_cast<std::ptrdiff_t>(size)) {
    return std::nullopt;
  }
  return bytes;
}

constexpr std::size_t line_probe_bytes = 64u << 10;

}  // namespace

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Behind the last newline, or 0; `size` if the last line is larger than a record may be.
std::uint64_t last_line_start(const Fd& fd, std::uint64_t size) {
  std::vector<char> bytes(line_probe_bytes);
  const std::uint64_t lowest = size - std::min<std::uint64_t>(size, limits::record_bytes_max);
  for (std::uint64_t high = size; high > lowest;) {
    const std::uint64_t low = high - std::min<std::uint64_t>(line_probe_bytes, high - lowest);
    const std::ptrdiff_t got =
        pread_all(fd.get(), bytes.data(), static_cast<std::size_t>(high - low), low);
    if (got <= 0) {
      return size;
    }
    const std::size_t newline =
        std::string_view(bytes.data(), static_cast<std::size_t>(got)).rfind('\n');
    if (newline != std::string_view::npos) {
      return low + newline + 1;
    }
    high = low;
  }
  return lowest == 0 ? 0 : size;
}

SavedFile save(const TailFile& file) {
  SavedFile saved;
  saved.id = file.id;
  saved.path = file.path;
  saved.offset = file.offset;
  saved.size = file.stat.size;
  saved.head = file.head;
  saved.short_head = file.short_head;
  saved.marker = sample_of(file.marker);
  saved.codec = file.codec;
  saved.done = file.state == TailFile::State::done;
  saved.gone = file.gone;
  saved.framer = file.framer.save();
  if (file.source != nullptr) {
    saved.stream_id = file.source->stream_id;
  } else if (file.stream_id) {
    saved.stream_id = *file.stream_id;
  }
  return saved;
}

void advance(TailFile& file,
             std::string_view bytes,
             std::size_t consumed,
             std::size_t marker_bytes) {
  file.offset += consumed;
  file.marker = std::string(bytes.substr(bytes.size() - std::min(bytes.size(), marker_bytes)));
}

void set_head(TailFile& file, std::string_view head) {
  file.head = sample_of(head);
  if (head.size() >= short_head_bytes) {
    file.short_head = content_hash(head.substr(0, short_head_bytes));
  }
}

void grow_head(TailFile& file, std::size_t head_bytes) {
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(file.offset, head_bytes));
  if (file.head.size >= wanted || file.fd == nullptr) {
    return;
  }
  if (const std::optional<std::string> head = read_exactly(*file.fd, 0, wanted)) {
    set_head(file, *head);
  }
}

std::optional<std::string> verify(const Fd& fd, std::uint64_t size, const SavedFile& saved) {
  if (size < saved.offset || saved.head.size > saved.offset || saved.marker.size > saved.offset) {
    return std::nullopt;
  }
  const std::optional<std::string> head = read_exactly(fd, 0, saved.head.size);
  std::optional<std::string> marker =
      read_exactly(fd, saved.offset - saved.marker.size, saved.marker.size);
  if (!head || !marker || !is_sample_of(saved.head, *head) ||
      !is_sample_of(saved.marker, *marker)) {
    return std::nullopt;
  }
  return marker;
}

std::uint64_t common_content(const Fd& copy,
                             std::uint64_t copy_size,
                             const Fd& original,
                             std::uint64_t read_to) {
  const std::uint64_t common = std::min(copy_size, read_to);
  if (common < short_head_bytes) {
    return 0;
  }
  const auto equal = [&](std::uint64_t offset, std::size_t size) {
    const std::optional<std::string> one = read_exactly(copy, offset, size);
    return one && one == read_exactly(original, offset, size);
  };
  const auto head = static_cast<std::size_t>(std::min<std::uint64_t>(common, compared_head_bytes));
  const auto tail = static_cast<std::size_t>(std::min<std::uint64_t>(common, compared_tail_bytes));
  return equal(0, head) && equal(common - tail, tail) ? common : 0;
}

}  // namespace tocsin
