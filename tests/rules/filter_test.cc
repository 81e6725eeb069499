// SPDX-License-Identifier: Apache-2.0
// The filter before the parse: what it rejects matches nothing on the full path, and counts as one
// record there. Every mode and every pass, on records written to deceive it, random ones and real
// ones.
#include "engine/match/filter.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/fold.h"
#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "engine/base/time.h"
#include "engine/flow/worker.h"
#include "tests/rules/load_fixture.h"

using namespace tocsin;
using tocsin::test::load_text;
using tocsin::test::shared_folder;

namespace {

struct Seen {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> matches;  // rule, record
  std::uint64_t records = 0;
  std::uint64_t unvalidated = 0;
  std::uint64_t skipped = 0;
};

Batch batch_of(const std::string& padded,
               std::size_t size,
               const DecodeOptions& options,
               std::shared_ptr<const Ruleset> ruleset) {
  Batch batch;
  auto source = std::make_shared<SourceInfo>();
  source->decode = options;
  batch.source = source;
  batch.ruleset = std::move(ruleset);
  batch.bytes = std::string_view(padded).substr(0, size);
  batch.lines = true;
  return batch;
}

Seen run(const std::shared_ptr<const Ruleset>& ruleset,
         const std::string& text,
         FilterMode mode,
         const DecodeOptions& options = {}) {
  const std::string padded = text + std::string(limits::padding_bytes, '\0');
  Worker worker(false, mode);
  const Outcome outcome = worker.process(batch_of(padded, text.size(), options, ruleset));
  Seen seen;
  for (const Match& match : outcome.result.matches) {
    seen.matches.emplace_back(index(match.rule), match.sequence);
  }
  seen.records = outcome.records;
  seen.unvalidated = outcome.result.counters.unvalidated;
  seen.skipped = outcome.result.counters.skipped;
  return seen;
}

DecodeOptions strict_of(DecodeOptions options) {
  options.strict_json = true;
  return options;
}

// Three modes, one set of matches. Returns how many records were rejected.
std::uint64_t compare_modes(const std::shared_ptr<const Ruleset>& ruleset,
                            const std::string& text,
                            const DecodeOptions& options = {}) {
  const Seen off = run(ruleset, text, FilterMode::off, options);
  const Seen on = run(ruleset, text, FilterMode::on, options);
  const Seen strict = run(ruleset, text, FilterMode::on, strict_of(options));
  CHECK(off.unvalidated == 0);
  CHECK(strict.unvalidated == 0);
  CHECK(on.matches == off.matches);
  CHECK(strict.matches == off.matches);
  CHECK(on.records == off.records);
  CHECK(on.skipped == off.skipped);
  return on.unvalidated;
}

std::string rule(const std::string& title,
                 const std::string& log_source,
                 const std::string& detection) {
  return "title: " + title + "\nlogsource: {" + log_source + "}\ndetection:\n" + detection +
         "---\n";
}

std::shared_ptr<const Ruleset> load(const std::string& text) {
  const LoadResult loaded = load_text(text);
  REQUIRE_MESSAGE(loaded.rejected == 0, tocsin::test::all_text(loaded.diagnostics));
  return loaded.ruleset;
}

const std::string aws = "product: aws, service: cloudtrail";

std::string usual_rules() {
  return rule("user", aws, "  s: {eventName: CreateUser}\n  condition: s\n") +
         rule("key",
              aws,
              "  s: {eventName|startswith: CreateAccess, eventSource: iam.amazonaws.com}\n"
              "  condition: s\n") +
         rule("root",
              aws,
              "  s: {userIdentity.type: Root}\n"
              "  f: {eventType: AwsServiceEvent}\n  condition: s and not f\n") +
         rule(
             "arn", aws, "  s: {userIdentity.arn|re: '.+:assumed-role/aws:.+'}\n  condition: s\n") +
         rule("tool", aws, "  s: {userAgent|contains: Kraken}\n  condition: s\n");
}

// A CloudTrail record with these members beside the usual ones.
std::string record(const std::string& name, const std::string& more = "") {
  return R"({"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/a"},)"
         R"("eventTime":"2026-01-02T03:04:05Z","eventSource":"iam.amazonaws.com","eventName":")" +
         name + R"(","awsRegion":"us-east-1","userAgent":"aws-cli/2")" +
         (more.empty() ? "" : "," + more) + "}";
}

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

}  // namespace

