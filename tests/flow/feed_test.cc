// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/feed.h"

#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/cloudtrail.h"
#include "engine/event/json.h"

namespace tocsin {
namespace {

using Group = std::vector<std::optional<std::string>>;

TEST_CASE("a group's key gives the group again, and its beginning is the parent's key") {
  const std::vector<Group> groups = {
      {},
      {std::nullopt},
      {""},
      {"a"},
      {"a", "b"},
      {"a", std::nullopt, "b"},
      {std::string("\0\x01", 2), std::string(500, 'x'), "\xff"},
  };
  for (std::size_t i = 0; i < groups.size(); ++i) {
    CAPTURE(i);
    std::string key;
    append_group_key(groups[i], key);
    CHECK(parse_group_key(key) == groups[i]);
    for (std::size_t j = 0; j < i; ++j) {
      std::string other;
      append_group_key(groups[j], other);
      CHECK(key != other);
    }
    Group parent = groups[i];
    if (!parent.empty()) {
      parent.pop_back();
    }
    std::string parent_key;
    append_group_key(parent, parent_key);
    CHECK(parent_group_key(key) == parent_key);
  }
}

TEST_CASE("bytes that are no key do no harm") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (std::uint64_t n = random() % 12; n > 0; --n) {
      bytes += static_cast<char>(random());
    }
    parse_group_key(bytes);
    CHECK(parent_group_key(bytes).size() <= bytes.size());
  }
}

TEST_CASE("a long text is kept as its beginning and a hash, and stays different from others") {
  std::string room;
  const std::string fits(limits::detector_text_bytes_max, 'a');
  CHECK(bounded_text(fits, room) == fits);
  const std::string one = fits + "b";
  const std::string other = fits + "c";
  const std::string bounded_one(bounded_text(one, room));
  const std::string bounded_other(bounded_text(other, room));
  CHECK(bounded_one.size() < 300);
  CHECK(bounded_one != bounded_other);
  // Not in the middle of a character.
  std::string accents = "x";
  while (accents.size() <= limits::detector_text_bytes_max) {
    accents += "\xc3\xa9";
  }
  const std::string_view cut = bounded_text(accents, room);
  CHECK(cut.substr(253, 6) == "\xc3\xa9... ");
}

}  // namespace
}  // namespace tocsin
