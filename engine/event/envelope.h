// SPDX-License-Identifier: Apache-2.0
// The shapes of what is around CloudTrail records, and of documents beside them that are no
// records. DETECTION.md, "Records"; AWS: EventBridge events for CloudTrail, SNS JSON messages,
// CloudWatch Logs subscription filters, the CloudTrail digest file structure. Thread rule: pure
// functions over one event. Cost: a few look-ups for what is none of them.
#pragma once

#include <string_view>
#include <vector>

#include "engine/event/event.h"

namespace tocsin {

// Is the record an envelope by its exact shape? Then the JSON of what is inside: objects, or
// strings that hold it.
bool envelope_contents(const Event& event, std::vector<Value>& contents);

// What the document is if it is no log record at all: a CloudTrail digest file, a CloudWatch Logs
// control message; else empty. Every key is looked at, so that nothing else hides as one.
std::string_view no_record(const Event& event);

}  // namespace tocsin
