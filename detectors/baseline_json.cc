// SPDX-License-Identifier: Apache-2.0
// A baseline as JSON, for `tocsin state`: what people read, and take from one machine to another.
#include <algorithm>
#include <limits>

#include "detectors/baseline.h"
#include "detectors/common.h"
#include "detectors/state_json.h"

namespace tocsin {

namespace {

template <typename Number>
Number bounded(std::uint64_t number) {
  return static_cast<Number>(std::min<std::uint64_t>(number, std::numeric_limits<Number>::max()));
}

}  // namespace

std::string baseline_json(const Baseline& baseline) {
  EvidenceWriter json;
  json.text("since", format_rfc3339(baseline.since()));
  json.text("last_seen", format_rfc3339(baseline.last_seen()));
  json.integer("events", baseline.events());
  std::vector<const KnownValue*> sorted;
  for (const KnownValue& value : baseline.values()) {
    sorted.push_back(&value);
  }
  std::sort(sorted.begin(), sorted.end(), [](const KnownValue* a, const KnownValue* b) {
    return a->text < b->text;
  });
  std::string values = "[";
  for (const KnownValue* value : sorted) {
    EvidenceWriter member;
    member.text("value", value->text);
    member.text("first_seen", format_rfc3339(value->first_seen));
    member.text("last_seen", format_rfc3339(value->last_seen));
    member.integer("days", value->days);
    member.integer("events", value->count);
    values += values.size() > 1 ? "," : "";
    values += std::move(member).finish();
  }
  json.raw("values", values + "]");
  return std::move(json).finish();
}

Result<Baseline> baseline_of_json(std::string_view text) {
  const Result<JsonNode> root = parse_json(text);
  if (!root || root->kind != JsonNode::Kind::object) {
    return fail("a baseline is a JSON object");
  }
  const auto since = time_at(*root, "since");
  const auto last_seen = time_at(*root, "last_seen");
  const auto events = number_at(*root, "events");
  const JsonNode* values = root->get("values");
  if (!since || !last_seen || !events || values == nullptr ||
      values->kind != JsonNode::Kind::array) {
    return fail("a baseline has since, last_seen, events and values");
  }
  Baseline baseline;
  baseline.since_ = *since;
  baseline.last_seen_ = *last_seen;
  baseline.events_ = *events;
  for (const JsonNode& node : values->children) {
    const JsonNode* name = node.get("value");
    const auto first = time_at(node, "first_seen");
    const auto last = time_at(node, "last_seen");
    const auto days = number_at(node, "days");
    const auto count = number_at(node, "events");
    if (name == nullptr || !first || !last || !days || !count || *days == 0 || *first > *last) {
      return fail("a known value has value, first_seen, last_seen, days and events");
    }
    KnownValue value;
    value.text = name->text;
    value.first_seen = *first;
    value.last_seen = *last;
    value.days = bounded<std::uint16_t>(*days);
    value.days_seen = *days >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << *days) - 1;
    value.count = bounded<std::uint32_t>(*count);
    if (baseline.locate(value.text, 0) != nullptr) {
      return fail("the value " + printable(value.text) + " is there twice");
    }
    baseline.add(std::move(value));
  }
  return baseline;
}

}  // namespace tocsin
