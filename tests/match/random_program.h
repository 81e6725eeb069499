// SPDX-License-Identifier: Apache-2.0
// Random programs and random records for the differential tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/json_tree.h"
#include "tests/match/fixture.h"
#include "tests/oracle/naive_match.h"

namespace tocsin::testing {

struct NaiveRule {
  NaiveExpr condition;
  LogSource source;
};

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  std::size_t pick(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return pick(n) == 0; }

  std::string field() {
    static const char* const fields[] = {
        "eventName", "eventSource", "a", "b", "a.b", "u.type", "n", "ip", "t", "longfield"};
    return fields[pick(10)];
  }

  std::string word() {
    static const char* const words[] = {"CreateUser",
                                        "createuser",
                                        "DeleteTrail",
                                        "iam.amazonaws.com",
                                        "s3.amazonaws.com",
                                        "Root",
                                        "",
                                        "a",
                                        "ab",
                                        "abc",
                                        "true",
                                        "false",
                                        "42",
                                        "42.0",
                                        "-7",
                                        "1e2",
                                        "10.1.2.3",
                                        "10.0.0.0",
                                        "192.168.0.9",
                                        "2001:db8::1",
                                        "2024-02-29T18:05:59Z",
                                        "1709229959",
                                        "xxCreateUseryy",
                                        "\xe2\x84\xaa"
                                        "elvin",
                                        "kelvin",
                                        "\xc3\x89"
                                        "cole",
                                        "\xc3\xa9"
                                        "cole",
                                        "ps -enc x",
                                        "ps /enc x",
                                        "a\nb",
                                        "long value with CreateUser and DeleteTrail inside",
                                        "cmd.exe /c whoami"};
    return words[pick(std::size(words))];
  }

  Predicate predicate() {
    const std::string name = one_in(8) ? "" : field();
    switch (pick(name.empty() ? 8 : 16)) {
      case 0:
      case 1:
      case 2:
        return maybe_cased(text(name, word()));
      case 3:
      case 4:
        return maybe_cased(text(name, "*" + piece() + "*"));
      case 5:
        return maybe_cased(text(name, one_in(2) ? piece() + "*" : "*" + piece()));
      case 6:
        return maybe_cased(text(name, wildcard()));
      case 7:
        return expression(name);
      case 8:
        return number(name, numeral());
      case 9:
        return boolean(name, one_in(2));
      case 10:
        return with_op(name, Op::is_null);
      case 11:
        return one_in(2) ? with_op(name, Op::exists) : text(name, "*");
      case 12:
        return network(name);
      case 13: {
        static const Op ops[] = {Op::less, Op::less_equal, Op::greater, Op::greater_equal};
        return number(name, numeral(), ops[pick(4)]);
      }
      case 14:
        return maybe_cased(reference(name, field(), static_cast<FieldCompare>(pick(4))));
      default:
        return part(name,
                    static_cast<TimePart>(pick(6)),
                    one_in(2) ? "18" : "2",
                    static_cast<NumberCompare>(pick(5)));
    }
  }

  NaiveExpr expr(std::size_t depth) {
    NaiveExpr out;
    if (depth == 0 || one_in(3)) {
      out.predicate = predicate();
      return out;
    }
    if (one_in(5)) {
      out.kind = NaiveExpr::Kind::negation;
      out.children.push_back(expr(depth - 1));
      return out;
    }
    if (one_in(6)) {
      return list();
    }
    out.kind = one_in(2) ? NaiveExpr::Kind::all_of : NaiveExpr::Kind::any_of;
    for (std::size_t i = pick(4); i > 0; --i) {
      out.children.push_back(expr(depth - 1));
    }
    return out;
  }

  // Long enough to be answered as a group.
  NaiveExpr list() {
    NaiveExpr out;
    out.kind = NaiveExpr::Kind::any_of;
    const std::string name = one_in(6) ? "" : field();
    const std::size_t kind = pick(4);
    for (std::size_t i = 6 + pick(8); i > 0; --i) {
      NaiveExpr child;
      child.predicate = kind == 0 ? text(name, word()) : text(name, "*" + piece() + "*");
      if (kind == 2 && one_in(2)) {
        child.predicate = maybe_cased(text(name, word()));
      }
      if (kind == 3 && !name.empty() && one_in(2)) {
        child.predicate = one_in(2) ? network(name) : expression(name);
      }
      out.children.push_back(std::move(child));
    }
    return out;
  }

