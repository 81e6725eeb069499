// SPDX-License-Identifier: Apache-2.0
// JSON as a tree, for schemas, and what the key tables say a key takes as a schema. Thread rule:
// plain values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin {

struct Json {
  struct Member;
  enum class Kind : unsigned char { text, raw, object, array };
  Kind kind = Kind::object;
  std::string scalar;  // text: its value; raw: JSON as written
  std::vector<Member> members;
  std::vector<Json> items;

  static Json text(std::string_view value);
  static Json raw(std::string_view json);  // a number, true, false
  static Json array(std::vector<Json> items);
  static Json texts(const std::vector<std::string_view>& values);  // an array of them

  // Appends a member of an object; gives the object back.
  Json& set(std::string_view key, Json value);
};

struct Json::Member {
  std::string key;
  Json value;
};

// With two blanks per level, and a line end at the end.
std::string to_text(const Json& json);

// The schema of what a row of a key table takes: alternatives joined with " | ", each a type
// ("text", "texts", "path", "paths", "list", "map", "boolean", "duration", "timespan", "level",
// "uuid", "date", "number") or else a value itself.
Json schema_of(std::string_view takes);

Json typed(std::string_view type);  // {"type": type}
Json list_of(Json items);           // {"type": "array", "items": items}
Json any_of(std::vector<Json> alternatives);
// A map with these keys and no others.
Json closed_map();

}  // namespace tocsin
