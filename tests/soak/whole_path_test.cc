// SPDX-License-Identifier: Apache-2.0
// The whole path of a batch, from its bytes to its matches, against the naive twin: random programs
// on records with repeated keys, escapes, odd white space, deep nesting, huge numbers, bytes that
// are no UTF-8 and damage of every kind. Each record is evaluated with the filter, without it and
// strictly. TOCSIN_EVALUATIONS says how many record evaluations; the seed of a program that differs
// is printed, and TOCSIN_SEED starts there.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/flow/ruleset.h"
#include "engine/flow/worker.h"
#include "tests/match/random_program.h"
#include "tests/support/vary_json.h"

namespace tocsin::testing {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Makes odd records of plain ones.
class Spoiler {
 public:
  explicit Spoiler(std::uint32_t seed) : random_(seed) {}

  std::size_t pick(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return pick(n) == 0; }

  // Another spelling of the same record: white space between tokens, \u for letters.
  std::string respelt(const std::string& json) {
    const std::size_t spaces = one_in(3) ? 6 : 0;
    const std::size_t escapes = one_in(3) ? 10 : 0;
    std::string out;
    bool in_string = false;
    for (std::size_t at = 0; at < json.size(); ++at) {
      const char c = json[at];
      if (!in_string && spaces != 0 && one_in(spaces) && out.size() > 1) {
        static const char* const white[] = {" ", "  ", "\t", "\r", " \t "};
        // Not inside a bare word.
        const bool between = is_json_operator(c) || c == '"' || is_json_operator(out.back());
        out += between ? white[pick(5)] : "";
      }
      if (c == '"') {
        in_string = !in_string;
      } else if (in_string && c == '\\') {
        const std::size_t size = json[at + 1] == 'u' ? 6 : 2;
        out += json.substr(at, size);
        at += size - 1;
        continue;
      } else if (in_string && escapes != 0 && static_cast<unsigned char>(c) < 0x80 &&
                 one_in(escapes)) {
        static const char* const digits = "0123456789abcdefABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        const std::size_t low = byte & 15u;
        out += "\\u00";
        out += digits[byte >> 4];
        out += digits[low >= 10 && one_in(2) ? low + 6 : low];
        continue;
      }
      out += c;
    }
    return out;
  }

  // Members that a strict parser refuses, or nearly.
  std::string odd_member() {
    static const char* const members[] = {"\"n\":1e400",
                                          "\"n\":123456789012345678901234567890123456789",
                                          "\"n\":-0.0",
                                          "\"n\":42.000",
                                          "\"n\":01x",
                                          "\"n\":NaN",
                                          "\"a\":tru",
                                          "\"a\":\"\\ud800\"",
                                          "\"a\":\"\\ude00\\ud83d\"",
                                          "\"b\":\"\\x\"",
                                          "\"b\":\"\\u12\"",
                                          "\"\":\"CreateUser\"",
                                          "\"a.b\":{\"b\":42}",
                                          "\"eventName\":\"\\u0043reateUser\"",
                                          "\"eventName\":[\"CreateUser\",[\"x\"],{\"b\":1}]"};
    if (one_in(12)) {
      const std::size_t depth = 1015 + pick(20);
      const bool array = one_in(2);
      std::string deep = "\"a\":";
      for (std::size_t i = 0; i < depth; ++i) {
        deep += array ? "[" : "{\"b\":";
      }
      deep += "\"CreateUser\"";
      return deep.append(depth, array ? ']' : '}');
    }
    return members[pick(std::size(members))];
  }

  // Bytes that are no UTF-8, control characters, or any damage at all.
  void damage(std::string& json) {
    static const std::string bytes = "\xff\x80\xc3\xe2\x84\xaa\x01\x1f\x7f{}[]:,\"\\ x0\t";
    for (std::size_t i = 1 + pick(2); i > 0; --i) {
      const std::size_t at = 1 + pick(json.size() - 1);
      const char c = bytes[pick(bytes.size())];
      switch (pick(3)) {
        case 0:
          json[at] = c;
          break;
        case 1:
          json.insert(at, 1, c);
          break;
        default:
          json.erase(at, 1 + pick(3));
          break;
      }
      if (json.size() < 2) {
        json = "{}";
      }
    }
  }

