// SPDX-License-Identifier: Apache-2.0
#include "engine/event/cloudtrail.h"

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/event/decode.h"
#include "tests/event/event_support.h"

namespace tocsin {
namespace {

using testing::Padded;
using testing::plan_of;

// The derived fields of a record, both ways: from its event and from its tree.
struct Derived {
  std::optional<std::string> principal;
  std::optional<std::string> address;
};

Derived derive(const std::string& text) {
  const FieldPlan plan = plan_of({"tocsin.principal", "tocsin.source.ip"});
  JsonReader reader;
  Event event;
  const Padded record(text);
  REQUIRE(reader.read(record, plan, false, event) == ReadStatus::ok);
  derive_fields(event, nullptr);
  const auto value = [&](std::string_view path) -> std::optional<std::string> {
    const EntryId entry = event.first(plan.find(path));
    if (entry == no_entry) {
      return std::nullopt;
    }
    CHECK(event.next(entry) == no_entry);
    CHECK(event.value(entry).kind == ValueKind::string);
    return std::string(event.text(entry));
  };
  const Derived derived{value("tocsin.principal"), value("tocsin.source.ip")};
  const Result<JsonNode> tree = parse_json(text);
  REQUIRE(tree.has_value());
  CHECK(principal(*tree) == derived.principal);
  CHECK(source_ip(*tree) == derived.address);
  return derived;
}

TEST_CASE("the principal is who acted, stable over key and session rotation") {
  struct Case {
    const char* identity;
    std::optional<std::string> expected;
  };
  const Case cases[] = {
      {R"({"type":"IAMUser","arn":"arn:aws:iam::1:user/ann","accessKeyId":"AKIA","userName":"ann"})",
       "arn:aws:iam::1:user/ann"},
      {R"({"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/dev/i-1","principalId":"A:i-1",
          "sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:role/dev"}}})",
       "arn:aws:iam::1:role/dev"},
      {R"({"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/AWSReservedSSO_Admin_0a/ann@x.org",
          "sessionContext":{"sessionIssuer":
            {"arn":"arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a"}}})",
       "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0a/ann@x.org"},
      {R"({"type":"AssumedRole","principalId":"AROA:bob","sessionContext":{"sessionIssuer":
          {"arn":"arn:aws:iam::1:role/AWSReservedSSO_Admin_0a"}}})",
       "arn:aws:iam::1:role/AWSReservedSSO_Admin_0a/bob"},
      {R"({"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/dev/i-1"})",
       "arn:aws:sts::1:assumed-role/dev/i-1"},
      {R"({"type":"Root","arn":"arn:aws:iam::1:root","accountId":"123456789012"})", "123456789012"},
      {R"({"type":"Root","arn":"arn:aws:iam::1:root"})", "arn:aws:iam::1:root"},
      {R"({"type":"AWSService","invokedBy":"ec2.amazonaws.com"})", "ec2.amazonaws.com"},
      {R"({"type":"IAMUser","invokedBy":"ec2.amazonaws.com","arn":"arn:x"})", "arn:x"},
      {R"({"type":"IdentityCenterUser","accountId":"1","onBehalfOf":{"userId":"u-1"}})", "u-1"},
      {R"({"type":"AWSAccount","principalId":"AIDA:x","accountId":"1"})", "AIDA:x"},
      {R"({"type":"SAMLUser","userName":"ann","accountId":"1"})", "1/ann"},
      {R"({"userName":"ann"})", "ann"},
      {R"({"type":"Unknown","arn":"","principalId":null})", std::nullopt},
      {R"({})", std::nullopt},
      {R"("x")", std::nullopt},
      {R"({"arn":["","arn:b"],"arn":"arn:c"})", "arn:b"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.identity);
    CHECK(derive(std::string("{\"userIdentity\":") + one.identity + "}").principal == one.expected);
  }
  CHECK(derive(R"({"userIdentity.arn":"arn:flat"})").principal == "arn:flat");
  CHECK(derive("{}").principal == std::nullopt);
}

