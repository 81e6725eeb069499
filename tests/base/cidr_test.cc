// SPDX-License-Identifier: Apache-2.0
#include "engine/base/cidr.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace tocsin;

TEST_CASE("parse_ip takes addresses and nothing else") {
  for (const char* text : {"0.0.0.0",
                           "255.255.255.255",
                           "10.1.2.3",
                           "::",
                           "::1",
                           "2001:db8::1",
                           "2001:DB8:0:0:8:800:200C:417A",
                           "::ffff:10.0.0.1",
                           "1:2:3:4:5:6:7:8",
                           "1:2:3:4:5:6:1.2.3.4",
                           "1:2:3:4:5:6:7::",
                           "1::8"}) {
    CAPTURE(text);
    CHECK(parse_ip(text).has_value());
  }
  for (const char* text : {"",
                           "10.0.0",
                           "10.0.0.0.0",
                           "256.0.0.1",
                           "01.2.3.4",
                           "1.2.3.4:80",
                           " 1.2.3.4",
                           "1.2.3.4 ",
                           "fe80::1%eth0",
                           ":::",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "12345::",
                           "AWS Internal",
                           "cloudtrail.amazonaws.com",
                           "1:2:3:4:5:6:7::8:9",
                           "1:2:3:4:5:6:7::8",
                           "g::1",
                           ":1:2:3:4:5:6:7:8",
                           "::1.2.3",
                           "1.2.3.4::"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip(text).has_value());
  }
}

TEST_CASE("addresses are written in their canonical form") {
  for (const char* text :
       {"10.1.2.3", "::", "::1", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "1::8", "1:0:0:2::"}) {
    CAPTURE(text);
    CHECK(to_text(*parse_ip(text)) == text);
  }
  CHECK(to_text(*parse_ip("2001:0DB8:0:0:0:0:0:00AB")) == "2001:db8::ab");
  CHECK(to_text(unmap(*parse_ip("::ffff:10.0.0.1"))) == "10.0.0.1");
  CHECK(to_text(unmap(*parse_ip("::fffe:10.0.0.1"))) == "::fffe:a00:1");
}

TEST_CASE("networks contain what lies inside their bounds") {
  struct Row {
    const char* network;
    const char* address;
    bool inside;
  };
  const std::vector<Row> table = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"0.0.0.0/0", "8.8.8.8", true},
      {"0.0.0.0/0", "::1", false},
      {"192.168.1.128/25", "192.168.1.127", false},
      {"192.168.1.128/25", "192.168.1.128", true},
      {"1.2.3.4", "1.2.3.4", true},
      {"1.2.3.4", "1.2.3.5", false},
      {"2001:db8::/32", "2001:db8:ffff::1", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"::/0", "10.0.0.1", false},
      {"10.0.0.0/8", "::ffff:10.0.0.1", false},
      {"::1/128", "::1", true},
  };
  for (const Row& row : table) {
    CAPTURE(row.network);
    CAPTURE(row.address);
    CHECK(parse_network(row.network)->contains(*parse_ip(row.address)) == row.inside);
  }
}

TEST_CASE("a network that is wrong says why") {
  CHECK(parse_network("10.0.0.1/8").error().message.find("10.0.0.0/8") != std::string::npos);
  CHECK(parse_network("10.0.0.0/33").error().message.find("at most 32") != std::string::npos);
  for (const char* text : {"",
                           "/8",
                           "10.0.0.0/",
                           "10.0.0.0/8x",
                           "10.0.0.0/-1",
                           "10.0.0.0/08",
                           "host/8",
                           "10.0.0.0/8/8"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_network(text).has_value());
  }
}