 private:
  std::mt19937 random_;
};

std::string odd_record(Generator& generator, Spoiler& spoiler, const std::string& beginning) {
  std::string body = generator.record().substr(1);
  body.pop_back();
  const auto join = [&body](const std::string& more) {
    body += body.empty() || more.empty() ? more : "," + more;
  };
  if (spoiler.one_in(4)) {
    const std::string again = generator.record();
    join(again.substr(1, again.size() - 2));
  }
  if (spoiler.one_in(4)) {
    join(spoiler.odd_member());
  }
  body = "{" + body + "}";
  if (spoiler.one_in(2)) {
    body = spoiler.respelt(body);
  }
  if (spoiler.one_in(6)) {
    spoiler.damage(body);
  }
  const std::string rest = body.substr(1);
  if (beginning.empty()) {
    return "{" + rest;
  }
  const bool ends = trim_json_space(rest).starts_with("}");
  return "{" + beginning + (ends ? "" : ",") + rest;
}

// How the records of a batch come to their log source.
struct Kind {
  DecodeOptions options;
  SourceClass source;
  std::string beginning;  // of each record
};

std::vector<Kind> kinds() {
  Kind unknown;
  Kind any;
  any.options.any_log_source = true;
  any.source.kind = SourceClass::Kind::any;
  Kind windows;
  windows.options.log_source = LogSource{"process_creation", "windows", ""};
  windows.source.kind = SourceClass::Kind::known;
  windows.source.category = "process_creation";
  windows.source.product = "windows";
  Kind cloudtrail;
  cloudtrail.beginning =
      R"("eventVersion":"1.08","awsRegion":"x","eventSource":"iam.amazonaws.com","eventName":"Get")";
  cloudtrail.source.kind = SourceClass::Kind::known;
  cloudtrail.source.category = "management";
  cloudtrail.source.product = "aws";
  cloudtrail.source.service = "cloudtrail";
  cloudtrail.source.event_source = "iam";
  return {unknown, any, windows, cloudtrail};
}

struct Results {
  std::vector<std::vector<RuleId>> matches;  // by record
  std::vector<bool> malformed;
};

Results run(Worker& worker, Batch& batch, const DecodeOptions& options, std::size_t records) {
  auto source = std::make_shared<SourceInfo>();
  source->decode = options;
  batch.source = source;
  const Outcome outcome = worker.process(batch);
  REQUIRE(outcome.records == records);
  Results results;
  results.matches.resize(records);
  results.malformed.resize(records);
  for (const Match& match : outcome.result.matches) {
    results.matches[match.sequence].push_back(match.rule);
  }
  for (const BadRecord& bad : outcome.result.bad) {
    results.malformed[bad.record] = true;
  }
  return results;
}

struct Tally {
  std::uint64_t evaluations = 0;
  std::uint64_t matches = 0;
  std::uint64_t malformed = 0;
};

class Trial {
 public:
  explicit Trial(std::uint32_t seed)
      : generator_(seed),
        spoiler_(seed ^ 0x5eed),
        variation_(seed ^ 0xfeed),
        kind_(kinds()[seed % 4]) {
    ProgramBuilder builder;
    builder.expect_source({"process_creation", "windows", ""});
    for (std::size_t i = 1 + generator_.pick(20); i > 0; --i) {
      rules_.push_back({generator_.expr(1 + generator_.pick(4)), generator_.log_source()});
      builder.rule(compile(rules_.back().condition, builder), rules_.back().source, {});
    }
    auto ruleset = std::make_shared<Ruleset>();
    ruleset->program = builder.build();
    batch_.ruleset = ruleset;
    batch_.lines = true;
  }

