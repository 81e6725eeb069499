// SPDX-License-Identifier: Apache-2.0
// One record of a Feed as bytes: for runs that are sorted on disk, and for the journal. Thread
// rule: pure functions.
#pragma once

#include "engine/base/wire.h"
#include "engine/flow/feed.h"

namespace tocsin {

// `copy`: instead of the record's own. Precondition: the record has a time.
void save_feed_record(const Feed& feed,
                      const FeedRecord& record,
                      const RecordCopy* copy,
                      WireWriter& writer);
// The only record of `feed` afterwards. False: not readable.
bool load_feed_record(WireReader& reader, Feed& feed);

}  // namespace tocsin
