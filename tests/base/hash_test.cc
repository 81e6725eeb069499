// SPDX-License-Identifier: Apache-2.0
#include "engine/base/hash.h"

#include <doctest/doctest.h>

TEST_CASE("content_hash never changes: alert ids are made of it") {
  CHECK(tocsin::to_hex(tocsin::content_hash("")) == "99aa06d3014798d86001c324468d497f");
  CHECK(tocsin::to_hex(tocsin::content_hash("tocsin")).size() == 32);
  CHECK(tocsin::content_hash("a") != tocsin::content_hash("b"));
}

TEST_CASE("seeded_hash depends on the seed") {
  CHECK(tocsin::seeded_hash("key", 1) != tocsin::seeded_hash("key", 2));
  CHECK(tocsin::seeded_hash("key", 1) == tocsin::seeded_hash("key", 1));
}