  void compare(Tally& tally) {
    std::vector<std::string> lines;
    std::string bytes;
    for (int i = 0; i < 60; ++i) {
      // Many are built like one before.
      const bool like = !lines.empty() && generator_.pick(2) == 0;
      const std::string line = like ? resembling(lines[generator_.pick(lines.size())])
                                    : odd_record(generator_, spoiler_, kind_.beginning);
      lines.push_back(line);
      bytes += line + "\n";
    }
    const std::size_t size = bytes.size();
    bytes.append(limits::padding_bytes, '"');
    batch_.bytes = std::string_view(bytes).substr(0, size);
    const Results walked = run(off_, batch_, kind_.options, lines.size());
    const Results filtered = run(on_, batch_, kind_.options, lines.size());
    DecodeOptions strict_options = kind_.options;
    strict_options.strict_json = true;
    const Results strict = run(off_, batch_, strict_options, lines.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      CAPTURE(lines[i]);
      // The filter rejects nothing that matches, malformed or not.
      REQUIRE(filtered.matches[i] == walked.matches[i]);
      const std::optional<std::vector<RuleId>> expected = wanted(lines[i]);
      CHECK(strict.malformed[i] == !expected.has_value());
      if (expected) {
        REQUIRE(walked.matches[i] == *expected);
        REQUIRE(strict.matches[i] == *expected);
        REQUIRE_FALSE(walked.malformed[i]);
      } else {
        REQUIRE(strict.matches[i].empty());
      }
      tally.matches += expected ? expected->size() : 0;
      tally.malformed += expected ? 0u : 1u;
    }
    tally.evaluations += 3 * lines.size();
  }

 private:
  // It stays a record of its log source.
  std::string resembling(const std::string& line) {
    static const std::vector<std::string> strings = {"a",
                                                     "b",
                                                     "a.b",
                                                     "eventName",
                                                     "CreateUser",
                                                     "createuser",
                                                     "\\u0043reateUser",
                                                     "",
                                                     "x",
                                                     "42",
                                                     "\\",
                                                     "\xc3\xa9",
                                                     "\xff"};
    const std::size_t kept = 1 + kind_.beginning.size();
    return line.substr(0, kept) + variation_.of(line.substr(kept), strings, 10);
  }

  // nullopt: the record is malformed.
  std::optional<std::vector<RuleId>> wanted(const std::string& line) const {
    const auto tree = parse_json(line);
    if (!tree.has_value()) {
      return std::nullopt;
    }
    std::vector<RuleId> all;
    const Program& program = *batch_.ruleset->program;
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      const bool excluded =
          kind_.source.kind == SourceClass::Kind::unknown && program.needs_nothing(RuleId{i});
      if (!excluded && applies(rules_[i].source, kind_.source) &&
          naive_holds(rules_[i].condition, *tree)) {
        all.push_back(RuleId{i});
      }
    }
    return all;
  }

  Generator generator_;
  Spoiler spoiler_;
  JsonVariation variation_;
  Kind kind_;
  std::vector<NaiveRule> rules_;
  Batch batch_;
  Worker off_{false, FilterMode::off};
  Worker on_{false, FilterMode::on};
};

}  // namespace

TEST_CASE("the whole path finds what the naive twin finds, in every mode") {
  const std::uint64_t wanted = number_from("TOCSIN_EVALUATIONS", 60'000);
  Tally tally;
  std::uint64_t programs = 0;
  for (auto seed = static_cast<std::uint32_t>(number_from("TOCSIN_SEED", 1));
       tally.evaluations < wanted;
       ++seed) {
    CAPTURE(seed);
    Trial trial(seed);
    trial.compare(tally);
    ++programs;
  }
  MESSAGE(tally.evaluations << " record evaluations of " << programs
                            << " programs: " << tally.matches << " matches, " << tally.malformed
                            << " malformed records");
  CHECK(tally.matches > tally.evaluations / 20);
  CHECK(tally.malformed > tally.evaluations / 100);
}

}  // namespace tocsin::testing
