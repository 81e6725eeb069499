// SPDX-License-Identifier: Apache-2.0
#include "app/system_alerts.h"

#include <algorithm>

#include "alerts/make_alert.h"
#include "engine/base/text.h"

namespace tocsin {

void SystemAlerts::raise(const std::string& code,
                         const std::string& subject,
                         Level level,
                         const std::string& summary) {
  const std::lock_guard lock(mutex_);
  const bool room = kinds_.size() < subjects_max || kinds_.count({code, subject}) != 0;
  Kind& kind = kinds_[{code, room ? subject : std::string()}];
  if (kind.waiting++ == 0) {
    kind.summary = summary;
    kind.level = level;
  }
  kind.level = std::max(kind.level, level);
  ++raised_;
  any_waiting_ = true;
}

std::vector<Alert> SystemAlerts::take(TimeNs now) {
  std::vector<Alert> out;
  const std::lock_guard lock(mutex_);
  if (!any_waiting_) {
    return out;
  }
  any_waiting_ = false;
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    Kind& kind = at->second;
    // A clock that was set back must not silence anything.
    const bool due = !kind.told || now - kind.told_at >= interval_ns_ || now < kind.told_at;
    if (kind.waiting == 0) {
      at = due ? kinds_.erase(at) : std::next(at);
      continue;
    }
    if (due) {
      std::string summary = kind.summary;
      if (kind.waiting > 1) {
        summary += " (and " + with_thousands(kind.waiting - 1) + " more of this kind)";
      }
      out.push_back(make_system_alert(at->first.first, kind.level, std::move(summary), now));
      out.back().count = kind.waiting;
      kind = Kind{true, now, 0, Level::medium, {}};
    } else {
      any_waiting_ = true;
    }
    ++at;
  }
  return out;
}

void SystemAlerts::set_interval(DurationNs interval_ns) {
  const std::lock_guard lock(mutex_);
  interval_ns_ = interval_ns;
}

std::uint64_t SystemAlerts::raised() const {
  const std::lock_guard lock(mutex_);
  return raised_;
}

}  // namespace tocsin
