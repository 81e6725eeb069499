// SPDX-License-Identifier: Apache-2.0
#include "app/log.h"

#include <doctest/doctest.h>

#include "app/listen_address.h"

using namespace tocsin;

TEST_CASE("a message is a sentence, its fields and its code") {
  CHECK(log_line(false, false, LogLevel::error, "input-lost", "it is gone", {}, 0) ==
        "it is gone [input-lost]\n");
  CHECK(log_line(false, false, LogLevel::info, "", "so", {{"bytes", "3"}, {"why", "a b"}}, 0) ==
        "so bytes=3 why=\"a b\"\n");
  CHECK(log_line(false, true, LogLevel::warning, "x", "one\ntwo", {}, 0) == "<4>one\n<4>two [x]\n");
}

TEST_CASE("as JSON each message is one line, whatever is in it") {
  CHECK(log_line(true, true, LogLevel::notice, "x", "a \"b\"\nc", {{"n", "1"}}, second_ns) ==
        "{\"time\":\"1970-01-01T00:00:01Z\",\"level\":\"notice\",\"code\":\"x\",\"message\":"
        "\"a \\\"b\\\"\\nc\",\"n\":\"1\"}\n");
}

TEST_CASE("an address to listen on is an address and a port") {
  for (const char* good : {"127.0.0.1:9464", "0.0.0.0:1", "[::1]:0", "[::]:65535"}) {
    CAPTURE(good);
    const std::optional<ListenAddress> parsed = parse_listen_address(good);
    REQUIRE(parsed);
    CHECK(to_text(*parsed) == good);
  }
  for (const char* bad : {"",
                          ":",
                          "9464",
                          "localhost:1",
                          "127.0.0.1",
                          "127.0.0.1:",
                          "127.0.0.1:x",
                          "127.0.0.1:65536",
                          "127.0.0.1:999999999999",
                          "::1:80",
                          "[127.0.0.1]:80",
                          "1.2.3.4:-1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_listen_address(bad));
  }
}
