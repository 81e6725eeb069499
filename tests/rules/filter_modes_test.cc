// SPDX-License-Identifier: Apache-2.0
// What the filter rejects matches nothing on the full path, and counts as one record there: every
// mode and every pass, on records written to deceive it, random ones and real ones.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/match/filter.h"
#include "tests/rules/filter_fixture.h"

using namespace tocsin;
using namespace tocsin::test;

namespace {

struct Case {
  const char* why;
  std::string line;
  bool rejected;
};

std::vector<Case> doubts() {
  return {
      {"nothing in it", record("GetUser"), true},
      {"a match", record("CreateUser"), false},
      {"a match in another case", record("CREATEuSER"), false},
      {"a prefix", record("CreateAccessKey"), false},
      {"a prefix of a prefix", record("CreateAcces"), true},
      {"Kelvin sign in what is looked for",
       record("GetUser",
              R"("userAgent":"my )"
              "\xe2\x84\xaa"
              R"(raken")"),
       false},
      {"long s", record("Get\xc5\xbfUser"), false},
      {"Kelvin sign elsewhere", record("GetUser", "\"x\":\"\xe2\x84\xaa\""), false},
      {"beyond ASCII elsewhere", record("GetUser", "\"x\":\"\xc3\xa9\""), true},
      {"an escaped slash elsewhere", record("GetUser", R"("x":"a\/b")"), false},
      {"part of a literal", record("GetUser", R"("x":"krake")"), true},
      {"a word that holds a whole value", record("GetUser", R"("x":"uproot")"), true},
      {"an escaped letter in a value", record(R"(Creat\u0065User)"), false},
      {"an escaped letter in a key", record("GetUser", R"("event\u004eame":"CreateUser")"), false},
      {"an escape that is no letter, elsewhere", record("GetUser", R"("x":"a\"b\\")"), true},
      {"an escaped slash in a value that decides",
       record("GetUser", R"("userAgent":"Kra\/ken")"),
       false},
      {"white space around the colon", record("GetUser", "\"eventName\" :\t\"CreateUser\""), false},
      {"white space that hides nothing", record("GetUser", "\"eventType\" : \"x\""), true},
      {"white space first", " " + record("CreateUser"), false},
      {"white space inside first", "{ " + record("GetUser").substr(1), false},
      {"a key twice", record("GetUser", R"("eventName":"CreateUser")"), false},
      {"a key three times",
       record("GetUser", R"("eventName":"x","eventName":"CreateUser")"),
       false},
      {"a nested key of the same name",
       record("GetUser", R"("x":{"eventName":"CreateUser"})"),
       false},
      {"an array", record("GetUser", R"("eventName":["CreateUser"])"), false},
      {"an object", record("GetUser", R"("eventName":{"a":"CreateUser"})"), false},
      {"a number", record("GetUser", R"("eventName":5)"), false},
      {"null", record("GetUser", R"("eventName":null)"), true},
      {"a path as one key", record("GetUser", R"("userIdentity.type":"Root")"), false},
      {"a path that ends alike", record("GetUser", R"("x.eventName":"CreateUser")"), true},
      {"a key in a string", record("GetUser", R"("x":"\"eventName\":\"CreateUser\"")"), true},
      {"a value like a key", record("GetUser", R"("x":"eventName")"), true},
      {"another role's arn",
       record("GetUser", R"("userIdentity":{"arn":"arn:aws:sts::1:assumed-role/x/y"})"),
       true},
      {"the role's arn",
       record("GetUser", R"("userIdentity":{"arn":"arn:aws:sts::1:ASSUMED-role/aws:x"})"),
       false},
      {"Root", record("GetUser", R"("userIdentity":{"type":"root"})"), false},
      {"no CloudTrail record", R"({"eventName":"GetUser"})", false},
      {"evidence that is nested",
       R"({"x":{"eventVersion":"1","awsRegion":"r","eventName":"n","eventSource":"s"}})",
       false},
      {"evidence in an array",
       R"([{"eventVersion":"1","awsRegion":"r","eventName":"n","eventSource":"s"}])",
       false},
      {"evidence that is no string",
       R"({"eventVersion":1,"awsRegion":"r","eventName":"n","eventSource":"s"})",
       false},
      {"evidence with an escaped quote before it",
       R"({"x\"eventVersion":"1","awsRegion":"r","eventName":"n","eventSource":"s"})",
       false},
      {"all the evidence",
       R"({"eventVersion":"1","awsRegion":"r","eventName":"n","eventSource":"s"})",
       true},
      {"an S3 notification",
       R"({"eventVersion":"2.1","awsRegion":"r","eventName":"n","eventSource":"aws:s3"})",
       false},
      {"Records", R"({"Records":[)" + record("GetUser") + "," + record("CreateUser") + "]}", false},
      {"Records of which none matches",
       R"({"Records":[)" + record("GetUser") + "," + record("GetUser") + "]}",
       false},
      {"an EventBridge envelope",
       R"({"detail-type":"AWS API Call via CloudTrail","source":"aws.iam","detail":)" +
           record("GetUser") + "}",
       false},
      {"no JSON", "{", false},
      {"two documents on a line", record("GetUser") + record("CreateUser"), false},
      {"brackets in a string", record("GetUser", R"("x":"}}}}{{")"), true},
      {"a carriage return", record("GetUser") + "\r", true},
      {"a backslash outside of strings",
       R"({"z":[\"],)" + record("GetUser", R"("q":"]")").substr(1),
       false},
      {"white space between two bare words", record("GetUser", R"("x":{"a":1234 5678})"), false},
      {"a tab between two bare words", record("GetUser", "\"x\":{\"a\":12\t34}"), false},
      {"white space between a bracket and a word",
       record("GetUser", R"("x":{ "a": 1, "b": 2})"),
       true},
  };
}

