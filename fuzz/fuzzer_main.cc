// SPDX-License-Identifier: Apache-2.0
// libFuzzer's door to one target: compiled once for each, with TOCSIN_FUZZ_TARGET naming it.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tocsin::fuzz::TOCSIN_FUZZ_TARGET(std::string(data, data + size));
  return 0;
}
