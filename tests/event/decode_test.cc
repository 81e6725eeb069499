// SPDX-License-Identifier: Apache-2.0
#include "engine/event/decode.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/text.h"
#include "tests/event/event_support.h"

namespace tocsin {
namespace {

using testing::Padded;
using testing::plan_of;
using Texts = std::vector<std::string>;

// What the visitor was told, one line each: "event NAME", "malformed REASON", "skipped WHAT".
class Recorder : public RecordVisitor {
 public:
  void on_event(Event& event,
                const SourceClass& source,
                bool repaired,
                std::uint64_t offset) override {
    std::string line = source.cloudtrail ? "cloudtrail" : "event";
    const EntryId name = event.first(event.plan().find("n"));
    line += ' ';
    line += name == no_entry ? std::string_view("-") : event.text(name);
    if (repaired) {
      line += " repaired";
    }
    lines.push_back(line);
    texts.emplace_back(event.json());
    offsets.push_back(offset);
    scalar_counts.push_back(event.scalars().size());
    service = std::string(source.service) + "/" + std::string(source.second_service()) + "/" +
              std::string(source.category) + "/" + std::string(source.product);
    kind = source.kind;
  }
  void on_problem(RecordProblem problem,
                  std::string_view bytes,
                  std::uint64_t offset,
                  std::string_view reason) override {
    lines.push_back((problem == RecordProblem::malformed ? "malformed " : "oversized ") +
                    std::string(reason));
    texts.emplace_back(bytes);
    offsets.push_back(offset);
  }
  void on_skipped(std::string_view what, std::uint64_t) override {
    lines.push_back("skipped " + std::string(what));
  }

  Texts lines;
  Texts texts;
  std::vector<std::uint64_t> offsets;
  std::vector<std::size_t> scalar_counts;
  std::string service;
  SourceClass::Kind kind = SourceClass::Kind::unknown;
};

Recorder decode(const std::string& text, const DecodeOptions& options = {}) {
  const FieldPlan plan = plan_of({"n"});
  RecordDecoder decoder(options);
  const Padded document(text);
  Recorder recorder;
  decoder.decode(document, 7, plan, recorder);
  return recorder;
}

// A CloudTrail record by its shape.
std::string trail(const std::string& name) {
  return R"({"eventVersion":"1.08","n":")" + name +
         R"(","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1"})";
}

