// SPDX-License-Identifier: Apache-2.0
// How much slower a test may be than in a plain build: limits of time are multiplied by this.
#pragma once

namespace tocsin::test {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr int slowdown = 10;
#else
inline constexpr int slowdown = 1;
#endif

}  // namespace tocsin::test
