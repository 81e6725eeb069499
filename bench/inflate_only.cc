// SPDX-License-Identifier: Apache-2.0
// inflate_only FILE...: reads each gzip file and inflates it with libdeflate, nothing else; prints
// how many bytes came out. What the reading of compressed files is compared with.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <libdeflate.h>

int main(int count, char** arguments) {
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  std::vector<char> out(64u << 20);
  unsigned long long total = 0;
  for (int i = 1; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    const std::string packed((std::istreambuf_iterator<char>(file)),
                             std::istreambuf_iterator<char>());
    std::size_t size = 0;
    if (libdeflate_gzip_decompress(
            decompressor, packed.data(), packed.size(), out.data(), out.size(), &size) !=
        LIBDEFLATE_SUCCESS) {
      std::fprintf(stderr, "%s: cannot be inflated\n", arguments[i]);
      return 1;
    }
    total += size;
  }
  libdeflate_free_decompressor(decompressor);
  std::printf("%llu\n", total);
  return 0;
}
