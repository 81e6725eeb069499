// SPDX-License-Identifier: Apache-2.0
#include "engine/input/decompress.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "engine/base/limits.h"

namespace tocsin {

namespace {

constexpr int gzip_only = 15 + 16;  // zlib's way to say: a window of 32 KiB, gzip and nothing else
// Below this output no ratio is judged: a short log of equal lines shrinks as a bomb does.
constexpr std::uint64_t ratio_free_bytes = limits::batch_bytes;
constexpr std::size_t first_output_bytes = 64u << 10;

bool all_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

struct FreeDeflate {
  void operator()(libdeflate_decompressor* inflater) const {
    libdeflate_free_decompressor(inflater);
  }
};
struct FreeZstd {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

}  // namespace

Codec codec_of(std::string_view head) {
  const auto byte = [head](std::size_t at) {
    return at < head.size() ? static_cast<unsigned char>(head[at]) : 0u;
  };
  if (byte(0) == 0x1f && byte(1) == 0x8b && byte(2) == 8) {
    return Codec::gzip;
  }
  if (byte(0) == 0x28 && byte(1) == 0xb5 && byte(2) == 0x2f && byte(3) == 0xfd) {
    return Codec::zstd;
  }
  if ((byte(0) & 0xf0u) == 0x50 && byte(1) == 0x2a && byte(2) == 0x4d && byte(3) == 0x18) {
    return Codec::zstd;  // a skippable frame
  }
  return Codec::none;
}

std::string_view status_code(StreamStatus status, Codec codec) {
  switch (status) {
    case StreamStatus::truncated:
      return codec == Codec::zstd ? "truncated-zstd" : "truncated-gzip";
    case StreamStatus::corrupt:
      return codec == Codec::zstd ? "corrupt-zstd" : "corrupt-gzip";
    case StreamStatus::too_large:
      return "decompressed-too-large";
    case StreamStatus::too_dense:
      return "decompressed-too-dense";
    case StreamStatus::ok:
    case StreamStatus::end:
    case StreamStatus::would_block:
    case StreamStatus::read_error:
      break;
  }
  return "unreadable";
}

std::string_view status_text(StreamStatus status) {
  switch (status) {
    case StreamStatus::truncated:
      return "the compressed data end too early; what comes before was read";
    case StreamStatus::corrupt:
      return "the compressed data are damaged; what comes before the damage was read";
    case StreamStatus::too_large:
      return "it is larger than 1 GiB when decompressed; what comes before was read";
    case StreamStatus::too_dense:
      return "it grows more than 1,000 times when decompressed; what comes before was read";
    case StreamStatus::ok:
    case StreamStatus::end:
    case StreamStatus::would_block:
      return "";
    case StreamStatus::read_error:
      break;
  }
  return "it could not be read";
}

std::uint64_t decompressed_limit(std::uint64_t compressed) {
  return std::min(limits::decompressed_bytes_max,
                  std::max(ratio_free_bytes, compressed * limits::decompress_ratio_max));
}

// --- piece by piece ---

struct Decompressor::Impl {
  explicit Impl(Codec which) : codec(which) {
    if (codec == Codec::gzip) {
      usable = ::inflateInit2(&gzip, gzip_only) == Z_OK;
    } else {
      zstd.reset(ZSTD_createDStream());
      usable = zstd != nullptr;
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (codec == Codec::gzip) {
      ::inflateEnd(&gzip);
    }
  }

  Step run_gzip(std::string_view in, char* out, std::size_t room);
  Step run_zstd(std::string_view in, char* out, std::size_t room);

  Codec codec;
  bool usable = false;
  bool boundary = true;
  bool begun = false;  // a member was read
  z_stream gzip{};
  std::unique_ptr<ZSTD_DStream, FreeZstd> zstd;
};

Decompressor::Step Decompressor::Impl::run_gzip(std::string_view in, char* out, std::size_t room) {
  Step step;
  if (boundary && begun) {
    // Between members zeros may stand (tapes are padded with them).
    step.consumed = std::min(in.find_first_not_of('\0'), in.size());
    in.remove_prefix(step.consumed);
    if (in.empty()) {
      return step;
    }
    if (::inflateReset(&gzip) != Z_OK) {
      step.corrupt = true;
      return step;
    }
  }
  constexpr std::size_t piece_max = std::numeric_limits<uInt>::max();
  const std::size_t in_size = std::min(in.size(), piece_max);
  const std::size_t out_size = std::min(room, piece_max);
  // zlib's interface is older than const.
  gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  gzip.avail_in = static_cast<uInt>(in_size);
  gzip.next_out = reinterpret_cast<Bytef*>(out);
  gzip.avail_out = static_cast<uInt>(out_size);
  const int result = ::inflate(&gzip, Z_NO_FLUSH);
  const std::size_t taken = in_size - gzip.avail_in;
  step.consumed += taken;
  step.produced = out_size - gzip.avail_out;
  if (taken > 0) {
    begun = true;
    boundary = false;
  }
  if (result == Z_STREAM_END) {
    boundary = true;
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    step.corrupt = true;
  }
  return step;
}

Decompressor::Step Decompressor::Impl::run_zstd(std::string_view in, char* out, std::size_t room) {
  ZSTD_inBuffer from{in.data(), in.size(), 0};
  ZSTD_outBuffer to{out, room, 0};
  const std::size_t result = ZSTD_decompressStream(zstd.get(), &to, &from);
  Step step{from.pos, to.pos, ZSTD_isError(result) != 0};
  if (!step.corrupt && (from.pos > 0 || to.pos > 0)) {
    boundary = result == 0;
  }
  return step;
}

Decompressor::Decompressor(Codec codec) : impl_(std::make_unique<Impl>(codec)) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

bool Decompressor::at_boundary() const {
  return impl_->boundary;
}

Decompressor::Step Decompressor::run(std::string_view in, char* out, std::size_t room) {
  if (!impl_->usable) {
    Step step;
    step.corrupt = true;
    return step;
  }
  return impl_->codec == Codec::gzip ? impl_->run_gzip(in, out, room)
                                     : impl_->run_zstd(in, out, room);
}

// --- whole files ---

struct WholeInflater::Impl {
  std::unique_ptr<libdeflate_decompressor, FreeDeflate> deflate{libdeflate_alloc_decompressor()};
  std::vector<char> inner;  // a layer that is unwrapped again

