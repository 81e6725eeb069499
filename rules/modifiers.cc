// SPDX-License-Identifier: Apache-2.0
// The table comes first, then the check of a row of modifiers (plan_item), then their application
// to one value (Lowering).
#include "rules/modifiers.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/encodings.h"
#include "rules/report.h"
#include "rules/sigma_string.h"

namespace tocsin {
namespace {

using Kind = ModifierKind;

constexpr std::uint8_t string_places = stage::strings | stage::regex | stage::reference;

template <typename T>
constexpr std::uint8_t detail(T value) {
  return static_cast<std::uint8_t>(value);
}

constexpr Modifier table[] = {
    {"contains",
     Kind::contains,
     accepts::string,
     string_places,
     stage::text,
     true,
     0,
     "the value stands anywhere in the field"},
    {"startswith",
     Kind::starts_with,
     accepts::string,
     stage::strings | stage::reference,
     stage::text,
     true,
     0,
     "the field begins with the value"},
    {"endswith",
     Kind::ends_with,
     accepts::string,
     stage::strings | stage::reference,
     stage::text,
     true,
     0,
     "the field ends with the value"},
    {"cased",
     Kind::cased,
     accepts::string,
     stage::strings | stage::reference,
     stage::text,
     true,
     0,
     "upper and lower case differ"},
    {"all",
     Kind::all,
     accepts::any,
     stage::any_but_existence,
     0,
     true,
     0,
     "every value of the list has to match, not one of them"},
    {"exists",
     Kind::exists,
     accepts::boolean,
     stage::plain,
     stage::existence,
     false,
     0,
     "true: the record has the field, even as null; false: it has not"},
    {"neq",
     Kind::neq,
     accepts::any,
     stage::any_but_existence,
     0,
     true,
     0,
     "negates the whole item; a missing field satisfies it"},
    {"re",
     Kind::regex,
     accepts::string | accepts::number,
     stage::plain,
     stage::regex,
     true,
     0,
     "the value is a regular expression (RE2), searched for in the field"},
    {"i",
     Kind::regex_flag,
     accepts::any,
     stage::regex,
     0,
     true,
     detail('i'),
     "the regular expression ignores case"},
    {"ignorecase",
     Kind::regex_flag,
     accepts::any,
     stage::regex,
     0,
     true,
     detail('i'),
     "another name of i"},
    {"m",
     Kind::regex_flag,
     accepts::any,
     stage::regex,
     0,
     true,
     detail('m'),
     "^ and $ match at every line"},
    {"multiline",
     Kind::regex_flag,
     accepts::any,
     stage::regex,
     0,
     true,
     detail('m'),
     "another name of m"},
    {"s",
     Kind::regex_flag,
     accepts::any,
     stage::regex,
     0,
     true,
     detail('s'),
     ". matches line breaks too"},
    {"dotall",
     Kind::regex_flag,
     accepts::any,
     stage::regex,
     0,
     true,
     detail('s'),
     "another name of s"},
    {"cidr",
     Kind::cidr,
     accepts::string,
     stage::plain,
     stage::network,
     false,
     0,
     "the field is an IP address inside the network"},
    {"base64",
     Kind::base64,
     accepts::string,
     stage::strings,
     stage::text,
     true,
     0,
     "the value is Base64-encoded first"},
    {"base64offset",
     Kind::base64_offset,
     accepts::string,
     stage::strings,
     stage::text,
     true,
     0,
     "the value may stand at any place inside a longer Base64 text; contains belongs behind it"},
    {"wide",
     Kind::utf16_le,
     accepts::string,
     stage::strings,
     stage::text,
     true,
     0,
     "the value is encoded as UTF-16, little endian, first"},
    {"utf16le",
     Kind::utf16_le,
     accepts::string,
     stage::strings,
     stage::text,
     true,
     0,
     "another name of wide"},
    {"utf16be",
     Kind::utf16_be,
     accepts::string,
     stage::strings,
     stage::text,
     true,
     0,
     "the value is encoded as UTF-16, big endian, first"},
    {"utf16",
     Kind::utf16_mark,
     accepts::string,
     stage::strings,
     stage::text,
     true,
     0,
     "the value is encoded as UTF-16, little endian with a byte order mark, first"},
    {"windash",
     Kind::windash,
     accepts::string,
     stage::strings,
     stage::text,
     true,
     0,
     "a dash or slash before a word stands for - and / and the three long dashes"},
    {"lt",
     Kind::compare,
     accepts::number,
     stage::plain | stage::time,
     stage::comparison,
     false,
     detail(NumberCompare::less),
     "the field is a number below the value"},
    {"lte",
     Kind::compare,
     accepts::number,
     stage::plain | stage::time,
     stage::comparison,
     false,
     detail(NumberCompare::less_equal),
     "the field is a number, at most the value"},
    {"gt",
     Kind::compare,
     accepts::number,
     stage::plain | stage::time,
     stage::comparison,
     false,
     detail(NumberCompare::greater),
     "the field is a number above the value"},
    {"gte",
     Kind::compare,
     accepts::number,
     stage::plain | stage::time,
     stage::comparison,
     false,
     detail(NumberCompare::greater_equal),
     "the field is a number, at least the value"},
    {"fieldref",
     Kind::field_reference,
     accepts::string,
     stage::plain,
     stage::reference,
     false,
     0,
     "the value names another field of the record whose text is compared with"},
    {"expand",
     Kind::expand,
     accepts::string,
     stage::strings | stage::network | stage::reference,
     0,
     true,
     0,
     "each %name% in the value is replaced by the values of that placeholder"},
    {"minute",
     Kind::time_part,
     accepts::number,
     stage::plain,
     stage::time,
     false,
     detail(TimePart::minute),
     "the field is a time with this minute (UTC)"},
    {"hour",
     Kind::time_part,
     accepts::number,
     stage::plain,
     stage::time,
     false,
     detail(TimePart::hour),
     "the field is a time with this hour (UTC)"},
    {"day",
     Kind::time_part,
     accepts::number,
     stage::plain,
     stage::time,
     false,
     detail(TimePart::day),
     "the field is a time on this day of the month (UTC)"},
    {"week",
     Kind::time_part,
     accepts::number,
     stage::plain,
     stage::time,
     false,
     detail(TimePart::week),
     "the field is a time in this ISO 8601 week (UTC)"},
    {"month",
     Kind::time_part,
     accepts::number,
     stage::plain,
     stage::time,
     false,
     detail(TimePart::month),
     "the field is a time in this month (UTC)"},
    {"year",
     Kind::time_part,
     accepts::number,
     stage::plain,
     stage::time,
     false,
     detail(TimePart::year),
     "the field is a time in this year (UTC)"},
};

std::string quoted(std::string_view text) {
  return "`" + printable(shorten(text, 60)) + "`";
}

void report(const SourceText& source,
            const SourceSpan& span,
            CompileContext& context,
            Severity severity,
            std::string_view code,
            std::string message,
            std::string hint) {
  context.diagnostics->add(diagnostic_at(
      source, span, severity, std::string(code), std::move(message), std::move(hint)));
}

// --- checking a row of modifiers ---

std::string unknown_hint(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> other_names = {{
      {"", "write a modifier behind the `|`, or drop it"},
      {"equals", "drop it: without a modifier the whole value is compared"},
      {"eq", "drop it: without a modifier the whole value is compared"},
      {"is", "drop it: without a modifier the whole value is compared"},
      {"exact", "drop it: without a modifier the whole value is compared"},
      {"not", "write `neq`, or a selection of its own and `not` in the condition"},
      {"ne", "write `neq`"},
      {"regex", "write `re`"},
      {"regexp", "write `re`"},
      {"matches", "write `re`, or `*` and `?` in a plain value"},
      {"in", "drop it: a list of values means any of them"},
      {"like", "drop it: `*` and `?` are wildcards in plain values"},
      {"ip", "write `cidr`"},
      {"utf8", "drop it: encodings start from UTF-8"},
  }};
  for (const auto& [other, hint] : other_names) {
    if (name == other) {
      return std::string(hint);
    }
  }
  std::vector<std::string_view> names;
  for (const Modifier& modifier : table) {
    names.push_back(modifier.name);
  }
  if (const auto near = did_you_mean(name, names)) {
    return "did you mean `" + *near + "`?";
  }
  return "`contains`, `startswith`, `endswith`, `re`, `cidr` and others: see the manual's list";
}

// Why `modifier` has no meaning where it stands, behind `before` (nullptr: it is the first).
std::string order_hint(const Modifier& modifier, std::uint8_t at, const Modifier* before) {
  switch (modifier.kind) {
    case Kind::starts_with:
      return at == stage::regex ? "write `^` at the beginning of the regular expression" : "";
    case Kind::ends_with:
      return at == stage::regex ? "write `$` at the end of the regular expression" : "";
    case Kind::regex_flag:
      return "write `re|" + std::string(modifier.name) + "`";
    case Kind::cased:
      return at == stage::regex ? "drop it: a regular expression heeds case unless `i` is given"
                                : "";
    case Kind::regex:
      return at == stage::regex ? "one `re` is enough"
                                : "write `re` first; it looks at the whole value by itself";
    case Kind::field_reference:
      return before != nullptr && at == stage::text
                 ? "write `fieldref|" + std::string(before->name) + "`"
                 : "";
    case Kind::compare:
      return at == stage::comparison ? "a range is two keys, one with each comparison" : "";
    case Kind::time_part:
      return at == stage::comparison && before != nullptr
                 ? "write `" + std::string(modifier.name) + "|" + std::string(before->name) + "`"
                 : "one part of the time for each key";
    case Kind::exists:
      return "`exists` stands alone";
    case Kind::cidr:
      return "`cidr` compares addresses, so no string modifier goes with it";
    case Kind::expand:
      return at == stage::regex ? "placeholders are not replaced in regular expressions" : "";
    case Kind::contains:
    case Kind::all:
    case Kind::neq:
    case Kind::base64:
    case Kind::base64_offset:
    case Kind::utf16_le:
    case Kind::utf16_be:
    case Kind::utf16_mark:
    case Kind::windash:
      return at == stage::existence ? "`exists` stands alone" : "";
  }
  return "";
}

bool repetition_is_idle(Kind kind) {
  switch (kind) {
    case Kind::contains:
    case Kind::starts_with:
    case Kind::ends_with:
    case Kind::cased:
    case Kind::all:
    case Kind::neq:
    case Kind::regex_flag:
    case Kind::windash:
    case Kind::expand:
      return true;
    case Kind::exists:
    case Kind::regex:
    case Kind::cidr:
    case Kind::base64:
    case Kind::base64_offset:
    case Kind::utf16_le:
    case Kind::utf16_be:
    case Kind::utf16_mark:
    case Kind::compare:
    case Kind::field_reference:
    case Kind::time_part:
      return false;
  }
  return false;
}

class Planner {
 public:
  Planner(const SourceText& source, const FieldItem& item, CompileContext& context)
      : source_(source), item_(item), context_(context) {}