std::string json_string(const std::string& text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

std::string bridge(const std::string& detail) {
  return R"({"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","detail":)" +
         detail + R"(,"n":"bridge"})";
}

std::string notification(const std::string& message) {
  return R"({"Type":"Notification","TopicArn":"arn:aws:sns:x","Message":)" + json_string(message) +
         R"(,"n":"sns"})";
}

std::string log_data(const Texts& messages) {
  std::string text = R"({"messageType":"DATA_MESSAGE","owner":"1","n":"logs","logEvents":[)";
  for (std::size_t at = 0; at < messages.size(); ++at) {
    text += (at == 0 ? R"({"id":"1","timestamp":1,"message":)" : R"(,{"id":"1","message":)") +
            json_string(messages[at]) + "}";
  }
  return text + "]}";
}

std::string records(const Texts& elements) {
  std::string text = "{\"Records\":[";
  for (std::size_t at = 0; at < elements.size(); ++at) {
    text += (at == 0 ? "" : ",") + elements[at];
  }
  return text + "]}";
}

TEST_CASE("a plain record is one event, blank text is none") {
  CHECK(decode(trail("a")).lines == Texts{"cloudtrail a"});
  CHECK(decode("  " + trail("a") + " \r\n").lines == Texts{"cloudtrail a"});
  CHECK(decode("\xef\xbb\xbf" + trail("a")).lines == Texts{"cloudtrail a"});
  CHECK(decode(R"({"n":"x"})").lines == Texts{"event x"});
  CHECK(decode("{}").lines == Texts{"event -"});
  CHECK(decode("1").lines == Texts{"event -"});
  CHECK(decode("").lines.empty());
  CHECK(decode(" \r\n\t").lines.empty());
  CHECK(decode("\xef\xbb\xbf").lines.empty());
  CHECK(decode(trail("a")).offsets == std::vector<std::uint64_t>{7});
}

TEST_CASE("a malformed record is told with its bytes, what is wrong and where") {
  const Recorder seen = decode("  {\"n\":\"a\" \"b\"}");
  CHECK(seen.lines == Texts{"malformed byte 9: no comma between two members"});
  CHECK(seen.texts == Texts{R"({"n":"a" "b"})"});
  CHECK(decode("plain text").lines == Texts{"malformed byte 6: more text behind the value"});
  CHECK(decode(trail("a") + trail("b")).lines.front().starts_with("malformed "));
  const Recorder cut = decode("{" + std::string(10'000, 'x'));
  CHECK(cut.texts.front().size() == limits::dead_letter_record_bytes_max);
}

TEST_CASE("a top-level array is one record per element, in every format") {
  for (const InputFormat format : {InputFormat::automatic, InputFormat::json}) {
    DecodeOptions options;
    options.format = format;
    const std::string text =
        "[" + trail("a") + " , {\"n\":1},2,[{\"n\":3}],{\"n\" 4},\"x\" ,{\"n\":\"\\ud800\"}]";
    for (const bool strict : {false, true}) {
      options.strict_json = strict;
      CHECK(decode(text, options).lines ==
            Texts{"cloudtrail a",
                  "event 1",
                  "event -",
                  "event -",
                  "malformed byte 1: a key without a colon",
                  "event -",
                  std::string("event \xef\xbf\xbd") + (strict ? " repaired" : "")});
    }
  }
  CHECK(decode("[]").lines.empty());
  CHECK(decode("[" + records({trail("a"), "{\"n\":\"b\"}"}) + "," + trail("c") + "]").lines ==
        Texts{"cloudtrail a", "event b", "cloudtrail c"});
}

TEST_CASE("Records are judged one by one") {
  const std::string s3 =
      R"({"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"x","eventName":"ObjectCreated:Put","n":"s3"})";
  CHECK(decode(records({trail("a"), trail("b")})).lines == Texts{"cloudtrail a", "cloudtrail b"});
  CHECK(decode("{ \"Records\" :\n[ " + trail("a") + " ,\n" + trail("b") + " ] }\n").lines ==
        Texts{"cloudtrail a", "cloudtrail b"});
  // Some are, so the others are records of their own, in order.
  CHECK(decode(records({s3, trail("a"), "1", s3})).lines ==
        Texts{"event s3", "cloudtrail a", "event -", "event s3"});
  // None is: the document as it stands.
  CHECK(decode(records({s3, s3})).lines == Texts{"event -"});
  CHECK(decode(records({s3})).texts == Texts{records({s3})});
  CHECK(decode(records({})).lines == Texts{"event -"});
  // Another shape.
  CHECK(decode(R"({"Records":[)" + trail("a") + R"(],"n":"other"})").lines == Texts{"event other"});
  CHECK(decode(R"({"n":"other","Records":[)" + trail("a") + "]}").lines == Texts{"event other"});
  CHECK(decode(R"({"Records":)" + trail("a") + "}").lines == Texts{"event -"});
  CHECK(decode(R"({"Recordsx":[)" + trail("a") + "]}").lines == Texts{"event -"});
}

TEST_CASE("an element's values and scalars are its own") {
  const Recorder seen = decode(records({trail("a"), R"({"n":"b","x":[1,2]})"}));
  CHECK(seen.texts == Texts{trail("a"), R"({"n":"b","x":[1,2]})"});
  CHECK(seen.scalar_counts == std::vector<std::size_t>{5, 3});
}

TEST_CASE("a broken element of Records costs only itself") {
  const std::string a = trail("a");
  const std::string b = trail("b");
  const std::string c = trail("c");
  struct Case {
    std::string broken;
    std::string problem;
  };
  const Case cases[] = {
      {R"({"n" 1})", "byte 1: a key without a colon"},
      {R"({"n":1 2})", "byte 7: no comma between two members"},
      {R"({"n":[1})", "byte 7: a bracket of the other kind"},
      {R"({"n":{"x":1)", "byte 11: the text ends inside an object or array"},
      {R"({"n":"x)", "byte 5: a string that does not end"},
      {R"({"n":"x\)", "byte 5: a string that does not end"},
      {"]", "byte 0: a value is missing"},
  };
  for (const Case& one : cases) {
    for (const bool strict : {false, true}) {
      CAPTURE(one.broken);
      CAPTURE(strict);
      DecodeOptions options;
      options.strict_json = strict;
      const Texts lines = decode(records({a, one.broken, b, c}), options).lines;
      REQUIRE(lines.size() == 4);
      CHECK(lines[0] == "cloudtrail a");
      CHECK(lines[1].starts_with("malformed byte "));
      CHECK(lines[2] == "cloudtrail b");
      CHECK(lines[3] == "cloudtrail c");
      const Texts first = decode(records({one.broken, b, c}), options).lines;
      CHECK(first.size() == 3);
      CHECK(first.back() == "cloudtrail c");
    }
  }
  // A byte that is no character is repaired where it stands.
  CHECK(decode(records({a, trail("x\xff"), b})).lines ==
        Texts{"cloudtrail a", "cloudtrail x\xef\xbf\xbd repaired", "cloudtrail b"});
}

TEST_CASE("a cut Records document gives what it holds") {
  const std::string whole = records({trail("a"), trail("b"), trail("c")});
  const std::size_t into_c = whole.size() - 20;
  const Texts cut = decode(whole.substr(0, into_c)).lines;
  REQUIRE(cut.size() == 3);
  CHECK(cut[0] == "cloudtrail a");
  CHECK(cut[1] == "cloudtrail b");
  CHECK(cut[2].starts_with("malformed byte "));
  CHECK(decode(whole.substr(0, whole.size() - 1)).lines.size() == 4);
  CHECK(decode(whole + "}").lines.size() == 4);
}

TEST_CASE("many broken elements are read in linear time") {
  // Every start of a record opens a string that never closes.
  std::string text = "{\"Records\":[" + trail("a");
  for (int element = 0; element < 20'000; ++element) {
    text += R"(,{"eventVersion":"1)";
    text += element % 2 == 0 ? "\"" : "";
  }
  const Texts lines = decode(text).lines;
  CHECK(lines.front() == "cloudtrail a");
  CHECK(std::none_of(lines.begin() + 1, lines.end(), [](const std::string& line) {
    return line.starts_with("cloudtrail");
  }));
}

