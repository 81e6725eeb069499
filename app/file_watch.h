// SPDX-License-Identifier: Apache-2.0
// Whether files changed, by what stat says of them: works on any file system, and for files that
// are replaced, linked or mounted anew. Thread rule: one thread. Cost: one stat per file per look.
#pragma once

#include <string>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"

namespace tocsin {

// Of all that stat tells of these files, and of the YAML files in these folders. What cannot be
// read counts as not there.
Hash128 fingerprint_of(const std::vector<std::string>& paths);

// Whether any of them was changed at `time` (of the wall clock) or later.
bool changed_since(const std::vector<std::string>& paths, TimeNs time);

}  // namespace tocsin
