// SPDX-License-Identifier: Apache-2.0
// The numbers of a run in the text format of Prometheus. The only door to prometheus-cpp. Thread
// rule: pure functions. docs/operation.md lists the metrics.
#pragma once

#include <string>

#include "app/telemetry.h"

namespace tocsin {

// `now` is for ages and lags; `healthy` as the health endpoint has it.
std::string metrics_text(const Numbers& numbers, TimeNs now, bool healthy);

}  // namespace tocsin