TEST_CASE("envelopes around CloudTrail records are opened, nested too") {
  const std::string a = trail("a \"q\" \\ \n");
  const std::string text = "cloudtrail a \"q\" \\ \n";
  const std::string escaped = R"({"eventVersion":"1.08","n":"a \"q\" \\ \n","eventSource":)"
                              R"("iam.amazonaws.com","eventName":"CreateUser","awsRegion":"u"})";
  for (const std::string& wrapped : {bridge(escaped),
                                     notification(escaped),
                                     log_data({escaped}),
                                     notification(bridge(escaped)),
                                     log_data({notification(bridge(escaped))}),
                                     records({notification(bridge(escaped))}),
                                     notification(records({escaped})),
                                     bridge(log_data({notification(bridge(escaped))}))}) {
    CAPTURE(wrapped);
    for (const bool strict : {false, true}) {
      DecodeOptions options;
      options.strict_json = strict;
      CHECK(decode(wrapped, options).lines == Texts{text});
    }
  }
  CHECK(decode(log_data({trail("a"), trail("b")})).lines == Texts{"cloudtrail a", "cloudtrail b"});
  CHECK(decode(log_data({R"({"n":"x"})", trail("b"), "plain text"})).lines ==
        Texts{"event x", "cloudtrail b", "malformed byte 6: more text behind the value"});
  CHECK(decode(records({bridge(trail("a")), bridge("{}"), trail("b")})).lines ==
        Texts{"cloudtrail a", "event bridge", "cloudtrail b"});
}

