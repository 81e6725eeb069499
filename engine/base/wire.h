// SPDX-License-Identifier: Apache-2.0
// State as bytes: variable-length integers, sized texts. The same on every machine.
// Thread rule: plain values. Errors: a Reader that met something unreadable is not ok() and returns
// zeros from then on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/hash.h"

namespace tocsin {

class WireWriter {
 public:
  // A number takes at most so many.
  static constexpr std::size_t number_bytes_max = 10;

  explicit WireWriter(std::string& out) : out_(out) {}
  void number(std::uint64_t value);
  void signed_number(std::int64_t value);
  void real(double value);
  void text(std::string_view value);
  // A text that is written in place: what is appended to the string until end_text() is the text.
  // They nest. begin_text() returns what end_text() needs.
  std::size_t begin_text();
  void end_text(std::size_t begin);
  void hash(const Hash128& value);
  void flag(bool value) { number(value ? 1 : 0); }

 private:
  void fixed(std::uint64_t value);
  std::string& out_;
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t number();
  std::int64_t signed_number();
  double real();
  std::string_view text();  // lives as long as the bytes
  Hash128 hash();
  bool flag() { return number() != 0; }
  // A count of things that take at least `bytes_each` bytes: not ok if they cannot all be there, so
  // that a damaged count reserves no memory.
  std::size_t count(std::size_t bytes_each = 1);

  std::string_view rest() const { return bytes_; }
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }
  void fail() { ok_ = false; }

 private:
  std::uint64_t fixed();
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace tocsin
