// SPDX-License-Identifier: Apache-2.0
// When the filter before the parse may be used, what it counts and what it says.
#include "engine/match/filter.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/fold.h"
#include "engine/base/text.h"
#include "engine/base/time.h"
#include "tests/rules/filter_fixture.h"

using namespace tocsin;
using namespace tocsin::test;

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

TEST_CASE("a field that one which decides is compared with is read with it") {
  const auto ruleset =
      load(rule("same", aws, "  s: {eventName|fieldref: other.name}\n  condition: s\n") +
           rule("more", aws, "  s: {eventName: CreateUser, more.text: x}\n  condition: s\n"));
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += record("GetUser", R"("other":{"name":"GetUser"})") + "\n";
    text += record("GetUser", R"("other":{"name":"PutUser"})") + "\n";
  }
  CHECK(run(ruleset, text, FilterMode::off).matches.size() == 100);
  compare_modes(ruleset, text);
}

TEST_CASE("what is broken behind the fields that decide matches nothing, and is one record") {
  const auto ruleset =
      load(rule("more", aws, "  s: {eventName: CreateUser, more.text: x}\n  condition: s\n"));
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += record("CreateUser", R"("more":{"text" "x"})") + "\n";
    text += record("CreateUser", R"("more":{"text":"x"})") + "\n";
    text += record("GetUser", R"("more":{"text":"x"})") + "\n";
  }
  const Seen off = run(ruleset, text, FilterMode::off);
  CHECK(off.matches.size() == 100);
  CHECK(off.records == 300);
  compare_modes(ruleset, text);
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
  CHECK(rare.unvalidated == (Filter::pays(Filter::best_path()) ? 4000 : 0));
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
