// SPDX-License-Identifier: Apache-2.0
#include "app/geo.h"

#include <chrono>
#include <utility>

namespace tocsin {
namespace {

// Databases change once a day at most.
constexpr std::chrono::seconds look_every(5);

}  // namespace

Result<std::shared_ptr<GeoFiles>> open_geo(const Options& options, const Config& config) {
  const std::vector<std::string>& paths =
      options.geo_databases.empty() ? config.geo_databases : options.geo_databases;
  if (paths.empty()) {
    return std::shared_ptr<GeoFiles>();
  }
  Result<std::unique_ptr<GeoFiles>> files = GeoFiles::open(paths);
  if (!files) {
    return Unexpected<Error>{files.error()};
  }
  return std::shared_ptr<GeoFiles>(std::move(*files));
}

GeoFields geo_fields(const std::shared_ptr<GeoFiles>& geo) {
  return geo == nullptr ? GeoFields{} : geo->current()->fields();
}

std::shared_ptr<const GeoSet> current_geo(const std::shared_ptr<GeoFiles>& geo) {
  return geo == nullptr ? nullptr : geo->current();
}

DetectorSettings detector_settings(const std::shared_ptr<GeoFiles>& geo) {
  DetectorSettings settings;
  if (geo != nullptr) {
    settings.geo = [geo](const IpAddress& address) { return geo->current()->find(address); };
    settings.geo_fields = geo_fields(geo);
  }
  return settings;
}

GeoWatch::GeoWatch(std::shared_ptr<GeoFiles> geo,
                   std::function<void(const GeoFiles::Change&)> on_change)
    : geo_(std::move(geo)), on_change_(std::move(on_change)) {
  if (geo_ != nullptr) {
    thread_ = std::thread([this] { watch(); });
  }
}

GeoWatch::~GeoWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void GeoWatch::watch() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, look_every, [this] { return stopping_; })) {
    lock.unlock();
    for (const GeoFiles::Change& change : geo_->refresh()) {
      on_change_(change);
    }
    lock.lock();
  }
}

}  // namespace tocsin