// Random records: the usual members in random order and spelling, others between them.
class RecordMaker {
 public:
  explicit RecordMaker(unsigned seed) : random_(seed) {}

  std::string line() {
    std::string out = envelope(object(0, chance(80)));
    if (chance(3)) {
      out.insert(out.begin() + static_cast<std::ptrdiff_t>(below(out.size())),
                 one_of({"\\", "\"", "}", "\xc3", "\x01", " "})[0]);
    }
    return out + (chance(5) ? "\r\n" : "\n");
  }

 private:
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::size_t below(std::size_t n) { return random_() % n; }
  std::string one_of(std::vector<const char*> texts) { return texts[below(texts.size())]; }

  std::string space() { return chance(95) ? "" : one_of({" ", "\t", "  "}); }
  std::string spelled(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (chance(1)) {
        static constexpr const char* digits = "0123456789abcdef";
        out += std::string("\\u00") + digits[c >> 4 & 15] + digits[c & 15];
      } else if (c == '/' && chance(20)) {
        out += "\\/";
      } else if ((c == 'k' || c == 'K') && chance(20)) {
        out += "\xe2\x84\xaa";
      } else {
        out += chance(3) && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
      }
    }
    return out + '"';
  }
  std::string text() {
    return one_of({"CreateUser",
                   "CreateAccessKey",
                   "GetUser",
                   "Root",
                   "IAMUser",
                   "iam.amazonaws.com",
                   "aws:s3",
                   "arn:aws:sts::1:assumed-role/aws:x",
                   "arn:aws:iam::1:user/a",
                   "Kraken/1",
                   "eventName",
                   "",
                   "a\\\"eventName\\\":\\\"CreateUser\\\"",
                   "\\\\",
                   "{[",
                   "1.08",
                   "us-east-1",
                   "Data",
                   "nginx.x",
                   "aws-cli/2 (a long one, to fill some blocks of the line)"});
  }
  std::string key() {
    return one_of({"eventName",
                   "eventSource",
                   "eventVersion",
                   "awsRegion",
                   "userIdentity",
                   "type",
                   "arn",
                   "userAgent",
                   "eventCategory",
                   "userIdentity.type",
                   "x",
                   "x.eventName",
                   "\\\"eventName",
                   "eventNames",
                   "Records",
                   "detail",
                   "eventTime"});
  }
  std::string value(int depth) {
    switch (below(depth > 2 ? 6 : 10)) {
      case 0:
        return one_of({"1", "-2.5e3", "true", "false", "null", "null", "[]", "{}", "bare"});
      case 6:
        return object(depth + 1, false);
      case 7: {
        std::string out = "[";
        for (std::size_t i = below(3); i > 0; --i) {
          out += value(depth + 1) + (i > 1 ? "," : "");
        }
        return out + "]";
      }
      default:
        return spelled_or_raw();
    }
  }
  std::string spelled_or_raw() {
    const std::string raw = text();
    return raw.find('\\') == raw.npos ? spelled(raw) : '"' + raw + '"';
  }
  std::string member(const std::string& name, const std::string& content) {
    const std::string written =
        name.find('\\') == name.npos && chance(2) ? spelled(name) : '"' + name + '"';
    return written + space() + ":" + space() + content;
  }
  std::string object(int depth, bool cloudtrail) {
    std::vector<std::string> members;
    if (cloudtrail) {
      members = {member("eventVersion", "\"1.08\""),
                 member("awsRegion", "\"us-east-1\""),
                 member("eventName", spelled_or_raw()),
                 member("eventSource", chance(70) ? "\"iam.amazonaws.com\"" : spelled_or_raw()),
                 member("userIdentity",
                        R"({"type":)" + spelled_or_raw() + R"(,"arn":)" + spelled_or_raw() + "}")};
    }
    for (std::size_t i = below(4); i > 0; --i) {
      members.insert(members.begin() + static_cast<std::ptrdiff_t>(below(members.size() + 1)),
                     member(key(), value(depth)));
    }
    std::string out = "{";
    for (std::size_t i = 0; i < members.size(); ++i) {
      out += (i == 0 ? "" : ",") + space() + members[i];
    }
    return out + "}";
  }
  std::string envelope(const std::string& inner) {
    if (chance(95)) {
      return inner;
    }
    return one_of(
               {"{\"Records\":[", "[", "{\"detail-type\":\"x\",\"source\":\"y\",\"detail\":"})[0] ==
                   '['
               ? "[" + inner + "," + inner + "]"
           : chance(50) ? "{\"Records\":[" + inner + "," + inner + "]}"
                        : "{\"detail-type\":\"x\",\"source\":\"y\",\"detail\":" + inner + "}";
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("what leaves room for doubt passes, and every mode finds the same") {
  const auto ruleset = load(usual_rules());
  for (const Case& one : doubts()) {
    CAPTURE(one.why);
    CAPTURE(one.line);
    CHECK(compare_modes(ruleset, one.line + "\n") == (one.rejected ? 1 : 0));
    // At every distance from a block's edge and from the end of the bytes.
    for (std::size_t pad = 1; pad <= 66; pad += 13) {
      const std::string padded =
          one.line[0] == '{' && one.line.size() > 1 && one.line[1] == '"'
              ? "{\"pad\":\"" + std::string(pad, 'p') + "\"," + one.line.substr(1)
              : one.line;
      compare_modes(ruleset, padded);
    }
  }
}

TEST_CASE("on random records every mode finds the same") {
  const std::string others =
      rule("any", "product: windows", "  s: {eventName: GetUser}\n  condition: s\n") +
      rule("nginx", "service: nginx", "  s: {eventName: GetUser}\n  condition: s\n") +
      rule("exists", "product: aws", "  s: {x|exists: true, type: Data}\n  condition: s\n");
  LoadOptions options;
  options.expected_sources = {{"", "linux", ""}};
  const std::vector<std::shared_ptr<const Ruleset>> sets = {
      load(usual_rules()),
      load_text(usual_rules() + others, options).ruleset,
  };
  std::vector<DecodeOptions> inputs(4);
  inputs[1].format = InputFormat::json;
  inputs[2].any_log_source = true;
  inputs[3].log_source = LogSource{"", "aws", "iam"};
  std::uint64_t rejected = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    RecordMaker maker(seed);
    std::string text;
    for (int i = 0; i < 150; ++i) {
      text += maker.line();
    }
    for (const auto& ruleset : sets) {
      for (const DecodeOptions& input : inputs) {
        CAPTURE(seed);
        const std::uint64_t here = compare_modes(ruleset, text, input);
        rejected += here;
      }
    }
  }
  CHECK(rejected > 5000);  // else nothing was tried
}

