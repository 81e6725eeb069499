// SPDX-License-Identifier: Apache-2.0
// One value of a field item through its modifiers, left to right, to predicates. The checks on the
// row of modifiers are done (plan_item in modifiers.cc); what can still be wrong is the value.
#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "rules/encodings.h"
#include "rules/modifiers.h"
#include "rules/report.h"
#include "rules/sigma_string.h"
#include "rules/value_kind.h"
#include "rules/yaml_number.h"

namespace tocsin {
namespace {

using Kind = ModifierKind;
using ValueKind = DetectionValue::Kind;

std::string quoted(std::string_view text) {
  return "`" + printable(shorten(text, 60)) + "`";
}

bool is_true(std::string_view text) {
  return text.starts_with('t') || text.starts_with('T');
}

class Lowering {
 public:
  Lowering(const SourceText& source,
           const FieldItem& item,
           const ItemPlan& plan,
           const DetectionValue& value,
           CompileContext& context)
      : source_(source), item_(item), plan_(plan), value_(value), context_(context) {}

  bool run(ValueAlternatives& out) {
    if (!check_types()) {
      return false;
    }
    if (plan_.steps.empty() && value_.kind != ValueKind::string) {
      return finish_untouched(out);
    }
    if (plan_.last_stage == stage::plain || plan_.last_stage == stage::text ||
        plan_.last_stage == stage::network || plan_.last_stage == stage::reference) {
      if (!start_patterns()) {
        return false;
      }
    }
    for (const Modifier* step : plan_.steps) {
      if (!apply(*step)) {
        return false;
      }
    }
    return finish(out);
  }

 private:
  bool fail(std::string_view code, std::string message, std::string hint) {
    context_.diagnostics->add(diagnostic_at(source_,
                                            value_.span,
                                            Severity::error,
                                            std::string(code),
                                            std::move(message),
                                            std::move(hint)));
    return false;
  }

  void warn(std::string_view code, std::string message, std::string hint) {
    context_.diagnostics->add(diagnostic_at(source_,
                                            value_.span,
                                            Severity::warning,
                                            std::string(code),
                                            std::move(message),
                                            std::move(hint)));
  }

  bool check_types() {
    if (item_.field.empty() && value_.kind == ValueKind::null) {
      return fail("keyword-null",
                  "a keyword cannot be null",
                  "write a text, or a field name before the value");
    }
    for (const Modifier* step : plan_.steps) {
      if ((step->takes & accept_bit(value_.kind)) != 0) {
        // Behind `re` and `fieldref` the value has found its meaning.
        if (step->kind == Kind::regex || step->kind == Kind::field_reference) {
          break;
        }
        continue;
      }
      return fail("modifier-type",
                  "`" + std::string(step->name) + "` does not take " +
                      std::string(kind_name(value_.kind)) + ": " + quoted(value_.text),
                  type_hint(step->takes));
    }
    return true;
  }

  std::string type_hint(std::uint8_t takes) const {
    Number number;
    if (takes == accepts::number) {
      return parse_yaml_number(value_.text, number) ? "write the number without quotes"
                                                    : "write a number";
    }
    if (takes == accepts::boolean) {
      return "write true or false, without quotes";
    }
    const bool has_text = value_.kind != ValueKind::null && !value_.text.empty();
    return has_text ? "quote it if the text is meant: '" + value_.text + "'" : "write a text";
  }

  // A number, boolean or null without modifiers.
  bool finish_untouched(ValueAlternatives& out) {
    Predicate predicate;
    predicate.field = item_.field;
    if (item_.field.empty()) {
      predicate.op = Op::text;
      predicate.pattern.add(PatternElement::Kind::any_run);
      predicate.pattern.add_literal(value_.text);
      predicate.pattern.add(PatternElement::Kind::any_run);
    } else if (value_.kind == ValueKind::null) {
      predicate.op = Op::is_null;
    } else if (value_.kind == ValueKind::boolean) {
      predicate.op = Op::boolean;
      predicate.text = is_true(value_.text) ? "true" : "false";
    } else if (!lower_number(predicate)) {
      return false;
    }
    out.predicates.push_back(std::move(predicate));
    return true;
  }

  bool lower_number(Predicate& predicate) {
    if (is_no_number()) {
      return fail("not-a-finite-number",
                  quoted(value_.text) + " is no finite number",
                  "quote it if the text is meant");
    }
    predicate.text = value_.text;
    if (parse_yaml_number(value_.text, predicate.number)) {
      predicate.op = Op::number;
    } else {
      // Beyond 64 bits a record's number has only a text, and so has the rule's.
      predicate.op = Op::text;
      predicate.pattern.add_literal(value_.text);
      predicate.text.clear();
    }
    return true;
  }

