// SPDX-License-Identifier: Apache-2.0
#include "app/build_identity.h"

#include <string>

#include <doctest/doctest.h>

namespace tocsin {

TEST_CASE("a running program has one identity, whenever it is asked") {
  const std::string identity = build_identity();
  CHECK(identity.size() == 32);
  CHECK(identity.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(build_identity() == identity);
}

}  // namespace tocsin
