// SPDX-License-Identifier: Apache-2.0
// Sink: the contract of where alerts go. Each has a lane of its own over the store, so that a dead
// one delays no other. Thread rule: deliver() is called by the lane's thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/flow/alert.h"

namespace tocsin {

struct SendResult {
  enum class Kind : std::uint8_t {
    delivered,
    retry,             // try the same again, not before retry_after_ns
    permanent,         // this alert will never be taken: dead-letter it
    configured_wrong,  // nothing will be taken until someone mends it (401, 404, TLS): keep, probe,
                       // say so loudly
  };
  Kind kind = Kind::delivered;
  DurationNs retry_after_ns = 0;  // 0: the lane's back-off decides
  std::string reason;             // for the log: no secret, no URL path or query
};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual const std::string& name() const = 0;
  virtual SendResult deliver(const Alert& alert) = 0;
};

}  // namespace tocsin