  Inflated one_layer(std::string_view in,
                     Codec codec,
                     std::uint64_t limit,
                     std::vector<char>& out) const;
  Inflated gzip_members(std::string_view in, std::uint64_t limit, std::vector<char>& out) const;
};

namespace {

// Makes room for more, up to `limit`; false if there is none to be had.
bool grow(std::vector<char>& out, std::size_t used, std::uint64_t limit) {
  if (out.size() > used) {
    return true;
  }
  const std::uint64_t wanted =
      std::min<std::uint64_t>(limit, std::max<std::uint64_t>(first_output_bytes, 2 * out.size()));
  if (wanted <= used) {
    return false;
  }
  out.resize(static_cast<std::size_t>(wanted));
  return true;
}

StreamStatus over_limit(std::uint64_t limit) {
  return limit >= limits::decompressed_bytes_max ? StreamStatus::too_large
                                                 : StreamStatus::too_dense;
}

// The careful way, which keeps what comes before a break. Appends behind `used`.
Inflated inflate_by_pieces(std::string_view in,
                           Codec codec,
                           std::uint64_t limit,
                           std::vector<char>& out,
                           std::size_t used) {
  Decompressor decompressor(codec);
  std::size_t at = 0;
  while (true) {
    if (!grow(out, used, limit) || used >= limit) {
      // Nothing more may be written; is there anything more?
      char probe = 0;
      const Decompressor::Step step = decompressor.run(in.substr(at), &probe, 1);
      if (step.produced > 0) {
        return {used, over_limit(limit), codec};
      }
      at += step.consumed;
      if (step.corrupt || (step.consumed == 0 && at < in.size())) {
        return {used, StreamStatus::corrupt, codec};
      }
    } else {
      const std::size_t room =
          static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), limit)) - used;
      const Decompressor::Step step = decompressor.run(in.substr(at), out.data() + used, room);
      at += step.consumed;
      used += step.produced;
      if (step.corrupt || (step.consumed == 0 && step.produced == 0 && at < in.size())) {
        return {used, StreamStatus::corrupt, codec};
      }
      if (step.produced == room) {
        continue;  // it may hold more back
      }
    }
    if (at == in.size()) {
      return {
          used, decompressor.at_boundary() ? StreamStatus::end : StreamStatus::truncated, codec};
    }
  }
}

}  // namespace

