// SPDX-License-Identifier: Apache-2.0
#include "app/watch.h"

#include "engine/base/text.h"

namespace tocsin {
namespace {

LogLevel level_of(InputNotice::Kind kind) {
  switch (kind) {
    case InputNotice::Kind::unreadable:
    case InputNotice::Kind::lost:
      return LogLevel::error;
    case InputNotice::Kind::warning:
      return LogLevel::warning;
    case InputNotice::Kind::information:
      return LogLevel::info;
  }
  return LogLevel::info;
}

}  // namespace

void Notices::take(const std::string& input, const InputNotice& notice) {
  watch_.telemetry.on_notice(input, notice);
  const bool lost = notice.kind == InputNotice::Kind::lost;
  const bool grave = lost || notice.kind == InputNotice::Kind::unreadable;
  const std::string message =
      (notice.source.empty() ? "" : printable(notice.source) + ": ") + printable(notice.message);
  if (lost) {
    watch_.system_alerts.raise("input-lost",
                               input,
                               Level::high,
                               "log data is lost (" + with_thousands(notice.bytes) +
                                   " bytes): " + message + " [" + notice.code + "]");
  } else if (grave || notice.code == "position-damaged") {
    watch_.system_alerts.raise("input-unreadable",
                               input,
                               Level::medium,
                               "a log cannot be read: " + message + " [" + notice.code + "]");
  }
  const std::lock_guard lock(mutex_);
  incomplete_ = incomplete_ || grave;
  const bool shown =
      grave || (notice.kind == InputNotice::Kind::warning && !watch_.quiet) || watch_.verbose;
  if (shown && said_.insert(notice.code + '\0' + notice.source).second) {
    LogFields fields;
    if (notice.bytes > 0) {
      fields.emplace_back("bytes", std::to_string(notice.bytes));
    }
    watch_.log.write(level_of(notice.kind), notice.code, message, fields);
  }
  if (said_.size() > said_max) {
    said_.clear();
  }
}

bool Notices::incomplete() const {
  const std::lock_guard lock(mutex_);
  return incomplete_;
}

}  // namespace tocsin
