// SPDX-License-Identifier: Apache-2.0
// A record read strictly and not: the same values of every wanted field, and of keywords, unless
// the strict reader refuses it.
#include <vector>

#include "engine/event/event.h"
#include "engine/event/field_plan.h"
#include "engine/event/json.h"
#include "fuzz/targets.h"

namespace tocsin::fuzz {
namespace {

std::string describe(Event& event, EntryId entry) {
  const Value& value = event.value(entry);
  return std::to_string(static_cast<int>(value.kind)) + (value.in_array ? "*" : ":") +
         std::string(event.text(entry));
}

std::vector<std::string> values_of(Event& event) {
  std::vector<std::string> out;
  for (std::uint32_t field = 0; field < event.plan().size(); ++field) {
    for (EntryId entry = event.first(FieldId{field}); entry != no_entry;
         entry = event.next(entry)) {
      out.push_back(event.plan().path(FieldId{field}) + "=" + describe(event, entry));
    }
  }
  for (const EntryId entry : event.scalars()) {
    out.push_back(describe(event, entry));
  }
  return out;
}

}  // namespace

void json_reader(std::string_view bytes) {
  const std::vector<std::string> paths = {"a", "b", "a.b", "a.b.c", "x.y", "eventName"};
  const FieldPlan plan(paths);
  const Padded record(bytes);
  JsonReader reader;
  Event event;
  const ReadStatus lax = reader.read(record.view(), plan, false, event);
  std::vector<std::string> lax_values;
  if (lax != ReadStatus::malformed) {
    lax_values = values_of(event);
  }
  JsonReader strict_reader;
  Event strict_event;
  const ReadStatus strict = strict_reader.read(record.view(), plan, true, strict_event);
  if (strict != ReadStatus::malformed) {
    fuzz_check(lax != ReadStatus::malformed, "only the strict reader takes the record");
    fuzz_check(values_of(strict_event) == lax_values, "the modes read different values");
  } else {
    fuzz_check(strict_reader.fault_offset() <= bytes.size(), "a fault behind the record");
  }
}

}  // namespace tocsin::fuzz
