// SPDX-License-Identifier: Apache-2.0
// return_free_memory(): what was freed goes back to the system. Behind work that took much and
// keeps little (reading thousands of rules, compiling a matcher): the allocator would keep it for
// months. Thread rule: any. Cost: milliseconds; a hundred where half a gigabyte was freed in small
// pieces.
#pragma once

namespace tocsin {

// Does nothing where the C library has no way to.
void return_free_memory();

}  // namespace tocsin
