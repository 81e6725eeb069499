// SPDX-License-Identifier: Apache-2.0
// When to try again, and how fast to send. Full-jitter exponential back-off (M. Brooker,
// "Exponential Backoff and Jitter", AWS Architecture Blog, 2015) and a token bucket. Both are told
// the time and the seed; neither reads a clock. Thread rule: one thread each. Cost: O(1).
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/time.h"

namespace tocsin {

class Backoff {
 public:
  Backoff(DurationNs initial_ns, DurationNs max_ns, std::uint64_t seed)
      : initial_ns_(std::max<DurationNs>(initial_ns, 1)),
        max_ns_(std::max(max_ns, initial_ns_)),
        state_(seed) {}

  // Uniform in [0, min(max, initial * 2^n)], n the number of calls since reset().
  DurationNs next() {
    const DurationNs ceiling = ceiling_ns_ == 0 ? initial_ns_ : ceiling_ns_;
    ceiling_ns_ = ceiling > max_ns_ / 2 ? max_ns_ : ceiling * 2;
    return static_cast<DurationNs>(random() % (static_cast<std::uint64_t>(ceiling) + 1));
  }
  void reset() { ceiling_ns_ = 0; }
  DurationNs max_ns() const { return max_ns_; }

 private:
  // SplitMix64: enough for spreading retries.
  std::uint64_t random() {
    state_ += 0x9e3779b97f4a7c15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

  DurationNs initial_ns_;
  DurationNs max_ns_;
  std::uint64_t state_;
  DurationNs ceiling_ns_ = 0;
};

// One message per interval on average, `burst` at once after a quiet time. Interval 0: no limit.
class TokenBucket {
 public:
  TokenBucket(DurationNs interval_ns, std::uint32_t burst)
      : interval_ns_(std::max<DurationNs>(interval_ns, 0)),
        burst_(std::max<std::uint32_t>(burst, 1)) {}

  // How long after `now` the next message may go; 0: at once.
  DurationNs wait(TimeNs now) const {
    const DurationNs credit = interval_ns_ * (static_cast<DurationNs>(burst_) - 1);
    return std::max<DurationNs>(next_ - credit - now, 0);
  }
  // A message goes at `now`.
  void take(TimeNs now) { next_ = std::max(next_, now) + interval_ns_; }

 private:
  DurationNs interval_ns_;
  std::uint32_t burst_;
  TimeNs next_ = 0;  // when the bucket will be full again (generic cell rate algorithm)
};

}  // namespace tocsin