Inflated WholeInflater::Impl::gzip_members(std::string_view in,
                                           std::uint64_t limit,
                                           std::vector<char>& out) const {
  std::size_t at = 0;
  std::size_t used = 0;
  while (at < in.size() && !(at > 0 && all_zero(in.substr(at)))) {
    std::size_t taken = 0;
    std::size_t made = 0;
    libdeflate_result result = LIBDEFLATE_INSUFFICIENT_SPACE;
    if (deflate != nullptr && used < limit && grow(out, used, limit)) {
      const std::size_t room =
          static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), limit)) - used;
      result = libdeflate_gzip_decompress_ex(
          deflate.get(), in.data() + at, in.size() - at, out.data() + used, room, &taken, &made);
      if (result == LIBDEFLATE_INSUFFICIENT_SPACE && out.size() < limit) {
        out.resize(static_cast<std::size_t>(std::min<std::uint64_t>(limit, 2 * out.size())));
        continue;
      }
    }
    if (result != LIBDEFLATE_SUCCESS) {
      return inflate_by_pieces(in.substr(at), Codec::gzip, limit, out, used);
    }
    at += taken;
    used += made;
  }
  return {used, StreamStatus::end, Codec::gzip};
}

Inflated WholeInflater::Impl::one_layer(std::string_view in,
                                        Codec codec,
                                        std::uint64_t limit,
                                        std::vector<char>& out) const {
  const std::uint64_t bytes_max = std::min(limit, decompressed_limit(in.size()));
  return codec == Codec::gzip ? gzip_members(in, bytes_max, out)
                              : inflate_by_pieces(in, codec, bytes_max, out, 0);
}

WholeInflater::WholeInflater() : impl_(std::make_unique<Impl>()) {}
WholeInflater::~WholeInflater() = default;
WholeInflater::WholeInflater(WholeInflater&&) noexcept = default;
WholeInflater& WholeInflater::operator=(WholeInflater&&) noexcept = default;

Inflated WholeInflater::inflate(std::string_view compressed,
                                std::uint64_t bytes_max,
                                std::vector<char>& out) {
  Inflated result = impl_->one_layer(compressed, codec_of(compressed), bytes_max, out);
  for (std::size_t layer = 1; layer < compression_layers_max; ++layer) {
    const std::string_view bytes(out.data(), result.size);
    const Codec codec = codec_of(bytes);
    if (codec == Codec::none) {
      break;
    }
    std::swap(out, impl_->inner);
    Inflated inside = impl_->one_layer({impl_->inner.data(), result.size}, codec, bytes_max, out);
    if (inside.status == StreamStatus::end || inside.status == StreamStatus::truncated) {
      // The outer layer's break is the cause, if there is one.
      inside.status = result.status == StreamStatus::end ? inside.status : result.status;
    }
    result = inside;
  }
  return result;
}

std::uint64_t expected_size(std::string_view head, std::string_view last_four, std::uint64_t size) {
  switch (codec_of(head)) {
    case Codec::none:
      return size;
    case Codec::gzip: {
      std::uint32_t last_member = 0;  // ISIZE, little endian: of the last member, modulo 2^32
      for (std::size_t i = last_four.size(); i-- > 0;) {
        last_member = (last_member << 8) | static_cast<unsigned char>(last_four[i]);
      }
      return last_member;
    }
    case Codec::zstd: {
      const unsigned long long known = ZSTD_getFrameContentSize(head.data(), head.size());
      return known == ZSTD_CONTENTSIZE_UNKNOWN || known == ZSTD_CONTENTSIZE_ERROR ? 0 : known;
    }
  }
  return 0;
}

}  // namespace tocsin
