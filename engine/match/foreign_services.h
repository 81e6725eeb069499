// SPDX-License-Identifier: Apache-2.0
// ForeignServices: services of rules that name no product (nginx, sshd). A CloudTrail record whose
// eventSource begins with one of them meets those rules too. Asked of every record, and the answer
// is nearly always no: by the first letter, then by three. Thread rule: add() before all others;
// then any. Cost: a few instructions; of a name that is alike, a binary search.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin::compiled {

class ForeignServices {
 public:
  // Precondition: it is not empty.
  void add(const std::string& service) {
    const auto at = std::lower_bound(names_.begin(), names_.end(), service);
    if (at == names_.end() || *at != service) {
      names_.insert(at, service);
    }
    first_letters_.set(letter(service[0]));
    beginnings_.set(beginning(service));
  }

  bool has(std::string_view service) const { return may_have(service) && is_among(service); }
  // What stands before the first dot.
  bool has_service_of(std::string_view event_source) const {
    return may_have(event_source) && is_among(event_source.substr(0, event_source.find('.')));
  }

 private:
  static constexpr std::size_t beginnings_max = 4096;

  static std::size_t letter(char c) { return static_cast<unsigned char>(c); }
  static std::size_t beginning(std::string_view service) {
    std::size_t place = 0;
    for (std::size_t i = 0; i < 3 && i < service.size(); ++i) {
      place = place * 37 + letter(service[i]);
    }
    return place % beginnings_max;
  }
  bool may_have(std::string_view service) const {
    return !service.empty() && first_letters_[letter(service[0])];
  }
  bool is_among(std::string_view service) const {
    return beginnings_[beginning(service)] &&
           std::binary_search(names_.begin(), names_.end(), service);
  }

  std::vector<std::string> names_;  // ascending
  std::bitset<256> first_letters_;
  std::bitset<beginnings_max> beginnings_;
};

}  // namespace tocsin::compiled
