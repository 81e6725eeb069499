// SPDX-License-Identifier: Apache-2.0
// Files in the folder of `--cache`: read whole, written whole or not at all, and sealed: a heading
// that says what it is and of which version, and at the end the hash of everything before. Thread
// rule: pure but for the file system; several processes may write the same file at once, the last
// one stays. Cost: O(size).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/diagnostic.h"

namespace tocsin {

// 32 hexadecimal digits for a set of rule paths, wherever it is named from.
std::string cache_set_name(const std::vector<std::string>& paths);

// Rules decide what is told: nobody else may write what they are read from. False if it is not
// there.
bool others_may_write(const std::string& path);

// Empty if it is no regular file that can be read.
std::string read_whole(const std::string& path);
// Replaces the file. 0, or an errno.
int write_whole(const std::string& path, std::string_view bytes);

// What stands between heading and hash; nullopt: another heading, or damaged.
std::optional<std::string_view> unsealed(std::string_view bytes, std::string_view heading);
// Appends the hash.
void seal(std::string& bytes);

// A `cache-unusable` warning.
void warn_of_cache(const std::string& path,
                   std::string message,
                   std::string hint,
                   Diagnostics& out);

}  // namespace tocsin