  std::optional<ItemPlan> run() {
    if (item_.field.size() > field_bytes_max) {
      error(item_.span,
            "field-too-long",
            std::string(field_too_long),
            "name the field that the records have");
      return std::nullopt;
    }
    if (item_.modifiers.size() > limits::modifiers_max) {
      error(item_.modifiers[limits::modifiers_max].span,
            "too-many-modifiers",
            "a key has at most " + std::to_string(limits::modifiers_max) + " modifiers",
            "drop the repeated ones");
      return std::nullopt;
    }
    for (const ModifierUse& use : item_.modifiers) {
      const Modifier* modifier = find_modifier(use.name);
      if (modifier == nullptr) {
        error(use.span,
              "unknown-modifier",
              use.name.empty() ? "a modifier is missing behind `|`"
                               : "there is no modifier " + quoted(use.name),
              unknown_hint(use.name));
        continue;
      }
      add(*modifier, use);
    }
    if (ok_) {
      check_together();
    }
    return ok_ ? std::optional<ItemPlan>(std::move(plan_)) : std::nullopt;
  }

 private:
  void error(const SourceSpan& span, std::string_view code, std::string message, std::string hint) {
    ok_ = false;
    report(source_, span, context_, Severity::error, code, std::move(message), std::move(hint));
  }

