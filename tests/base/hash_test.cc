// SPDX-License-Identifier: Apache-2.0
#include "engine/base/hash.h"

#include <string>

#include <doctest/doctest.h>

#include "engine/base/hash_wide.h"

TEST_CASE("content_hash never changes: alert ids are made of it") {
  CHECK(tocsin::to_hex(tocsin::content_hash("")) == "99aa06d3014798d86001c324468d497f");
  CHECK(tocsin::to_hex(tocsin::content_hash("tocsin")).size() == 32);
  CHECK(tocsin::content_hash("a") != tocsin::content_hash("b"));
}

TEST_CASE("seeded_hash depends on the seed") {
  CHECK(tocsin::seeded_hash("key", 1) != tocsin::seeded_hash("key", 2));
  CHECK(tocsin::seeded_hash("key", 1) == tocsin::seeded_hash("key", 1));
}

TEST_CASE("content_hash is the same by every path that this machine has") {
  std::string text;
  for (std::size_t size = 0; size < 3'000; ++size) {
    const tocsin::HashHalves expected = tocsin::content_hash_baseline(text.data(), size);
    CAPTURE(size);
    const tocsin::Hash128 chosen = tocsin::content_hash(text);
    REQUIRE(chosen.high == expected.high);
    REQUIRE(chosen.low == expected.low);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") != 0) {
      const tocsin::HashHalves found = tocsin::content_hash_avx2(text.data(), size);
      REQUIRE(found.high == expected.high);
      REQUIRE(found.low == expected.low);
    }
    if (__builtin_cpu_supports("avx512f") != 0) {
      const tocsin::HashHalves found = tocsin::content_hash_avx512(text.data(), size);
      REQUIRE(found.high == expected.high);
      REQUIRE(found.low == expected.low);
    }
#endif
    text += static_cast<char>(size * 7 + size / 251);
  }
}
