// SPDX-License-Identifier: Apache-2.0
#include "engine/base/large_pages.h"

#include <cstdint>
#include <limits>

#include <sys/mman.h>
#include <unistd.h>

namespace tocsin {
namespace {

std::size_t in_whole_pages(std::size_t bytes) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

void unmap(char* from, const char* to) {
  if (from < to) {
    ::munmap(from, static_cast<std::size_t>(to - from));
  }
}

}  // namespace

void* take_large_pages(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::size_t>::max() - 2 * large_page_bytes) {
    throw std::bad_alloc();
  }
  const std::size_t used = in_whole_pages(bytes);
  const std::size_t all = used + large_page_bytes;
  void* const mapped =
      ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::bad_alloc();
  }
  // What stands before the first border of a large page, and what is too much behind it, goes back.
  char* const begin = static_cast<char*>(mapped);
  const std::size_t past = reinterpret_cast<std::uintptr_t>(begin) % large_page_bytes;
  char* const memory = begin + (past == 0 ? 0 : large_page_bytes - past);
  unmap(begin, memory);
  unmap(memory + used, begin + all);
  // A wish: what it does not grant costs time only. Whole ones only: no memory more than asked for.
  static_cast<void>(::madvise(memory, bytes / large_page_bytes * large_page_bytes, MADV_HUGEPAGE));
  return memory;
}

void give_back_large_pages(void* memory, std::size_t bytes) {
  ::munmap(memory, in_whole_pages(bytes));
}

}  // namespace tocsin
