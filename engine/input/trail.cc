// SPDX-License-Identifier: Apache-2.0
#include "engine/input/trail.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/hash.h"

namespace tocsin {

namespace {

constexpr std::size_t mark_bytes = 64;
constexpr std::size_t marks_max = 8192;
constexpr std::size_t marks_per_batch_max = 1024;
// Contents that are being read, and those that ended.
constexpr std::size_t contents_max = 16;
// Of a copy's marks so many are compared: the last one, and others at growing distances before it.
constexpr std::size_t compared_max = 12;

std::uint64_t mark_hash(std::string_view before) {
  return content_hash(before).low;
}

}  // namespace

void Trail::add(std::uint64_t offset,
                std::string_view bytes,
                std::size_t before,
                const std::vector<Frame>& frames) {
  const std::size_t stride = frames.size() / marks_per_batch_max + 1;
  // Counted from the last line, which is always marked.
  for (std::size_t at = frames.empty() ? 0 : (frames.size() - 1) % stride; at < frames.size();
       at += stride) {
    std::size_t end = before + frames[at].begin + frames[at].size;
    end += std::size_t{end < bytes.size() && bytes[end] == '\r'};
    if (end >= bytes.size() || bytes[end] != '\n') {
      continue;
    }
    ++end;
    const std::size_t size = std::min(end, mark_bytes);
    if (size == mark_bytes) {
      marks_.push_back({offset + (end - before), mark_hash(bytes.substr(end - size, size))});
    }
  }
  if (marks_.size() > marks_max) {
    thin_out();
  }
}

// Of the older half every second mark goes.
void Trail::thin_out() {
  std::size_t kept = 0;
  const std::size_t half = marks_.size() / 2;
  for (std::size_t at = 0; at < marks_.size(); ++at) {
    if (at >= half || at % 2 == 0) {
      marks_[kept++] = marks_[at];
    }
  }
  marks_.resize(kept);
}

std::optional<std::uint64_t> Trail::end_in(const Fd& copy, std::uint64_t size) const {
  const auto behind =
      std::upper_bound(marks_.begin(), marks_.end(), size, [](std::uint64_t at, const Mark& mark) {
        return at < mark.offset;
      });
  const auto count = static_cast<std::size_t>(behind - marks_.begin());
  if (count == 0) {
    return std::nullopt;
  }
  std::size_t back = 1;
  for (std::size_t compared = 0; compared < compared_max && back <= count; ++compared) {
    const Mark& mark = marks_[count - back];
    std::string before(mark_bytes, '\0');
    if (pread_all(copy.get(), before.data(), mark_bytes, mark.offset - mark_bytes) !=
            static_cast<std::ptrdiff_t>(mark_bytes) ||
        mark_hash(before) != mark.hash) {
      return std::nullopt;
    }
    back *= 2;
  }
  return marks_[count - 1].offset;
}

Trail& Trails::of(const FileId& id) {
  const auto found = std::find_if(
      reading_.begin(), reading_.end(), [&](const Reading& one) { return one.id == id; });
  if (found != reading_.end()) {
    reading_.splice(reading_.begin(), reading_, found);
  } else {
    reading_.push_front({id, {}});
    if (reading_.size() > contents_max) {
      reading_.pop_back();
    }
  }
  return reading_.front().trail;
}

void Trails::end(const FileId& id, const SavedFile& saved) {
  const auto found = std::find_if(
      reading_.begin(), reading_.end(), [&](const Reading& one) { return one.id == id; });
  if (found == reading_.end()) {
    return;
  }
  ended_.push_front({saved, std::move(found->trail)});
  reading_.erase(found);
  if (ended_.size() > contents_max) {
    ended_.pop_back();
  }
}

std::vector<const Trails::Ended*> Trails::with_head(const Hash128& short_head) const {
  std::vector<const Ended*> found;
  for (const Ended& one : ended_) {
    if (one.saved.offset >= short_head_bytes && one.saved.short_head == short_head) {
      found.push_back(&one);
    }
  }
  return found;
}

void Trails::forget(const Ended* ended) {
  ended_.remove_if([ended](const Ended& one) { return &one == ended; });
}

}  // namespace tocsin