TEST_CASE("what is nested deeper than allowed is evaluated as it stands") {
  std::string text = trail("a");
  for (std::size_t depth = 0; depth < limits::envelope_depth_max; ++depth) {
    text = notification(text);
  }
  CHECK(decode(text).lines == Texts{"cloudtrail a"});
  CHECK(decode("[" + text + "]").lines == Texts{"cloudtrail a"});
  CHECK(decode(notification(text)).lines == Texts{"event sns"});
}

TEST_CASE("what looks like an envelope but is none is evaluated as it stands") {
  const std::string a = trail("a");
  struct Case {
    std::string record;
    std::string line;
  };
  const Case cases[] = {
      {bridge(R"({"n":"x"})"), "event bridge"},
      {bridge(json_string(a)), "event bridge"},
      {bridge("[" + a + "]"), "event bridge"},
      {R"({"detail-type":1,"source":"x","detail":)" + a + "}", "event -"},
      {R"({"source":"x","detail":)" + a + "}", "event -"},
      {R"({"detail-type":"x","detail":)" + a + "}", "event -"},
      {notification("hello"), "event sns"},
      {notification(R"({"n":"x"})"), "event sns"},
      {R"({"Type":"Other","TopicArn":"x","Message":)" + json_string(a) + "}", "event -"},
      {R"({"Type":"Notification","Message":)" + json_string(a) + "}", "event -"},
      {log_data({"plain text"}), "event logs"},
      {log_data({R"({"n":"x"})"}), "event logs"},
      {log_data({}), "event logs"},
      {R"({"messageType":"DATA_MESSAGE","logEvents":[{"message":)" + json_string(a) +
           R"(},{"id":1}]})",
       "event -"},
      {R"({"messageType":"DATA_MESSAGE","logEvents":{"message":)" + json_string(a) + "}}",
       "event -"},
      {R"({"messageType":"DATA_MESSAGE","logEvents":[{"message":)" + json_string(a) +
           R"(,"message":"x"}]})",
       "event -"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.record);
    const Recorder seen = decode(one.record);
    CHECK(seen.lines == Texts{one.line});
    CHECK(seen.texts == Texts{one.record});
  }
}

TEST_CASE("generic inputs unwrap nothing, for an attacker writes envelopes too") {
  DecodeOptions json;
  json.format = InputFormat::json;
  DecodeOptions other;
  other.log_source = LogSource{"process_creation", "windows", ""};
  DecodeOptions aws;
  aws.log_source = LogSource{"", "aws", "cloudtrail"};
  DecodeOptions any;
  any.any_log_source = true;
  for (const std::string& wrapped :
       {records({trail("a")}), bridge(trail("a")), notification(trail("a"))}) {
    CAPTURE(wrapped);
    CHECK(decode(wrapped, json).texts == Texts{wrapped});
    CHECK(decode(wrapped, other).texts == Texts{wrapped});
    CHECK(decode(wrapped, aws).lines == Texts{"cloudtrail a"});
    CHECK(decode(wrapped, any).lines == Texts{"cloudtrail a"});
  }
}

TEST_CASE("digest files and control messages are skipped, only by their exact shape") {
  const std::string digest =
      R"({"awsAccountId":"1","digestStartTime":"x","digestEndTime":"y","digestS3Bucket":"b",)"
      R"("digestS3Object":"o","digestPublicKeyFingerprint":"f","digestSignatureAlgorithm":"s",)"
      R"("newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,)"
      R"("previousDigestS3Object":null,"previousDigestHashValue":null,)"
      R"("previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[])";
  const std::string control =
      R"({"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"",)"
      R"("subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,)"
      R"("message":"CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}])";
  DecodeOptions json;
  json.format = InputFormat::json;
  CHECK(decode(digest + "}").lines == Texts{"skipped CloudTrail digest file"});
  CHECK(decode(control + "}").lines == Texts{"skipped CloudWatch Logs control message"});
  for (const std::string& skipped : {digest, control}) {
    CHECK(decode(skipped + R"(,"n":"x"})").lines == Texts{"event x"});
    CHECK(decode(skipped + "}", json).lines == Texts{"event -"});
  }
  CHECK(decode(R"({"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"rm -rf"}]})").lines ==
        Texts{"event -"});
}

