// SPDX-License-Identifier: Apache-2.0
// Records as part of a detector's state: what a report needs after a restart. Thread rule: pure
// functions.
#pragma once

#include <memory>

#include "engine/base/wire.h"
#include "engine/flow/alert.h"

namespace tocsin {

// nullptr is kept as such.
void save_record(const RecordCopy* record, WireWriter& writer);
std::shared_ptr<const RecordCopy> load_record(WireReader& reader);

}  // namespace tocsin
