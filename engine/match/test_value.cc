// SPDX-License-Identifier: Apache-2.0
// What each test asks of one value: conformance 06, 07, 11, 12, 15, 16 and 18 in code.
#include "engine/base/cidr.h"
#include "engine/base/time.h"
#include "engine/match/ascii.h"
#include "engine/match/compiled.h"

namespace tocsin::compiled {
namespace {

bool has_text(const Value& value) {
  return value.kind != ValueKind::null && value.kind != ValueKind::empty_array;
}

std::string_view subject(Event& event, EntryId entry, bool cased) {
  return cased ? event.text(entry) : event.folded(entry);
}

// A value whose raw bytes are its text.
bool is_raw(const Value& value) {
  return value.plain || (value.kind != ValueKind::object && !value.escaped);
}

bool text_contains(
    const Value& value, std::string_view operand, bool cased, Event& event, EntryId entry) {
  if (!cased && value.plain) {
    return contains_folded(value.raw(), operand);
  }
  return subject(event, entry, cased).find(operand) != std::string_view::npos;
}

bool text_equals(
    const Value& value, std::string_view operand, bool cased, Event& event, EntryId entry) {
  if (!cased && is_raw(value) && value.size == operand.size()) {
    const Same same = same_folded(value.data, operand.data(), operand.size());
    if (same != Same::unknown) {
      return same == Same::yes;
    }
  }
  return subject(event, entry, cased) == operand;
}

// A fold goes code point by code point: where the ends of the text that are compared are ASCII, the
// rest does not matter.
bool text_starts_with(
    const Value& value, std::string_view operand, bool cased, Event& event, EntryId entry) {
  if (!cased && is_raw(value) && value.size >= operand.size()) {
    const Same same = same_folded(value.data, operand.data(), operand.size());
    if (same != Same::unknown) {
      return same == Same::yes;
    }
  }
  return subject(event, entry, cased).starts_with(operand);
}

bool text_ends_with(
    const Value& value, std::string_view operand, bool cased, Event& event, EntryId entry) {
  if (!cased && is_raw(value) && value.size >= operand.size()) {
    const Same same =
        same_folded(value.data + (value.size - operand.size()), operand.data(), operand.size());
    if (same != Same::unknown) {
      return same == Same::yes;
    }
  }
  return subject(event, entry, cased).ends_with(operand);
}

bool number_equals(const Pools& pools,
                   const CompiledPredicate& predicate,
                   Event& event,
                   EntryId entry) {
  const Value value = event.value(entry);
  Number number;
  switch (value.kind) {
    case ValueKind::number:
      if (parse_number(value.raw(), number)) {
        return compare(number, pools.numbers[predicate.operand.offset]) == 0;
      }
      // Out of 64 bits: it only has a text.
      return event.folded(entry) == pools.text(predicate.key);
    case ValueKind::string:
      return event.folded(entry) == pools.text(predicate.key);
    case ValueKind::null:
    case ValueKind::boolean:
    case ValueKind::object:
    case ValueKind::empty_array:
      break;
  }
  return false;
}

bool boolean_equals(const Pools& pools,
                    const CompiledPredicate& predicate,
                    Event& event,
                    EntryId entry) {
  const ValueKind kind = event.value(entry).kind;
  return (kind == ValueKind::boolean || kind == ValueKind::string) &&
         event.folded(entry) == pools.text(predicate.key);
}

// -2: no number.
int compare_number(const Number& operand, Event& event, EntryId entry) {
  const Value value = event.value(entry);
  if (value.kind != ValueKind::number && value.kind != ValueKind::string) {
    return -2;
  }
  Number number;
  const bool numeric =
      parse_number(value.kind == ValueKind::number ? value.raw() : event.text(entry), number);
  return numeric ? compare(number, operand) : -2;
}

bool in_network(const IpNetwork& network, Event& event, EntryId entry) {
  const ValueKind kind = event.value(entry).kind;
  // A bare word that looks like an address is of kind number.
  if (kind != ValueKind::string && kind != ValueKind::number) {
    return false;
  }
  const std::optional<IpAddress> address = parse_ip(event.text(entry));
  return address && network.contains(*address);
}

bool texts_compare(FieldCompare how, std::string_view text, std::string_view other) {
  switch (how) {
    case FieldCompare::equals:
      return text == other;
    case FieldCompare::contains:
      return text.find(other) != std::string_view::npos;
    case FieldCompare::starts_with:
      return text.starts_with(other);
    case FieldCompare::ends_with:
      return text.ends_with(other);
  }
  return false;
}

bool refers(const CompiledPredicate& predicate, Event& event, EntryId entry) {
  const auto how = static_cast<FieldCompare>(predicate.detail);
  const FieldId other_field{predicate.operand.offset};
  for (EntryId other = event.first(other_field); other != no_entry; other = event.next(other)) {
    if (!has_text(event.value(other))) {
      continue;
    }
    // The second text may be computed in the place of the first one's neighbour, never in its own:
    // views stay valid.
    const std::string_view other_text = subject(event, other, predicate.cased);
    if (texts_compare(how, subject(event, entry, predicate.cased), other_text)) {
      return true;
    }
  }
  return false;
}

// Looking for a literal that every match contains is several times cheaper than starting the
// automaton.
bool finds(const Regex& regex, Event& event, EntryId entry) {
  const std::vector<std::string>& literals = regex.literals();
  if (literals.size() == 1 &&
      !text_contains(event.value(entry), literals.front(), false, event, entry)) {
    return false;
  }
  return regex.search(event.text(entry));
}

std::int32_t part_of(const CalendarParts& parts, TimePart part) {
  switch (part) {
    case TimePart::minute:
      return parts.minute;
    case TimePart::hour:
      return parts.hour;
    case TimePart::day:
      return parts.day;
    case TimePart::week:
      return parts.week;
    case TimePart::month:
      return parts.month;
    case TimePart::year:
      return parts.year;
  }
  return 0;
}

bool time_holds(const TimeOperand& operand, Event& event, EntryId entry) {
  const ValueKind kind = event.value(entry).kind;
  if (kind != ValueKind::string && kind != ValueKind::number) {
    return false;
  }
  const std::optional<TimeNs> time = parse_time(event.text(entry));
  if (!time) {
    return false;
  }
  Number part;
  part.integer = part_of(calendar_parts(*time), operand.part);
  const int order = tocsin::compare(part, operand.number);
  switch (operand.compare) {
    case NumberCompare::equals:
      return order == 0;
    case NumberCompare::less:
      return order < 0;
    case NumberCompare::less_equal:
      return order <= 0;
    case NumberCompare::greater:
      return order > 0;
    case NumberCompare::greater_equal:
      return order >= 0;
  }
  return false;
}

}  // namespace

bool holds(const Pools& pools, const CompiledPredicate& predicate, Event& event, EntryId entry) {
  const Value value = event.value(entry);
  if (!has_text(value)) {
    return predicate.test == Test::exists ||
           (predicate.test == Test::is_null && value.kind == ValueKind::null && !value.in_array);
  }
  const TextRef operand = predicate.operand;
  switch (predicate.test) {
    case Test::equals:
      return text_equals(value, pools.text(operand), predicate.cased, event, entry);
    case Test::contains:
      return text_contains(value, pools.text(operand), predicate.cased, event, entry);
    case Test::starts_with:
      return text_starts_with(value, pools.text(operand), predicate.cased, event, entry);
    case Test::ends_with:
      return text_ends_with(value, pools.text(operand), predicate.cased, event, entry);
    case Test::pattern:
      // A value that has not the literal which every match contains need not be folded.
      if (!predicate.cased && value.plain && predicate.key.size > 0 &&
          !contains_folded(value.raw(), pools.text(predicate.key))) {
        return false;
      }
      return match(pools.patterns[operand.offset], subject(event, entry, predicate.cased));
    case Test::present:
    case Test::exists:
      return true;
    case Test::is_null:
      return false;
    case Test::number:
      return number_equals(pools, predicate, event, entry);
    case Test::boolean:
      return boolean_equals(pools, predicate, event, entry);
    case Test::regex:
      return finds(*pools.regexes[operand.offset], event, entry);
    case Test::cidr:
      return in_network(pools.networks[operand.offset], event, entry);
    case Test::less:
      return compare_number(pools.numbers[operand.offset], event, entry) == -1;
    case Test::less_equal: {
      const int order = compare_number(pools.numbers[operand.offset], event, entry);
      return order == -1 || order == 0;
    }
    case Test::greater:
      return compare_number(pools.numbers[operand.offset], event, entry) == 1;
    case Test::greater_equal:
      return compare_number(pools.numbers[operand.offset], event, entry) >= 0;
    case Test::field:
      return refers(predicate, event, entry);
    case Test::time_part:
      return time_holds(pools.times[operand.offset], event, entry);
  }
  return false;
}

}  // namespace tocsin::compiled
