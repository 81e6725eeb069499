// SPDX-License-Identifier: Apache-2.0
// Which program this is. Thread rule: any thread. Cost: a walk over the loaded libraries.
#pragma once

#include <string>

namespace tocsin {

// A hash over the program and all libraries it is linked with, as they run: another build of any of
// them has another one. Each is known by the build identity that its linker left in it, else by
// when its file was changed. Empty: some one cannot be told from others.
std::string build_identity();

}  // namespace tocsin