  void add(const Modifier& modifier, const ModifierUse& use) {
    if (item_.field.empty() && !modifier.on_keywords) {
      error(use.span,
            "modifier-needs-field",
            "`" + use.name + "` cannot stand on a keyword",
            "write a field name before the `|`");
    }
    const bool alone_broken = modifier.kind == Kind::exists && !seen_.empty();
    const bool expanded_regex = modifier.kind == Kind::regex && plan_.expand;
    if ((modifier.follows & plan_.last_stage) == 0 || alone_broken || expanded_regex) {
      const std::string where =
          seen_.empty() ? " cannot stand first" : " cannot follow `" + seen_last() + "`";
      error(use.span,
            "modifier-order",
            "`" + use.name + "`" + where,
            expanded_regex
                ? "placeholders are not replaced in regular expressions"
                : order_hint(modifier, plan_.last_stage, seen_.empty() ? nullptr : seen_.back()));
      seen_.push_back(&modifier);
      return;
    }
    const bool again = std::find(seen_.begin(), seen_.end(), &modifier) != seen_.end();
    if (again && repetition_is_idle(modifier.kind)) {
      report(source_,
             use.span,
             context_,
             Severity::warning,
             "repeated-modifier",
             "`" + use.name + "` a second time has no further effect",
             "drop it");
    }
    seen_.push_back(&modifier);
    apply(modifier);
  }