  // .inf, -.inf, .nan in any of YAML's spellings.
  bool is_no_number() const {
    return value_.kind == ValueKind::real && value_.text.find_first_of("iInN") != std::string::npos;
  }

  // --- strings ---

  bool start_patterns() {
    if (!plan_.expand) {
      patterns_.push_back(parse_sigma_string(value_.text));
      return true;
    }
    const PlaceholderString parsed = parse_placeholder_string(value_.text);
    warn_escaped(parsed);
    patterns_.push_back(parsed.patterns.front());
    for (std::size_t i = 0; i < parsed.placeholders.size(); ++i) {
      if (!expand_placeholder(parsed.placeholders[i].name)) {
        return false;
      }
      for (Pattern& pattern : patterns_) {
        append(pattern, parsed.patterns[i + 1]);
      }
    }
    return true;
  }

  const std::vector<std::string>* find_placeholder(const std::string& name) const {
    if (context_.placeholders == nullptr) {
      return nullptr;
    }
    const auto found = context_.placeholders->find(name);
    return found == context_.placeholders->end() ? nullptr : &found->second;
  }

  void warn_escaped(const PlaceholderString& parsed) {
    for (const PlaceholderString::Placeholder& escaped : parsed.escaped) {
      if (find_placeholder(escaped.name) != nullptr) {
        warn("escaped-placeholder",
             "`\\%" + escaped.name +
                 "%` is a literal text, although a placeholder of that name is "
                 "defined",
             "write `\\\\%" + escaped.name + "%` for a backslash and the placeholder");
      }
    }
  }

  bool expand_placeholder(const std::string& name) {
    const std::vector<std::string>* values = find_placeholder(name);
    if (values == nullptr) {
      return fail("undefined-placeholder",
                  "nothing defines the placeholder `%" + printable(name) + "%`",
                  undefined_hint(name));
    }
    if (values->empty()) {
      warn("empty-placeholder",
           "the placeholder `%" + printable(name) + "%` has no values",
           "give it values; until then nothing matches here");
    }
    if (!values->empty() && patterns_.size() > limits::rule_values_max / values->size()) {
      return too_many();
    }
    std::size_t bytes = bytes_of(patterns_) * values->size();
    for (const std::string& text : *values) {
      bytes += text.size() * patterns_.size();
    }
    if (bytes > limits::value_bytes_max) {
      return too_long();
    }
    std::vector<Pattern> longer;
    longer.reserve(patterns_.size() * values->size());
    for (const Pattern& prefix : patterns_) {
      for (const std::string& text : *values) {
        longer.push_back(prefix);
        append(longer.back(), parse_sigma_string(text));
      }
    }
    patterns_ = std::move(longer);
    return true;
  }

  std::string undefined_hint(const std::string& name) const {
    std::vector<std::string_view> names;
    if (context_.placeholders != nullptr) {
      for (const auto& [known, values] : *context_.placeholders) {
        names.push_back(known);
      }
    }
    const auto near = did_you_mean(name, names);
    return (near ? "did you mean `%" + *near + "%`? Else define" : std::string("define")) +
           " it in the configuration or in a file for --placeholders";
  }

  bool too_many() {
    return fail(
        "too-many-alternatives",
        "this value makes more than " + with_thousands(limits::rule_values_max) + " alternatives",
        "use fewer placeholders or dashes in one value");
  }

  bool too_long() {
    return fail("too-many-alternatives",
                "this value becomes longer than " + with_thousands(limits::value_bytes_max) +
                    " bytes, all its alternatives together",
                "use fewer encodings, placeholders or dashes in one value");
  }

  static std::size_t bytes_of(const std::vector<Pattern>& patterns) {
    std::size_t bytes = 0;
    for (const Pattern& pattern : patterns) {
      bytes += tocsin::bytes_of(pattern);
    }
    return bytes;
  }

  // Behind an encoding, which makes a value up to three times as long.
  bool has_room() {
    if (patterns_.size() > limits::rule_values_max) {
      return too_many();
    }
    return bytes_of(patterns_) <= limits::value_bytes_max || too_long();
  }

