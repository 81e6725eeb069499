// SPDX-License-Identifier: Apache-2.0
#include "engine/input/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "engine/base/limits.h"

namespace tocsin {

namespace {

constexpr std::size_t layer_input_bytes = 128u << 10;

}  // namespace

ByteSource::ByteSource(std::shared_ptr<const Fd> fd, bool seekable, std::uint64_t begin, bool raw)
    : fd_(std::move(fd)), seekable_(seekable), sniffed_(raw), raw_at_(begin) {}

// A pipe may be shared with others who rely on its flags: it is asked whether it has something, not
// made non-blocking.
bool ByteSource::has_input() const {
  struct pollfd wanted {
    fd_->get(), POLLIN, 0
  };
  return ::poll(&wanted, 1, 0) != 0;  // an error is found by the read
}

ByteSource::Read ByteSource::read_raw(char* out, std::size_t size) {
  Read result;
  while (result.size < size) {
    if (!seekable_ && !has_input()) {
      result.status = StreamStatus::would_block;
      break;
    }
    char* const to = out + result.size;
    const std::size_t room = size - result.size;
    const ssize_t got = seekable_ ? ::pread(fd_->get(), to, room, static_cast<off_t>(raw_at_))
                                  : ::read(fd_->get(), to, room);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      const bool empty_pipe = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      error_ = got < 0 ? errno : 0;
      result.status = got == 0     ? StreamStatus::end
                      : empty_pipe ? StreamStatus::would_block
                                   : StreamStatus::read_error;
      break;
    }
    result.size += static_cast<std::size_t>(got);
    raw_at_ += static_cast<std::uint64_t>(got);
    raw_bytes_ += static_cast<std::uint64_t>(got);
  }
  return result;
}

// Level 0 is the file; level n what the nth layer makes of level n - 1.
ByteSource::Read ByteSource::read_level(std::size_t level, char* out, std::size_t size) {
  return level == 0 ? read_raw(out, size) : read_layer(*layers_[level - 1], level, out, size);
}

ByteSource::Read ByteSource::read_layer(Layer& layer,
                                        std::size_t level,
                                        char* out,
                                        std::size_t size) {
  Read result;
  while (result.size < size) {
    const std::string_view input(layer.input.data() + layer.begin, layer.end - layer.begin);
    const Decompressor::Step step =
        layer.decompressor.run(input, out + result.size, size - result.size);
    layer.begin += step.consumed;
    result.size += step.produced;
    if (step.corrupt) {
      result.status = StreamStatus::corrupt;
      return result;
    }
    if (step.produced > 0 || (step.consumed > 0 && layer.begin < layer.end)) {
      continue;
    }
    if (layer.begin < layer.end && step.consumed == 0 && layer.end == layer.input.size() &&
        layer.begin == 0) {
      result.status = StreamStatus::corrupt;  // takes nothing of a full buffer
      return result;
    }
    if (layer.below != StreamStatus::ok) {
      const bool complete = layer.below == StreamStatus::end;
      result.status = !complete                          ? layer.below
                      : layer.decompressor.at_boundary() ? StreamStatus::end
                                                         : StreamStatus::truncated;
      return result;
    }
    std::copy(layer.input.begin() + static_cast<std::ptrdiff_t>(layer.begin),
              layer.input.begin() + static_cast<std::ptrdiff_t>(layer.end),
              layer.input.begin());
    layer.end -= layer.begin;
    layer.begin = 0;
    const Read more =
        read_level(level - 1, layer.input.data() + layer.end, layer.input.size() - layer.end);
    layer.end += more.size;
    if (more.status == StreamStatus::would_block) {
      if (more.size == 0) {
        result.status = StreamStatus::would_block;
        return result;
      }
    } else {
      layer.below = more.status;
    }
  }
  return result;
}

// Looks at the first bytes of what is on top; puts a layer on it where they are compressed.
StreamStatus ByteSource::sniff() {
  while (!sniffed_) {
    if (peeked_.size() < magic_bytes) {
      char bytes[magic_bytes];
      const Read read = read_level(layers_.size(), bytes, magic_bytes - peeked_.size());
      peeked_.insert(peeked_.end(), bytes, bytes + read.size);
      if (read.status != StreamStatus::ok) {
        sniffed_ = read.status != StreamStatus::would_block;
        return read.status;
      }
    }
    const Codec codec = codec_of({peeked_.data(), peeked_.size()});
    if (codec == Codec::none || layers_.size() == compression_layers_max) {
      sniffed_ = true;
      break;
    }
    codec_ = codec;
    auto layer = std::make_unique<Layer>(Layer{Decompressor(codec), {}, 0, 0, StreamStatus::ok});
    layer->input.resize(layer_input_bytes);
    std::copy(peeked_.begin(), peeked_.end(), layer->input.begin());
    layer->end = peeked_.size();
    peeked_.clear();
    layers_.push_back(std::move(layer));
  }
  return StreamStatus::ok;
}

ByteSource::Read ByteSource::read(char* out, std::size_t size) {
  Read result;
  const StreamStatus sniffing = sniff();
  if (sniffing == StreamStatus::would_block) {
    result.status = sniffing;
    return result;
  }
  result.size = std::min(size, peeked_.size());
  std::copy_n(peeked_.begin(), result.size, out);
  peeked_.erase(peeked_.begin(), peeked_.begin() + static_cast<std::ptrdiff_t>(result.size));
  if (sniffing != StreamStatus::ok) {
    result.status = peeked_.empty() ? sniffing : StreamStatus::ok;
    return result;
  }
  const Read more = read_level(layers_.size(), out + result.size, size - result.size);
  result.size += more.size;
  result.status = more.status;
  made_bytes_ += result.size;
  if (compressed() && (more.status == StreamStatus::ok || more.status == StreamStatus::end)) {
    const std::uint64_t limit = decompressed_limit(raw_bytes_);
    if (made_bytes_ > limit) {
      result.size -=
          static_cast<std::size_t>(std::min<std::uint64_t>(result.size, made_bytes_ - limit));
      result.status = limit >= limits::decompressed_bytes_max ? StreamStatus::too_large
                                                              : StreamStatus::too_dense;
    }
  }
  return result;
}

}  // namespace tocsin