TEST_CASE("every pass of every machine judges alike") {
  const auto ruleset = load(usual_rules());
  const std::vector<Filter::Path> paths = {
      Filter::Path::avx512, Filter::Path::avx2, Filter::Path::baseline};
  std::string text;
  RecordMaker maker(77);
  for (int i = 0; i < 3000; ++i) {
    text += maker.line();
  }
  for (const Case& one : doubts()) {
    text += one.line + "\n";
  }
  text += record("GetUser");  // the last line has no newline
  const std::string padded = text + std::string(limits::padding_bytes, '\0');
  const auto verdicts = [&](Filter::Path path) {
    Filter filter(*ruleset->program, {}, FilterMode::on, false, path);
    std::string out;
    const char* const end = padded.data() + text.size();
    for (const char* at = padded.data(); at < end;) {
      REQUIRE(filter.wants_next());
      const Filter::Line line = filter.next(at, end);
      out += std::to_string(line.end - padded.data()) + (line.rejected ? "r" : "p") +
             (line.has_backslash ? "b" : "-") + " ";
      at = line.end + 1;
    }
    return out;
  };
  const std::string baseline = verdicts(Filter::Path::baseline);
  for (const Filter::Path path : paths) {
    if (Filter::supported(path)) {
      CAPTURE(static_cast<int>(path));
      CHECK(verdicts(path) == baseline);
    }
  }
}

TEST_CASE("on real records and all public rules every mode finds the same") {
  const std::filesystem::path rules = shared_folder() / "rules" / "sigmahq";
  const std::filesystem::path data = shared_folder() / "data" / "cloudtrail-dev.ndjson";
  if (!std::filesystem::exists(rules) || !std::filesystem::exists(data)) {
    std::cout << "skipped: no public rules and records in " << shared_folder() << "\n";
    return;
  }
  std::ifstream file(data, std::ios::binary);
  std::string text;
  std::string line;
  for (int i = 0; std::getline(file, line); ++i) {
    text += line + "\n";
  }
  LoadOptions options;
  options.paths = {rules.string()};
  const LoadResult all = load_rules(options);
  options.paths = {(rules / "rules" / "cloud" / "aws").string()};
  const LoadResult some = load_rules(options);
  const std::uint64_t routed = compare_modes(all.ruleset, text);
  const std::uint64_t alone = compare_modes(some.ruleset, text);
  CHECK(routed == alone);
  CHECK(routed > 2000);
}
