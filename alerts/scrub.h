// SPDX-License-Identifier: Apache-2.0
// Scrubber: takes a receiver's own secrets out of a text that an endpoint sent back, so that what
// is logged of an answer never repeats the URL's path or query, a header or the authorization.
// Thread rule: immutable. Cost: O(secrets * length).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerts/receivers.h"

namespace tocsin {

class Scrubber {
 public:
  Scrubber(const Secret& url, const ReceiverConfig& config);
  // One printable line of at most 256 code points, secrets replaced.
  std::string clean(std::string_view text) const;

 private:
  void add(std::string_view secret);
  std::vector<std::string> secrets_;  // longest first
};

}  // namespace tocsin
