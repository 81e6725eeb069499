// SPDX-License-Identifier: Apache-2.0
// Modifiers: one table row each, applied left to right to the values of a field item; what comes
// out are predicates. Thread rule: pure functions over a constant table. Errors: diagnostics at the
// modifier or the value. Cost: O(modifiers) per value, and O(alternatives) where placeholders,
// dashes or encodings make several.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/match/predicate.h"
#include "rules/ast.h"
#include "rules/compile.h"

namespace tocsin {

// Of a field's path. Each dot may end a key, so that a path's cost is more than linear in it; real
// ones have under 200 bytes.
inline constexpr std::size_t field_bytes_max = 1024;
inline constexpr std::string_view field_too_long = "a field's name has at most 1024 bytes";

enum class ModifierKind : std::uint8_t {
  contains,
  starts_with,
  ends_with,
  cased,
  all,
  exists,
  neq,
  regex,
  regex_flag,
  cidr,
  base64,
  base64_offset,
  utf16_le,
  utf16_be,
  utf16_mark,
  windash,
  compare,
  field_reference,
  expand,
  time_part,
};

// Kinds of values a modifier takes: bits.
namespace accepts {
inline constexpr std::uint8_t string = 1;
inline constexpr std::uint8_t number = 2;
inline constexpr std::uint8_t boolean = 4;
inline constexpr std::uint8_t null = 8;
inline constexpr std::uint8_t any = string | number | boolean | null;
}  // namespace accepts

// What a value has become by the modifiers so far: bits, for the positions at which a modifier may
// stand.
namespace stage {
inline constexpr std::uint8_t plain = 1;  // nothing but all, neq and expand
inline constexpr std::uint8_t text = 2;   // a string with string modifiers or encodings applied
inline constexpr std::uint8_t regex = 4;
inline constexpr std::uint8_t network = 8;
inline constexpr std::uint8_t comparison = 16;
inline constexpr std::uint8_t reference = 32;
inline constexpr std::uint8_t time = 64;  // a time part that is not compared yet
inline constexpr std::uint8_t existence = 128;
inline constexpr std::uint8_t strings = plain | text;
inline constexpr std::uint8_t any_but_existence = 127;
}  // namespace stage

struct Modifier {
  std::string_view name;
  ModifierKind kind;
  std::uint8_t takes;    // accepts bits
  std::uint8_t follows;  // stage bits it may be applied in
  std::uint8_t becomes;  // the stage after it; 0: as before
  bool on_keywords;      // may stand without a field
  std::uint8_t
      detail;  // regex_flag: the letter; compare: Op and NumberCompare; time_part: TimePart
  std::string_view explanation;  // one line for the manual
};

std::span<const Modifier> modifier_table();
const Modifier* find_modifier(std::string_view name);  // nullptr if there is none

// The modifiers of an item, checked.
struct ItemPlan {
  std::vector<const Modifier*> steps;  // left to right, without all and neq
  std::uint8_t last_stage = stage::plain;
  bool all = false;      // values are joined by and, not or
  bool negated = false;  // neq
  bool expand = false;   // placeholders are replaced
};

// nullopt after an error. Also checks what concerns the values together: `all` and `exists` by
// their number.
std::optional<ItemPlan> plan_item(const SourceText& source,
                                  const FieldItem& item,
                                  CompileContext& context);

// One value as predicates of which any has to hold. A predicate that must not hold (`exists:
// false`) has `negated`.
struct ValueAlternatives {
  std::vector<Predicate> predicates;
  bool negated = false;
};

// False after an error.
bool lower_value(const SourceText& source,
                 const FieldItem& item,
                 const ItemPlan& plan,
                 const DetectionValue& value,
                 CompileContext& context,
                 ValueAlternatives& alternatives);

}  // namespace tocsin