TEST_CASE("two characters beyond ASCII fold to a letter of it, and no other") {
  for (char32_t c = 0x80; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) {
      continue;
    }
    std::string text;
    append_utf8(c, text);
    const std::string folded = fold(text);
    const bool is_ascii = static_cast<unsigned char>(folded[0]) < 0x80;
    if (is_ascii != (c == 0x17f || c == 0x212a)) {
      FAIL("code point " << static_cast<std::uint32_t>(c));
    }
  }
}

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

TEST_CASE("the greatest event time is the same with the filter and without") {
  const auto ruleset = load(usual_rules());
  std::string text;
  for (int i = 0; i < 50; ++i) {
    std::string line = record(i % 9 == 0 ? "CreateUser" : "GetUser");
    line.replace(
        line.find("03:04"), 5, "0" + std::to_string(i * 7 % 10) + ":0" + std::to_string(i % 10));
    text += line + "\n";
  }
  text += record("GetUser", R"("eventTime":"2099-01-01T00:00:00Z")") + "\n";  // not the first
  const std::string padded = text + std::string(limits::padding_bytes, '\0');
  const auto latest = [&](FilterMode mode) {
    Worker worker(false, mode, true);
    return worker.process(batch_of(padded, text.size(), {}, ruleset)).result.latest_time;
  };
  REQUIRE(latest(FilterMode::off).has_value());
  CHECK(format_rfc3339(*latest(FilterMode::off)) == "2026-01-02T09:07:05Z");
  CHECK(latest(FilterMode::on) == latest(FilterMode::off));
}

TEST_CASE("a rejected record keeps its number and its neighbours theirs") {
  const auto ruleset = load(usual_rules());
  std::string text;
  for (int i = 0; i < 40; ++i) {
    text += record(i % 7 == 3 ? "CreateUser" : "GetUser") + "\n" + (i % 5 == 0 ? "\n" : "");
  }
  const Seen on = run(ruleset, text, FilterMode::on);
  CHECK(on.records == 40);
  CHECK(on.unvalidated == 34);
  REQUIRE(on.matches.size() == 6);
  CHECK(on.matches[1].second == 10);
  CHECK(compare_modes(ruleset, text) == 34);
}

TEST_CASE("the filter is off where a rule needs every record, and says which") {
  struct Refusal {
    const char* detection;
    const char* reason;
  };
  const std::vector<Refusal> refusals = {
      {"  k: ['some words']\n  condition: k\n", "can match without a value of a key"},
      {"  s: {errorCode: x}\n  condition: not s\n", "matches records by what is not in them"},
      {"  s: {errorCode: null}\n  condition: s\n", "matches records by what is not in them"},
      {"  s: {tocsin.principal: x}\n  condition: s\n", "can match without a value of a key"},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.detection);
    const auto ruleset = load(usual_rules() + rule("other", aws, refusal.detection));
    const FilterChoice choice = Filter::choice(*ruleset->program, {}, false);
    CHECK_FALSE(choice.usable);
    CHECK(choice.reason == refusal.reason);
    REQUIRE(choice.rule.has_value());
    CHECK(ruleset->rules[index(*choice.rule)].title == "other");
    CHECK(compare_modes(ruleset, record("GetUser")) == 0);
  }
  const auto ruleset = load(usual_rules());
  CHECK(Filter::choice(*ruleset->program, {}, false).usable);
  CHECK_FALSE(Filter::choice(*ruleset->program, strict_of({}), false).usable);
}

