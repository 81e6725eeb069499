// SPDX-License-Identifier: Apache-2.0
#include "app/heartbeat.h"

#include <chrono>
#include <fstream>
#include <utility>

#include "app/console.h"

namespace tocsin {
namespace {

constexpr DurationNs complain_interval_ns = minute_ns;

}  // namespace

Heartbeat::Heartbeat(HeartbeatConfig config, const Log& log, std::function<std::string()> unwell)
    : config_(std::move(config)),
      log_(log),
      unwell_(std::move(unwell)),
      http_("tocsin/" TOCSIN_VERSION) {
  thread_ = std::thread([this] { run(); });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  http_.cancel();
  thread_.join();
}

void Heartbeat::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    beat();
    lock.lock();
    changed_.wait_for(
        lock, std::chrono::nanoseconds(config_.interval_ns), [this] { return ending_; });
  }
}

void Heartbeat::beat() {
  const std::string why = unwell_();
  if (!why.empty()) {
    complain("no heartbeat is sent: " + why);
    return;
  }
  Secret url = config_.url;
  if (!config_.url_file.empty()) {
    std::string line;
    std::ifstream file(config_.url_file);
    if (std::getline(file, line) && !line.empty()) {
      while (line.back() == '\r' || line.back() == ' ') {
        line.pop_back();
      }
      url = Secret(line);
    }
  }
  if (const Result<void> checked = check_url(url, config_.allow_http); !checked) {
    complain("the heartbeat cannot be sent: " + checked.error().message);
    return;
  }
  HttpRequest request;
  request.url = &url;
  request.allow_http = config_.allow_http;
  const HttpResponse response = http_.post(request);
  if (response.failure == HttpFailure::cancelled) {
    return;
  }
  if (response.status < 200 || response.status >= 300) {
    complain("the heartbeat was not taken by " + printable_origin(url) + ": " +
             (response.status > 0 ? "status " + std::to_string(response.status) : response.error));
  }
}

void Heartbeat::complain(const std::string& why) {
  const TimeNs now = steady_now();
  if (complained_at_ == 0 || now - complained_at_ >= complain_interval_ns) {
    complained_at_ = now;
    log_.write(LogLevel::error, "heartbeat", why);
  }
}

}  // namespace tocsin