  LogSource log_source() {
    static const LogSource sources[] = {{"", "aws", "cloudtrail"},
                                        {"", "aws", "iam"},
                                        {"", "aws", ""},
                                        {"data", "", ""},
                                        {"process_creation", "windows", ""},
                                        {"", "windows", ""},
                                        {"proxy", "", ""},
                                        {"", "", "sshd"}};
    return sources[pick(std::size(sources))];
  }

  std::string record() {
    std::string out = "{";
    for (std::size_t i = pick(8); i > 0; --i) {
      static const char* const keys[] = {
          "eventName", "eventSource", "a", "b", "a.b", "u", "n", "ip", "t", "longfield", "other"};
      const std::string key = keys[pick(std::size(keys))];
      out += out.size() > 1 ? "," : "";
      append_json(key, out);
      out += ":";
      out += value(key == "a" || key == "u" ? 2 : 1);
    }
    return out + "}";
  }

 private:
  Predicate maybe_cased(Predicate predicate) {
    return one_in(4) ? cased(std::move(predicate)) : predicate;
  }

  std::string piece() {
    const std::string whole = word();
    const std::size_t from = pick(whole.size() + 1);
    std::string part = whole.substr(from, 1 + pick(12));
    // Never a part of a code point.
    for (const char c : part) {
      if (static_cast<unsigned char>(c) >= 0x80) {
        return whole;
      }
    }
    return part;
  }

  std::string wildcard() {
    std::string out = piece();
    for (std::size_t i = 1 + pick(3); i > 0; --i) {
      static const char* const between[] = {"*", "?", "~", "*"};
      out += between[pick(4)];
      out += one_in(2) ? piece() : "";
    }
    return one_in(2) ? "*" + out : out;
  }

  Predicate expression(const std::string& name) {
    static const char* const patterns[] = {"^Create(User|Role)$",
                                           "create.*delete|root",
                                           "\\d+",
                                           "^$",
                                           "[ck]elvin",
                                           "user.{0,20}trail",
                                           "amazonaws\\.com$",
                                           "(iam|s3)\\.amazonaws",
                                           "x*",
                                           "^a.b$",
                                           "who(ami|is)"};
    static const char* const flags[] = {"", "i", "s", "im", "is"};
    return regex(name, patterns[pick(std::size(patterns))], flags[pick(5)]);
  }

  Predicate network(const std::string& name) {
    static const char* const networks[] = {"10.0.0.0/8",
                                           "10.1.0.0/16",
                                           "10.1.2.3",
                                           "0.0.0.0/0",
                                           "192.168.0.0/29",
                                           "2001:db8::/32",
                                           "::/0"};
    return cidr(name, networks[pick(std::size(networks))]);
  }

  std::string numeral() {
    static const char* const numerals[] = {
        "42", "42.0", "-7", "100", "1e2", "0", "1709229959", "9007199254740993"};
    return numerals[pick(std::size(numerals))];
  }

  static void append_json(std::string_view text, std::string& out) {
    JsonNode node;
    node.kind = JsonNode::Kind::string;
    node.text = text;
    tocsin::append_json(node, out);
  }

  std::string value(std::size_t depth) {
    switch (pick(depth > 0 ? 10 : 7)) {
      case 0:
        return one_in(2) ? "null" : "[]";
      case 1:
        return one_in(2) ? "true" : "false";
      case 2:
        return numeral();
      case 7: {
        std::string out = "[";
        for (std::size_t i = pick(4); i > 0; --i) {
          out += (out.size() > 1 ? "," : "") + value(depth - 1);
        }
        return out + "]";
      }
      case 8: {
        std::string out = one_in(3) ? "{ " : "{";
        static const char* const keys[] = {"b", "type", "c"};
        for (std::size_t i = pick(3); i > 0; --i) {
          out += out.size() > 2 ? "," : "";
          append_json(keys[pick(3)], out);
          out += ":";
          out += value(depth - 1);
        }
        return out + "}";
      }
      default: {
        std::string out;
        append_json(one_in(5) ? word() + word() : word(), out);
        return out;
      }
    }
  }

  std::mt19937 random_;
};

inline ExprId compile(const NaiveExpr& expr, ProgramBuilder& builder) {
  std::vector<ExprId> children;
  for (const NaiveExpr& child : expr.children) {
    children.push_back(compile(child, builder));
  }
  switch (expr.kind) {
    case NaiveExpr::Kind::predicate:
      return builder.predicate(expr.predicate).value();
    case NaiveExpr::Kind::all_of:
      return builder.all_of(children);
    case NaiveExpr::Kind::any_of:
      return builder.any_of(children);
    case NaiveExpr::Kind::negation:
      return builder.negate(children.front());
  }
  return builder.any_of({});
}

}  // namespace tocsin::testing