TEST_CASE("a record's log source is its shape's, unless the input says another") {
  const auto source = [](const std::string& record, const DecodeOptions& options = {}) {
    return decode(record, options).service;
  };
  const std::string start = R"({"eventVersion":"1","awsRegion":"r",)";
  CHECK(source(trail("a")) == "cloudtrail/iam/management/aws");
  CHECK(source(start +
               R"("eventName":"x","eventSource":"s3.amazonaws.com","eventCategory":"Data"})") ==
        "cloudtrail/s3/data/aws");
  CHECK(
      source(start + R"("eventName":"x","eventSource":"s3","eventCategory":"NetworkActivity"})") ==
      "cloudtrail/s3/networkactivity/aws");
  CHECK(source(start + R"("eventType":"AwsCloudTrailInsight","eventCategory":"Insight"})") ==
        "cloudtrail//insight/aws");
  for (const char* rest : {R"("eventName":"x","eventSource":"aws:s3"})",
                           R"("eventName":"x"})",
                           R"("eventName":1,"eventSource":"s3.amazonaws.com"})",
                           R"("eventName":["x"],"eventSource":"s3.amazonaws.com"})",
                           R"("eventType":"AwsApiCall"})",
                           R"("eventSource":"s3.amazonaws.com"})"}) {
    CAPTURE(rest);
    const Recorder seen = decode(start + rest);
    CHECK(seen.service == "///");
    CHECK(seen.kind == SourceClass::Kind::unknown);
  }
  CHECK(source(R"({"eventVersion":"1","eventName":"x","eventSource":"s3.amazonaws.com"})") ==
        "///");

  DecodeOptions options;
  options.log_source = LogSource{"", "windows", "security"};
  CHECK(source(trail("a"), options) == "security///windows");
  options.log_source = LogSource{"", "aws", "cloudtrail"};
  CHECK(source(trail("a"), options) == "cloudtrail/iam/management/aws");
  CHECK(source("{}", options) == "cloudtrail///aws");
  options.any_log_source = true;
  CHECK(decode("{}", options).kind == SourceClass::Kind::any);
}

TEST_CASE("a rule applies where each attribute it gives equals the record's") {
  SourceClass record;
  record.kind = SourceClass::Kind::known;
  record.product = "aws";
  record.service = "cloudtrail";
  record.event_source = "iam";
  record.category = "management";
  CHECK(applies({"", "aws", ""}, record));
  CHECK(applies({"", "aws", "cloudtrail"}, record));
  CHECK(applies({"management", "aws", "iam"}, record));
  CHECK(applies({"", "", ""}, record));
  CHECK_FALSE(applies({"", "aws", "s3"}, record));
  CHECK_FALSE(applies({"", "AWS", ""}, record));
  CHECK_FALSE(applies({"data", "aws", ""}, record));
  record.kind = SourceClass::Kind::any;
  CHECK(applies({"data", "azure", ""}, record));
  record = {};
  CHECK(applies({"data", "azure", ""}, record));
}

TEST_CASE("a record of Records is read as it is on a line of its own") {
  const std::vector<std::string> lines = testing::shared_lines("data/cloudtrail-dev.ndjson");
  if (lines.empty()) {
    return;
  }
  const Texts some(lines.begin(), lines.begin() + 500);
  Recorder single;
  const FieldPlan plan = plan_of({"n", "userIdentity.arn"});
  RecordDecoder decoder({});
  for (const std::string& line : some) {
    const Padded record(line);
    decoder.decode(record, 0, plan, single);
  }
  const Recorder together = decode(records(some));
  CHECK(single.lines == together.lines);
  CHECK(single.texts == together.texts);
  CHECK(single.scalar_counts == together.scalar_counts);
  CHECK(single.lines.size() == some.size());
}

}  // namespace
}  // namespace tocsin
