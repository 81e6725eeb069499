// SPDX-License-Identifier: Apache-2.0
#include "engine/event/log_source.h"

#include <algorithm>
#include <cstring>

namespace tocsin {
namespace {

// Compared in place, by a few words: asked of every record.
template <std::size_t size>
bool is_literal(std::string_view text, const char (&literal)[size]) {
  return text.size() == size - 1 && std::memcmp(text.data(), literal, size - 1) == 0;
}

// The first value of a field that is a string itself, not an element of an array.
EntryId first_string(const Event& event, FieldId field) {
  EntryId entry = event.first(field);
  while (entry != no_entry &&
         (event.value(entry).kind != ValueKind::string || event.value(entry).in_array)) {
    entry = event.next(entry);
  }
  return entry;
}

std::string_view lower_case(Event& event, std::string_view text) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (is_literal(text, "Management")) {
    return "management";
  }
  if (is_literal(text, "Data")) {
    return "data";
  }
  if (std::none_of(text.begin(), text.end(), upper)) {
    return text;
  }
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [upper](char c) {
    return upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return event.keep(lower);
}

bool attribute_applies(const std::string& rule, std::string_view record) {
  return rule.empty() || rule == record;
}

bool has_value(Event& event, FieldId field, const std::vector<std::string>& folded_values) {
  for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
    const ValueKind kind = event.value(entry).kind;
    const bool scalar =
        kind == ValueKind::string || kind == ValueKind::number || kind == ValueKind::boolean;
    if (scalar &&
        std::binary_search(folded_values.begin(), folded_values.end(), event.folded(entry))) {
      return true;
    }
  }
  return false;
}

SourceClass by_field_table(Event& event) {
  for (const FieldPlan::SourceField& row : event.plan().source_fields()) {
    if (has_value(event, row.field, row.folded_values)) {
      return class_of(row.source);
    }
  }
  return {};
}

// The shape alone: says all of `source` for CloudTrail, else nothing.
void classify_by_shape(Event& event, SourceClass& source) {
  const FieldPlan::System& fields = event.plan().system();
  if (first_string(event, fields.event_version) == no_entry ||
      first_string(event, fields.aws_region) == no_entry) {
    return;
  }
  const EntryId service = first_string(event, fields.event_source);
  const std::string_view service_name =
      service == no_entry ? std::string_view() : event.text(service);
  const bool call = first_string(event, fields.event_name) != no_entry && service != no_entry &&
                    !service_name.starts_with("aws:");
  if (!call) {
    const EntryId type = first_string(event, fields.event_type);
    if (type == no_entry || event.text(type) != "AwsCloudTrailInsight") {
      return;
    }
  }
  source.kind = SourceClass::Kind::known;
  source.cloudtrail = true;
  source.product = "aws";
  source.service = "cloudtrail";
  source.event_source = service_name;
  const EntryId category = first_string(event, fields.event_category);
  source.category = category == no_entry ? std::string_view("management")
                                         : lower_case(event, event.text(category));
}

}  // namespace

SourceClass classify(Event& event) {
  SourceClass source;
  classify_by_shape(event, source);
  if (!source.cloudtrail) {
    source = by_field_table(event);
  }
  return source;
}

SourceClass class_of(const LogSource& source) {
  SourceClass out;
  out.kind = SourceClass::Kind::known;
  out.category = source.category;
  out.product = source.product;
  out.service = source.service;
  return out;
}

bool applies(const LogSource& rule, const SourceClass& record) {
  if (record.kind != SourceClass::Kind::known) {
    return true;
  }
  return attribute_applies(rule.category, record.category) &&
         attribute_applies(rule.product, record.product) &&
         (attribute_applies(rule.service, record.service) ||
          (!record.event_source.empty() && rule.service == record.second_service()));
}

}  // namespace tocsin
