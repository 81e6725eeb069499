// SPDX-License-Identifier: Apache-2.0
// content_hash of long texts for one kind of machine: only for hash*.cc. The functions below are
// compiled with the flags for such a machine (CMakeLists.txt), and nothing but xxHash, all of whose
// functions are local to the file, may be included there. The hash is the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tocsin {

struct HashHalves {
  std::uint64_t high;
  std::uint64_t low;
};

// Shorter texts take no vectors.
inline constexpr std::size_t wide_hash_bytes_min = 256;

HashHalves content_hash_baseline(const char* bytes, std::size_t size);
#if defined(__x86_64__)
HashHalves content_hash_avx2(const char* bytes, std::size_t size);
HashHalves content_hash_avx512(const char* bytes, std::size_t size);
#endif

}  // namespace tocsin
