// SPDX-License-Identifier: Apache-2.0
#include "engine/input/decompress.h"

#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/input/byte_source.h"
#include "tests/input/folder.h"

namespace tocsin {
namespace {

using testing::gzip;
using testing::zstd;

struct Out {
  std::string bytes;
  StreamStatus status = StreamStatus::ok;
  friend bool operator==(const Out&, const Out&) = default;
};

Out whole(const std::string& file) {
  WholeInflater inflater;
  std::vector<char> out;
  const Inflated result = inflater.inflate(file, limits::decompressed_bytes_max, out);
  return {std::string(out.data(), result.size), result.status};
}

Out streamed(const std::string& file, std::size_t piece) {
  testing::Folder folder;
  const std::string path = folder.write("f", file);
  auto fd = std::make_shared<const Fd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(static_cast<bool>(*fd));
  ByteSource source(fd, true, 0, false);
  Out out;
  std::vector<char> buffer(piece);
  while (out.status == StreamStatus::ok) {
    const ByteSource::Read read = source.read(buffer.data(), buffer.size());
    out.bytes.append(buffer.data(), read.size);
    out.status = read.status;
  }
  return out;
}

std::string random_text(std::size_t size) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < size) {
    text += "{\"n\":" + std::to_string(random()) + "}\n";
  }
  return text;
}

TEST_CASE("whole and piece by piece give the same bytes and the same status") {
  const std::string text = random_text(300'000);
  const std::string packed = gzip(text);
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
  struct Row {
    std::string name;
    std::string file;
    std::string bytes;  // what must come out; a prefix of it where the status is no `end`
    StreamStatus status;
  };
  const std::vector<Row> rows{
      {"gzip", packed, text, StreamStatus::end},
      {"gzip of nothing", gzip(""), "", StreamStatus::end},
      {"several gzip members",
       gzip("one\n") + gzip("") + gzip("two\n"),
       "one\ntwo\n",
       StreamStatus::end},
      {"gzip padded with zeros",
       gzip("one\n") + std::string(700, '\0'),
       "one\n",
       StreamStatus::end},
      {"gzip of gzip", gzip(gzip(text)), text, StreamStatus::end},
      {"zstd of gzip", zstd(packed), text, StreamStatus::end},
      {"zstd", zstd(text), text, StreamStatus::end},
      {"several zstd frames", zstd("one\n") + zstd("two\n"), "one\ntwo\n", StreamStatus::end},
      {"truncated gzip", packed.substr(0, packed.size() / 2), text, StreamStatus::truncated},
      {"gzip without its last byte",
       packed.substr(0, packed.size() - 1),
       text,
       StreamStatus::truncated},
      {"truncated second member",
       gzip("one\n") + packed.substr(0, 9000),
       "one\n" + text,
       StreamStatus::truncated},
      {"truncated zstd",
       zstd(text).substr(0, zstd(text).size() - 10),
       text,
       StreamStatus::truncated},
      {"damaged gzip", damaged, text, StreamStatus::corrupt},
      {"gzip and something else", gzip("one\n") + "trailing", "one\n", StreamStatus::corrupt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Out at_once = whole(row.file);
    CHECK((at_once.status == row.status));
    if (row.status == StreamStatus::end) {
      CHECK((at_once.bytes == row.bytes));
    } else if (row.status == StreamStatus::truncated) {
      CHECK((row.bytes.compare(0, at_once.bytes.size(), at_once.bytes) == 0));
      CHECK(!at_once.bytes.empty());
    }
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{100'000}}) {
      CAPTURE(piece);
      const Out in_pieces = streamed(row.file, piece);
      CHECK((in_pieces.status == at_once.status));
      CHECK((in_pieces.bytes == at_once.bytes));
    }
  }
}

TEST_CASE("bombs stop at the limits with what came before") {
  const std::string zeros(32u << 20, 'x');
  const std::string dense = zstd(zeros);  // some thousand times
  REQUIRE(zeros.size() / dense.size() > limits::decompress_ratio_max);
  const Out at_once = whole(dense);
  CHECK((at_once.status == StreamStatus::too_dense));
  CHECK(at_once.bytes.size() == decompressed_limit(dense.size()));
  const Out in_pieces = streamed(dense, 1u << 20);
  CHECK((in_pieces.status == StreamStatus::too_dense));
  CHECK(in_pieces.bytes.size() == decompressed_limit(dense.size()));
  CHECK(decompressed_limit(1u << 30) == limits::decompressed_bytes_max);
  // A short log of equal lines is none.
  const std::string lines(1u << 20, 'x');
  CHECK((whole(zstd(lines)) == Out{lines, StreamStatus::end}));
}

TEST_CASE("a codec is known by its first bytes") {
  CHECK((codec_of(gzip("x")) == Codec::gzip));
  CHECK((codec_of(zstd("x")) == Codec::zstd));
  CHECK((codec_of("\x52\x2a\x4d\x18 skippable") == Codec::zstd));
  CHECK((codec_of("{\"a\":1}") == Codec::none));
  CHECK((codec_of("\x1f\x8b") == Codec::none));
  CHECK((codec_of("") == Codec::none));
}

}  // namespace
}  // namespace tocsin
