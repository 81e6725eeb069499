// SPDX-License-Identifier: Apache-2.0
#include "engine/base/wire.h"

#include <bit>

namespace tocsin {

void WireWriter::number(std::uint64_t value) {
  if (value < 0x80) {
    out_.push_back(static_cast<char>(value));
    return;
  }
  char bytes[number_bytes_max];
  std::size_t size = 0;
  while (value >= 0x80) {
    bytes[size++] = static_cast<char>(static_cast<unsigned char>(value | 0x80));
    value >>= 7;
  }
  bytes[size++] = static_cast<char>(value);
  out_.append(bytes, size);
}

// The size is not known yet: it gets room for the longest number, and is written as one of that
// length.
std::size_t WireWriter::begin_text() {
  out_.append(number_bytes_max, '\0');
  return out_.size();
}

void WireWriter::end_text(std::size_t begin) {
  std::uint64_t size = out_.size() - begin;
  for (std::size_t at = begin - number_bytes_max; at + 1 < begin; ++at) {
    out_[at] = static_cast<char>(static_cast<unsigned char>((size & 0x7f) | 0x80));
    size >>= 7;
  }
  out_[begin - 1] = static_cast<char>(size);
}

void WireWriter::signed_number(std::int64_t value) {
  // Zigzag: small numbers of either sign are short.
  const auto bits = static_cast<std::uint64_t>(value);
  number((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void WireWriter::fixed(std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    out_.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
  }
}

void WireWriter::real(double value) {
  fixed(std::bit_cast<std::uint64_t>(value));
}

void WireWriter::text(std::string_view value) {
  number(value.size());
  out_.append(value);
}

void WireWriter::hash(const Hash128& value) {
  fixed(value.high);
  fixed(value.low);
}

std::uint64_t WireReader::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && ok_ && !bytes_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) {
      return value;
    }
  }
  ok_ = false;
  return 0;
}

std::int64_t WireReader::signed_number() {
  const std::uint64_t bits = number();
  return static_cast<std::int64_t>((bits >> 1) ^ ((bits & 1) != 0 ? ~std::uint64_t{0} : 0));
}

std::uint64_t WireReader::fixed() {
  if (!ok_ || bytes_.size() < 8) {
    ok_ = false;
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes_[i])} << (8 * i);
  }
  bytes_.remove_prefix(8);
  return value;
}

double WireReader::real() {
  return std::bit_cast<double>(fixed());
}

std::string_view WireReader::text() {
  const std::uint64_t size = number();
  if (!ok_ || size > bytes_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view value = bytes_.substr(0, static_cast<std::size_t>(size));
  bytes_.remove_prefix(static_cast<std::size_t>(size));
  return value;
}

Hash128 WireReader::hash() {
  Hash128 value;
  value.high = fixed();
  value.low = fixed();
  return value;
}

std::size_t WireReader::count(std::size_t bytes_each) {
  const std::uint64_t value = number();
  if (!ok_ || value > bytes_.size() / bytes_each) {
    ok_ = false;
    return 0;
  }
  return static_cast<std::size_t>(value);
}

}  // namespace tocsin
