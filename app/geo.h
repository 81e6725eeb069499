// SPDX-License-Identifier: Apache-2.0
// The databases of addresses that the command line or the configuration names. Thread rule: see
// GeoFiles; a GeoWatch is made and destroyed by one thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "app/config.h"
#include "app/options.h"
#include "engine/event/geo.h"
#include "engine/flow/detector.h"

namespace tocsin {

// Null: none is named. An Error: one cannot be used.
Result<std::shared_ptr<GeoFiles>> open_geo(const Options& options, const Config& config);

// What rules may ask for; nothing where `geo` is null.
GeoFields geo_fields(const std::shared_ptr<GeoFiles>& geo);
std::shared_ptr<const GeoSet> current_geo(const std::shared_ptr<GeoFiles>& geo);
DetectorSettings detector_settings(const std::shared_ptr<GeoFiles>& geo);

// Looks for changed files every few seconds, on a thread of its own, as long as it lives.
class GeoWatch {
 public:
  GeoWatch(std::shared_ptr<GeoFiles> geo, std::function<void(const GeoFiles::Change&)> on_change);
  ~GeoWatch();

 private:
  void watch();

  std::shared_ptr<GeoFiles> geo_;
  std::function<void(const GeoFiles::Change&)> on_change_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tocsin