  void apply(const Modifier& modifier) {
    plan_.all |= modifier.kind == Kind::all;
    plan_.negated |= modifier.kind == Kind::neq;
    plan_.expand |= modifier.kind == Kind::expand;
    if (modifier.kind == Kind::all || modifier.kind == Kind::neq) {
      return;
    }
    plan_.steps.push_back(&modifier);
    const bool stays = (plan_.last_stage & (stage::regex | stage::reference)) != 0;
    if (modifier.becomes != 0 && !stays) {
      plan_.last_stage = modifier.becomes;
    }
  }

  void check_together() {
    const ModifierUse* all = use_of("all");
    if (plan_.all && item_.values.size() < 2) {
      error(all->span,
            "all-needs-several-values",
            "`all` needs a list of at least two values",
            "drop `all`, or write the other values");
    }
    if (plan_.last_stage == stage::existence && item_.values.size() != 1) {
      error(item_.values[1].span,
            "exists-one-value",
            "`exists` takes one value",
            "write true or false");
    }
  }

  const ModifierUse* use_of(std::string_view name) const {
    for (const ModifierUse& use : item_.modifiers) {
      if (use.name == name) {
        return &use;
      }
    }
    return nullptr;
  }

  std::string seen_last() const { return std::string(seen_.back()->name); }

  const SourceText& source_;
  const FieldItem& item_;
  CompileContext& context_;
  ItemPlan plan_;
  std::vector<const Modifier*> seen_;
  bool ok_ = true;
};

}  // namespace

std::span<const Modifier> modifier_table() {
  return table;
}

const Modifier* find_modifier(std::string_view name) {
  for (const Modifier& modifier : table) {
    if (modifier.name == name) {
      return &modifier;
    }
  }
  return nullptr;
}

std::optional<ItemPlan> plan_item(const SourceText& source,
                                  const FieldItem& item,
                                  CompileContext& context) {
  assert(!item.values.empty());
  return Planner(source, item, context).run();
}

}  // namespace tocsin
