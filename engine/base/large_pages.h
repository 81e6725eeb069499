// SPDX-License-Identifier: Apache-2.0
// LargePageAllocator: for large arrays that are read and written all over, as hash tables are. From
// large_page_bytes up they come from the system itself and go back to it, and large pages are asked
// for: one page fault instead of 512, and fewer misses of its address cache. Where it has none,
// ordinary pages serve. (From the heap, aligned blocks that come and go with the hours would leave
// holes in which the next does not fit, and memory would grow without end.) Thread rule: as
// std::allocator. Errors: std::bad_alloc. Cost: as std::allocator; two or three system calls for a
// large array.
#pragma once

#include <cstddef>
#include <new>

namespace tocsin {

inline constexpr std::size_t large_page_bytes = std::size_t{2} << 20;

// Zeroed memory, aligned to large_page_bytes. Precondition: bytes >= large_page_bytes.
void* take_large_pages(std::size_t bytes);
void give_back_large_pages(void* memory, std::size_t bytes);

template <typename T>
struct LargePageAllocator {
  using value_type = T;

  LargePageAllocator() = default;
  template <typename Other>
  LargePageAllocator(const LargePageAllocator<Other>&) {}  // NOLINT: implicit by contract

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    return static_cast<T*>(is_large(bytes) ? take_large_pages(bytes) : ::operator new(bytes));
  }
  void deallocate(T* memory, std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    if (is_large(bytes)) {
      give_back_large_pages(memory, bytes);
    } else {
      ::operator delete(memory);
    }
  }

  friend bool operator==(const LargePageAllocator&, const LargePageAllocator&) { return true; }

 private:
  static bool is_large(std::size_t bytes) { return bytes >= large_page_bytes; }
};

}  // namespace tocsin
