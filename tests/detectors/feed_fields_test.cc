// SPDX-License-Identifier: Apache-2.0
// What the workers read for correlations equals what is read from the record's tree.
#include <random>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/fields.h"
#include "engine/base/hash.h"
#include "engine/event/json_tree.h"
#include "engine/flow/feed.h"
#include "engine/flow/run.h"
#include "tests/rules/load_fixture.h"
#include "tests/support/memory_input.h"

namespace tocsin {
namespace {

constexpr const char* rules =
    "title: r\nname: r\nlogsource: {product: test}\ndetection:\n  sel:\n    k: x\n"
    "  condition: sel\n---\n"
    "title: c\ncorrelation:\n  type: value_count\n  rules: [r]\n  group-by: [g, a.b, "
    "tocsin.source.ip]\n  timespan: 1h\n  condition: {field: a.b, gte: 100}\n---\n"
    "title: d\ncorrelation:\n  type: value_count\n  rules: [r]\n  group-by: [tocsin.principal]\n"
    "  timespan: 1h\n  condition: {field: a, gte: 100}\n";

std::string random_scalar(std::mt19937_64& random) {
  constexpr const char* scalars[] = {"1",
                                     "1.0",
                                     "100",
                                     "1e2",
                                     "-0",
                                     "0.5",
                                     "123456789012345678901",
                                     "null",
                                     "true",
                                     "\"1\"",
                                     "\"\"",
                                     "[]",
                                     "\"a\\nb\"",
                                     "\"\\u00e9\"",
                                     "{}",
                                     "[null]",
                                     "[1,[2,null]]",
                                     "\"a\\u0\"",
                                     "1e400",
                                     "\"\\ud800\"",
                                     "-1.50",
                                     "\"a value that is long enough to be in a feed once\"",
                                     "\"a value that is long enough, and another one\"",
                                     "\"a value that is long, \\u00e9 and written with escapes\""};
  return scalars[random() % std::size(scalars)];
}

std::string random_value(std::mt19937_64& random, int depth) {
  if (depth == 0 || random() % 3 == 0) {
    return random_scalar(random);
  }
  constexpr const char* keys[] = {"a", "b", "a.b", "c", "\\u0062"};
  const bool is_array = random() % 3 == 0;
  std::string text = is_array ? "[" : "{";
  for (std::uint64_t n = random() % 4; n > 0; --n) {
    text += text.size() > 1 ? ", " : "";
    if (!is_array) {
      text += "\"" + std::string(keys[random() % std::size(keys)]) + "\" :";
    }
    text += random_value(random, depth - 1);
  }
  return text + (is_array ? "]" : "}");
}

std::string random_record(std::mt19937_64& random) {
  constexpr const char* addresses[] = {
      "\"192.0.2.1\"", "\"::ffff:192.0.2.1\"", "\"AWS Internal\"", "7", "null"};
  std::string text = "{\"eventTime\":\"2026-11-20T09:00:00Z\",\"k\":\"x\"";
  for (const char* key : {"a", "g", "a", "a.b"}) {
    if (random() % 2 == 0) {
      text += ",\"" + std::string(key) + "\":" + random_value(random, 3);
    }
  }
  text += ",\"sourceIPAddress\":" + std::string(addresses[random() % std::size(addresses)]);
  text += ",\"userIdentity\":{\"type\":\"IAMUser\",\"arn\":" + random_scalar(random) + "}";
  return text + "}";
}

std::vector<std::string> bounded(const FieldTexts& texts) {
  std::vector<std::string> values;
  for (const std::string& value : texts.values) {
    std::string room;
    values.emplace_back(bounded_text(value, room));
  }
  return values;
}

TEST_CASE("group keys and values are those of the record's tree, for odd records too") {
  const LoadResult loaded = test::load_text(rules);
  REQUIRE(loaded.diagnostics.errors() == 0);
  std::mt19937_64 random(5);
  std::size_t compared = 0;
  std::size_t repeated = 0;
  class Compare final : public ResultConsumer {
   public:
    Compare(const Ruleset& ruleset,
            const std::vector<std::string>& lines,
            std::size_t& compared,
            std::size_t& repeated)
        : ruleset_(ruleset), lines_(lines), compared_(compared), repeated_(repeated) {}
    void consume(BatchResult& result) override {
      REQUIRE(result.feed != nullptr);
      const Feed& feed = *result.feed;
      std::set<std::size_t> offsets;
      for (const FeedRecord& record : feed.records) {
        const std::string& line = lines_[record.sequence];
        CAPTURE(line);
        const Result<JsonNode> tree = parse_json(line);
        REQUIRE(tree.has_value());
        REQUIRE(record.event_count == 2);
        for (std::uint32_t i = 0; i < record.event_count; ++i) {
          const FeedEvent& event = feed.events[record.first_event + i];
          const CorrelationSpec& spec = ruleset_.correlations[event.spec];
          std::vector<std::optional<std::string>> group;
          for (const std::string& field : spec.group_by) {
            group.push_back(read_field(*tree, field, {}).single());
          }
          REQUIRE(parse_group_key(feed.text(event.key)) == group);
          const FeedField& field = feed.fields[event.first_field];
          std::vector<std::string> values;
          for (std::uint32_t value = 0; value < field.count; ++value) {
            const FeedText& text = feed.values[field.first + value];
            values.emplace_back(feed.text(text));
            const bool knows_hash = text.hash == 0 || text.hash == text_hash(values.back());
            REQUIRE(knows_hash);
            repeated_ += text.size >= 24 && !offsets.insert(text.offset).second ? 1u : 0u;
          }
          REQUIRE(values == bounded(read_field(*tree, spec.fields[0], {})));
          ++compared_;
        }
      }
    }

   private:
    const Ruleset& ruleset_;
    const std::vector<std::string>& lines_;
    std::size_t& compared_;
    std::size_t& repeated_;
  };
  std::vector<std::string> lines;
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    lines.push_back(random_record(random));
    text += lines.back() + "\n";
  }
  testing::MemorySource source;
  source.text = text;
  source.decode.any_log_source = true;
  testing::MemoryInput input({source}, {});
  const RulesetSlot slot(loaded.ruleset);
  Run run(input, slot, RunOptions{});
  Compare compare(*loaded.ruleset, lines, compared, repeated);
  run.run(compare);
  CHECK(compared == 10'000);
  CHECK(repeated > 50);
}

}  // namespace
}  // namespace tocsin
