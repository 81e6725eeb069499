// SPDX-License-Identifier: Apache-2.0
// LargePageAllocator: for large arrays that are read and written all over, as hash tables are. From
// large_page_bytes up the kernel is asked for large pages: one page fault instead of 512, and fewer
// misses of its address cache. Where it has none, ordinary pages serve. Thread rule: as
// std::allocator. Errors: std::bad_alloc. Cost: as std::allocator; no memory more, since only whole
// large pages are asked for.
#pragma once

#include <cstddef>
#include <new>

#include <sys/mman.h>

namespace tocsin {

inline constexpr std::size_t large_page_bytes = std::size_t{2} << 20;

template <typename T>
struct LargePageAllocator {
  using value_type = T;

  LargePageAllocator() = default;
  template <typename Other>
  LargePageAllocator(const LargePageAllocator<Other>&) {}  // NOLINT: implicit by contract

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    if (!is_large(bytes)) {
      return static_cast<T*>(::operator new(bytes));
    }
    void* memory = ::operator new(bytes, std::align_val_t{large_page_bytes});
    // A wish: what it does not grant costs time only.
    static_cast<void>(::madvise(memory, bytes / large_page_bytes * large_page_bytes, MADV_HUGEPAGE));
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) {
    if (is_large(count * sizeof(T))) {
      ::operator delete(memory, std::align_val_t{large_page_bytes});
    } else {
      ::operator delete(memory);
    }
  }

  friend bool operator==(const LargePageAllocator&, const LargePageAllocator&) { return true; }

 private:
  static bool is_large(std::size_t bytes) { return bytes >= large_page_bytes; }
};

}  // namespace tocsin