  bool apply(const Modifier& step) {
    switch (step.kind) {
      case Kind::contains:
        starts_ = ends_ = true;
        return add_runs(true, true);
      case Kind::starts_with:
        starts_ = true;
        return add_runs(false, true);
      case Kind::ends_with:
        ends_ = true;
        return add_runs(true, false);
      case Kind::cased:
        cased_ = true;
        return true;
      case Kind::regex_flag:
        flags_[std::string_view("ims").find(static_cast<char>(step.detail))] = true;
        return true;
      case Kind::base64:
      case Kind::base64_offset:
        return encode_base64_forms(step.kind == Kind::base64_offset, step.name);
      case Kind::utf16_le:
      case Kind::utf16_be:
      case Kind::utf16_mark:
        return encode_wide(step);
      case Kind::windash:
        decode_bytes();
        for (Pattern& pattern : patterns_) {
          pattern = with_dashes(pattern);
        }
        return true;
      case Kind::time_part:
        part_ = static_cast<TimePart>(step.detail);
        return true;
      case Kind::compare:
        compare_ = static_cast<NumberCompare>(step.detail);
        return true;
      case Kind::all:
      case Kind::neq:
      case Kind::exists:
      case Kind::regex:
      case Kind::cidr:
      case Kind::field_reference:
      case Kind::expand:
        return true;  // told by the plan's last stage and flags
    }
    return true;
  }

  bool add_runs(bool leading, bool trailing) {
    if (plan_.last_stage == stage::reference) {
      return true;
    }
    for (Pattern& pattern : patterns_) {
      if (leading) {
        add_leading_run(pattern);
      }
      if (trailing) {
        add_trailing_run(pattern);
      }
    }
    return true;
  }