TEST_CASE("rules of other log sources do not switch it off, and are not forgotten") {
  const std::string others =
      rule("words", "product: windows", "  k: ['some words']\n  condition: k\n") +
      rule("any", "product: windows", "  s: {eventName: Odd}\n  condition: s\n") +
      rule("nginx", "service: nginx", "  s: {eventName: Odd}\n  condition: s\n") +
      rule("insight", "product: aws, category: odd", "  s: {eventName: Odd}\n  condition: s\n");
  const auto ruleset = load(usual_rules() + others);
  const auto with_source = [](std::string line, const std::string& source) {
    return line.replace(line.find("iam.amazonaws"), 13, source);
  };
  CHECK(compare_modes(ruleset, record("Odd")) == 1);
  CHECK(compare_modes(ruleset, with_source(record("Odd"), "nginx")) == 0);
  CHECK(compare_modes(ruleset, record("Odd", R"("eventCategory":"Odd")")) == 0);
  CHECK(compare_modes(ruleset, record("Odd", R"("eventCategory":"Data")")) == 1);
  CHECK(compare_modes(ruleset, R"({"eventName":"Odd"})") == 0);
  DecodeOptions any;
  any.any_log_source = true;
  CHECK(compare_modes(ruleset, record("Odd"), any) == 0);
  DecodeOptions fixed;
  fixed.log_source = LogSource{"", "windows", "security"};
  CHECK(compare_modes(ruleset, record("Odd"), fixed) == 0);
}

TEST_CASE("an input of one log source needs no CloudTrail records") {
  LoadOptions options;
  options.expected_sources = {{"", "linux", "auditd"}};
  const LoadResult loaded =
      load_text(rule("user", "product: linux", "  s: {a.name: CreateUser}\n  condition: s\n") +
                    rule("words", "product: windows", "  k: ['some words']\n  condition: k\n"),
                options);
  DecodeOptions fixed;
  fixed.log_source = options.expected_sources[0];
  const std::string lines =
      "{\"a\":{\"name\":\"x\"}}\n{\"a\":{\"name\":\"createuser\"}}\n"
      "{\"a.name\":\"CreateUser\"}\n{\"b\":1}\n[{\"b\":1},{\"b\":2}]\n";
  CHECK(compare_modes(loaded.ruleset, lines, fixed) == 2);
  const Seen on = run(loaded.ruleset, lines, FilterMode::on, fixed);
  CHECK(on.matches.size() == 2);
  CHECK(on.records == 6);
}

TEST_CASE("in automatic mode it rests where most records pass") {
  const auto ruleset = load(usual_rules());
  std::string matching;
  std::string other;
  for (int i = 0; i < 4000; ++i) {
    matching += record("CreateUser") + "\n";
    other += record("GetUser") + "\n";
  }
  const Seen all = run(ruleset, matching + other, FilterMode::automatic);
  CHECK(all.matches.size() == 4000);
  CHECK(all.unvalidated == 0);
  const Seen rare = run(ruleset, other + matching, FilterMode::automatic);
  CHECK(rare.matches.size() == 4000);
  CHECK(rare.unvalidated == 4000);
}

TEST_CASE("lines that are too long or full of hits pass") {
  const auto ruleset = load(usual_rules());
  const std::string long_text(40'000, 'x');
  CHECK(compare_modes(ruleset, record("GetUser", "\"x\":\"" + long_text + "\"")) == 0);
  std::string many;
  for (int i = 0; i < 800; ++i) {
    many += (i == 0 ? "" : ",");
    many += R"("eventName":"x")";
  }
  CHECK(compare_modes(ruleset, record("GetUser", many)) == 0);
  CHECK(compare_modes(ruleset, record("CreateUser", "\"x\":\"" + long_text + "\"")) == 0);
}

namespace {

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
