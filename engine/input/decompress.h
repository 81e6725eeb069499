// SPDX-License-Identifier: Apache-2.0
// gzip (RFC 1952, several members) and zstd (RFC 8878, several frames), known by their first bytes,
// never by a name. Decompressor works piece by piece; inflate_whole takes a whole file in memory,
// several times faster for gzip. Thread rule: one thread per object. Errors: statuses. Bombs:
// limits::decompressed_bytes_max and decompress_ratio_max.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tocsin {

enum class Codec : std::uint8_t { none, gzip, zstd };

// At least this many bytes must be known to tell.
inline constexpr std::size_t magic_bytes = 4;
Codec codec_of(std::string_view head);

enum class StreamStatus : std::uint8_t {
  ok,           // more may follow
  end,          // complete
  would_block,  // a pipe that has nothing now
  truncated,    // compressed data end too early
  corrupt,      // they are damaged, or no compressed data follow
  too_large,    // limits::decompressed_bytes_max
  too_dense,    // limits::decompress_ratio_max
  read_error,
};

// For notices: "truncated-gzip", "decompressed-limit" ...; what happened, as a sentence.
std::string_view status_code(StreamStatus status, Codec codec);
std::string_view status_text(StreamStatus status);

// How many bytes `compressed` ones may become: a little is allowed in any case, short files are
// often dense.
std::uint64_t decompressed_limit(std::uint64_t compressed);

class Decompressor {
 public:
  explicit Decompressor(Codec codec);
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool corrupt = false;
  };
  // Takes from `in` what it can, writes up to `room` bytes. Neither consumed nor produced: it needs
  // more of one of them.
  Step run(std::string_view in, char* out, std::size_t room);
  // Between members or frames: the data may end here.
  bool at_boundary() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Inflated {
  std::size_t size = 0;  // of what stands in `out`
  StreamStatus status = StreamStatus::end;
  Codec codec = Codec::none;  // that of the layer which `status` speaks of
};

// What inflate_whole keeps from call to call.
class WholeInflater {
 public:
  WholeInflater();
  ~WholeInflater();
  WholeInflater(WholeInflater&&) noexcept;
  WholeInflater& operator=(WholeInflater&&) noexcept;

  // Compressed data inside compressed data (Firehose) are unwrapped up to three times. `out` grows
  // as needed, to `bytes_max` at most (and as much for what is inside), and is never shrunk; what
  // could be read before a break is kept.
  Inflated inflate(std::string_view compressed, std::uint64_t bytes_max, std::vector<char>& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// How large the output will probably be, from the file's first and last bytes; 0: unknown.
std::uint64_t expected_size(std::string_view head, std::string_view last_four, std::uint64_t size);

inline constexpr std::size_t compression_layers_max = 3;

}  // namespace tocsin