  // Encodings need fixed texts: each dash element becomes its five characters.
  bool spell_out_dashes() {
    std::vector<Pattern> all;
    std::vector<Pattern> some;
    std::size_t bytes = 0;
    for (const Pattern& pattern : patterns_) {
      if (!expand_dashes(pattern,
                         limits::rule_values_max - all.size(),
                         limits::value_bytes_max - std::min(bytes, limits::value_bytes_max),
                         some)) {
        return too_many();
      }
      bytes += bytes_of(some);
      std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    patterns_ = std::move(all);
    return has_room();
  }

  bool encode_base64_forms(bool offsets, std::string_view name) {
    if (!spell_out_dashes()) {
      return false;
    }
    std::vector<Pattern> encoded;
    for (const Pattern& pattern : patterns_) {
      if (has_wildcards(pattern)) {
        return fail_wildcard(name);
      }
      const std::string bytes = pattern.elements.empty() ? "" : pattern.elements.front().literal;
      if (!offsets) {
        encoded.emplace_back().add_literal(encode_base64(bytes));
        continue;
      }
      if (bytes.size() < 2) {
        return fail("encoded-too-short",
                    "base64offset needs a value of at least two bytes: " + quoted(value_.text),
                    "write more of the text that is looked for");
      }
      for (const std::string& fragment : base64_offset_fragments(bytes)) {
        encoded.emplace_back().add_literal(fragment);
      }
    }
    patterns_ = std::move(encoded);
    bytes_ = false;
    return has_room();
  }

  bool fail_wildcard(std::string_view name) {
    return fail("encoded-wildcard",
                "`" + std::string(name) + "` cannot encode wildcards: " + quoted(value_.text),
                "write `\\*` for the character, or `" + std::string(name) +
                    "|contains` to look for it inside the field");
  }

  bool encode_wide(const Modifier& step) {
    if (!spell_out_dashes()) {
      return false;
    }
    decode_bytes();
    const ByteOrder order = step.kind == Kind::utf16_be ? ByteOrder::big : ByteOrder::little;
    const bool mark = step.kind == Kind::utf16_mark;
    for (Pattern& pattern : patterns_) {
      if (mark && has_wildcards(pattern)) {
        return fail_wildcard(step.name);
      }
      Pattern wide;
      if (mark) {
        wide.add_literal(utf16_little_mark);
      }
      for (const PatternElement& element : pattern.elements) {
        if (element.kind == PatternElement::Kind::literal) {
          wide.add_literal(encode_utf16(element.literal, order));
        } else {
          wide.add(element.kind);
          if (element.kind == PatternElement::Kind::any_one) {
            wide.add(element.kind);  // a character is two bytes now
          }
        }
      }
      pattern = std::move(wide);
    }
    bytes_ = true;
    return has_room();
  }

  // What UTF-16 made is bytes until a text is needed.
  void decode_bytes() {
    if (!bytes_) {
      return;
    }
    for (Pattern& pattern : patterns_) {
      for (PatternElement& element : pattern.elements) {
        element.literal = bytes_as_text(element.literal);
      }
    }
    bytes_ = false;
  }

  // --- the result ---

  bool finish(ValueAlternatives& out) {
    Predicate predicate;
    predicate.field = item_.field;
    switch (plan_.last_stage) {
      case stage::plain:
      case stage::text:
        return finish_text(std::move(predicate), out);
      case stage::regex:
        predicate.op = Op::regex;
        predicate.text = value_.text;
        for (std::size_t i = 0; i < flags_.size(); ++i) {
          predicate.regex_flags += flags_[i] ? std::string(1, "ims"[i]) : std::string();
        }
        break;
      case stage::network:
        return finish_network(std::move(predicate), out);
      case stage::reference:
        return finish_reference(std::move(predicate), out);
      case stage::existence:
        predicate.op = Op::exists;
        out.negated = !is_true(value_.text);
        break;
      default:  // comparison, time: stages are bits
        if (!finish_number(predicate)) {
          return false;
        }
        break;
    }
    out.predicates.push_back(std::move(predicate));
    return true;
  }

  bool finish_text(Predicate predicate, ValueAlternatives& out) {
    decode_bytes();
    const bool inside = item_.field.empty() && !starts_ && !ends_;
    if (inside) {
      add_runs(true, true);
    }
    predicate.op = Op::text;
    predicate.cased = cased_;
    for (Pattern& pattern : patterns_) {
      out.predicates.push_back(predicate);
      out.predicates.back().pattern = std::move(pattern);
    }
    return true;
  }

  bool finish_network(Predicate predicate, ValueAlternatives& out) {
    predicate.op = Op::cidr;
    for (const Pattern& pattern : patterns_) {
      const std::string text = !plan_.expand              ? value_.text
                               : pattern.elements.empty() ? std::string()
                                                          : to_text(pattern);
      Result<IpNetwork> network = parse_network(text);
      if (!network) {
        const std::string message = network.error().message;
        const bool host_bits = message.find("host bits") != std::string::npos;
        return fail("invalid-network",
                    message.substr(0, message.find(" (write ")),
                    has_wildcards(pattern) ? "write the network with its prefix, as 10.0.0.0/16"
                    : host_bits ? "write that network, or the one address without a prefix"
                                : "write a network as 10.0.0.0/8 or 2001:db8::/32");
      }
      predicate.network = *network;
      out.predicates.push_back(predicate);
    }
    return true;
  }

  bool finish_reference(Predicate predicate, ValueAlternatives& out) {
    predicate.op = Op::field;
    predicate.cased = cased_;
    predicate.field_compare = starts_ && ends_ ? FieldCompare::contains
                              : starts_        ? FieldCompare::starts_with
                              : ends_          ? FieldCompare::ends_with
                                               : FieldCompare::equals;
    for (const Pattern& pattern : patterns_) {
      if (has_wildcards(pattern) || pattern.elements.empty()) {
        return fail("reference-wildcard",
                    quoted(value_.text) + " is no field name",
                    "write one field's name; `fieldref|contains` looks for its text inside");
      }
      predicate.other_field = pattern.elements.front().literal;
      if (predicate.other_field.size() > field_bytes_max) {
        return fail(
            "field-too-long", std::string(field_too_long), "name the field that the records have");
      }
      out.predicates.push_back(predicate);
    }
    return true;
  }

  bool finish_number(Predicate& predicate) {
    // An integer beyond 64 bits is compared as the double next to it.
    if (!parse_yaml_number(value_.text, predicate.number) &&
        !parse_yaml_number(value_.text + ".0", predicate.number)) {
      return fail("not-a-finite-number",
                  quoted(value_.text) + " is no finite number",
                  "write a number in the range of a 64-bit float");
    }
    const NumberCompare compare = compare_.value_or(NumberCompare::equals);
    if (part_) {
      predicate.op = Op::time_part;
      predicate.part = *part_;
      predicate.part_compare = compare;
      return true;
    }
    constexpr std::array<Op, 5> ops = {
        Op::number, Op::less, Op::less_equal, Op::greater, Op::greater_equal};
    predicate.op = ops[static_cast<std::size_t>(compare)];
    return true;
  }

  const SourceText& source_;
  const FieldItem& item_;
  const ItemPlan& plan_;
  const DetectionValue& value_;
  CompileContext& context_;
  std::vector<Pattern> patterns_;
  std::array<bool, 3> flags_{};  // i, m, s
  std::optional<TimePart> part_;
  std::optional<NumberCompare> compare_;
  bool cased_ = false;
  bool starts_ = false;  // startswith or contains was applied
  bool ends_ = false;    // endswith or contains was applied
  bool bytes_ = false;   // literals are bytes, not text
};

}  // namespace

bool lower_value(const SourceText& source,
                 const FieldItem& item,
                 const ItemPlan& plan,
                 const DetectionValue& value,
                 CompileContext& context,
                 ValueAlternatives& alternatives) {
  return Lowering(source, item, plan, value, context).run(alternatives);
}

}  // namespace tocsin