TEST_CASE("the source address is one only if it is an address, in its one spelling") {
  struct Case {
    const char* value;
    std::optional<std::string> expected;
  };
  const Case cases[] = {
      {R"("198.51.100.7")", "198.51.100.7"},
      {R"("::ffff:198.51.100.7")", "198.51.100.7"},
      {R"("2001:DB8:0:0:0:0:0:1")", "2001:db8::1"},
      {R"("cloudtrail.amazonaws.com")", std::nullopt},
      {R"("AWS Internal")", std::nullopt},
      {R"("198.51.100.7 ")", std::nullopt},
      {R"(null)", std::nullopt},
      {R"({"a":"198.51.100.7"})", std::nullopt},
  };
  for (const Case& one : cases) {
    CAPTURE(one.value);
    CHECK(derive(std::string("{\"sourceIPAddress\":") + one.value + "}").address == one.expected);
  }
}

TEST_CASE("a plan that asks for no derived field gets none and pays for none") {
  const FieldPlan plan = plan_of({"userIdentity.arn"});
  CHECK_FALSE(plan.wants_derived());
  CHECK(plan.find("userIdentity.principalId") == no_field);
  CHECK(plan_of({"tocsin.source.ip"}).find("userIdentity.principalId") == no_field);
}

TEST_CASE("the event time is the first usable of the known fields") {
  constexpr TimeNs second = 1'700'000'000 * second_ns;
  struct Case {
    const char* record;
    std::optional<TimeNs> expected;
  };
  const Case cases[] = {
      {R"({"eventTime":"2023-11-14T22:13:20Z"})", second},
      {R"({"time":"2001-01-01T00:00:00Z","eventTime":"2023-11-14T22:13:20Z"})", second},
      {R"({"eventTime":"never","ts":1700000000})", second},
      {R"({"eventTime":null,"timestamp":1700000000000})", second},
      {R"({"@timestamp":"2023-11-14T22:13:20.000Z","time":5})", second},
      {R"({"UtcTime":"2023-11-14 22:13:20.000"})", second},
      {R"({"TimeCreated":"2023-11-14T23:13:20+01:00"})", second},
      {R"({"x":{"eventTime":"2001-01-01T00:00:00Z"},"\u0074s":"1700000000"})", second},
      {R"({"x":[{"}":"{"}],"ts":1700000000})", second},
      {R"({"eventTime":"2023-11-14T22:13:20Z","x":{broken)", second},
      {R"({"x":"eventTime"})", std::nullopt},
      {R"({"eventTime":{"a":1}})", std::nullopt},
      {R"([{"eventTime":"2023-11-14T22:13:20Z"}])", std::nullopt},
      {R"(x)", std::nullopt},
      {"", std::nullopt},
  };
  for (const Case& one : cases) {
    CAPTURE(one.record);
    CHECK(event_time(one.record) == one.expected);
  }
}

TEST_CASE("a record's identity is what DETECTION.md says it is") {
  const Hash128 stream{1, 2};
  const Hash128 other{3, 4};
  const std::string record = R"({"eventID":"e","recipientAccountId":"1","x":"a"})";
  const Hash128 identity = record_identity(record, true, stream, 5);
  // A CloudTrail record is itself wherever it stands and however it is spelled.
  CHECK(record_identity(record, true, other, 6) == identity);
  CHECK(record_identity(
            R"({ "eventID":"\u0065", "recipientAccountId":"1","x":"a"})", true, stream, 5) ==
        identity);
  for (const char* different : {R"({"eventID":"f","recipientAccountId":"1","x":"a"})",
                                R"({"eventID":"e","recipientAccountId":"2","x":"a"})",
                                R"({"eventID":"e","recipientAccountId":"1","x":"b"})"}) {
    CHECK(record_identity(different, true, stream, 5) != identity);
  }
  // Any other, and one without eventID, is where it stands.
  for (const char* other_kind : {R"({"a":1})", R"({"eventID":"","a":1})", R"({"eventID":7})"}) {
    CAPTURE(other_kind);
    const Hash128 placed = record_identity(other_kind, true, stream, 5);
    CHECK(record_identity(other_kind, true, stream, 5) == placed);
    CHECK(record_identity(other_kind, false, stream, 5) == placed);
    CHECK(record_identity(other_kind, true, stream, 6) != placed);
    CHECK(record_identity(other_kind, true, other, 5) != placed);
  }
  CHECK(record_identity(record, false, stream, 5) != identity);
  // Ids are made of it: it must never change.
  CHECK(to_hex(record_identity("{}", false, {}, 0)) == "58a0ea1e0e48759992e6b56f29d1a4a7");
  CHECK(to_hex(identity) == "1a2a16ac561834b8ffbc6e50ccf83c25");
}

}  // namespace
}  // namespace tocsin
