// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "alerts/lane.h"
#include "alerts/receivers.h"
#include "alerts/registry.h"
#include "alerts/sinks/http_sink.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

Result<void> check_headers(const ReceiverConfig& config) {
  static constexpr std::string_view token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
  for (const auto& [name, value] : config.headers) {
    const std::string lower = ascii_lower(name);
    if (name.empty() || lower.find_first_not_of(token) != std::string::npos || has_control(value)) {
      return fail("a header's name or value holds what no header may hold");
    }
    if (lower == "host" || lower == "content-length" || lower == "transfer-encoding") {
      return fail("the header " + name + " cannot be set");
    }
    if (lower == "authorization" || lower == "proxy-authorization" || lower == "cookie") {
      return fail("the header " + name + " is a secret: use authorization instead");
    }
  }
  if (has_control(config.authorization.reveal())) {
    return fail("authorization holds a control character");
  }
  return {};
}

Result<const SinkType*> checked_type(const ReceiverConfig& config) {
  const SinkType* type = find_sink_type(config.type);
  if (type == nullptr) {
    std::vector<std::string_view> names;
    for (const SinkType& known : sink_types()) {
      names.push_back(known.name);
    }
    const auto near = did_you_mean(config.type, names);
    return fail("unknown type " + printable(config.type) +
                (near ? ": did you mean " + *near + "?" : ""));
  }
  const auto url = current_url(config);
  if (!url) {
    return fail(url.error().message);
  }
  if (const auto checked = check_url(*url, config.allow_http); !checked) {
    return fail(checked.error().message);
  }
  if (!type->retired_host.empty() &&
      printable_origin(*url).find(type->retired_host) != std::string::npos) {
    return fail("URLs of " + std::string(type->retired_host) +
                " are retired by their vendor: make a new webhook (for Teams: a Workflow)");
  }
  if (const auto checked = check_headers(config); !checked) {
    return fail(checked.error().message);
  }
  return type;
}

class LanesImpl final : public Lanes {
 public:
  explicit LanesImpl(std::vector<std::unique_ptr<Lane>> lanes) : lanes_(std::move(lanes)) {
    for (const auto& lane : lanes_) {
      lane->start();
    }
  }
  ~LanesImpl() override { drain(0); }

  // All lanes have the same deadline: together they take no longer than one.
  void drain(DurationNs grace_ns) override {
    if (drained_) {
      return;
    }
    drained_ = true;
    const Lane::Clock::time_point deadline =
        Lane::Clock::now() + std::chrono::nanoseconds(grace_ns);
    for (const auto& lane : lanes_) {
      lane->begin_drain(deadline);
    }
    for (const auto& lane : lanes_) {
      lane->finish();
    }
  }

  std::vector<LaneStatus> status() const override {
    std::vector<LaneStatus> list;
    for (const auto& lane : lanes_) {
      list.push_back(lane->status());
    }
    return list;
  }

 private:
  std::vector<std::unique_ptr<Lane>> lanes_;
  bool drained_ = false;
};

}  // namespace

Result<void> check_receiver(const ReceiverConfig& config) {
  const auto type = checked_type(config);
  return type ? Result<void>() : Result<void>(fail(type.error().message));
}

Result<std::unique_ptr<Lanes>> Lanes::start(const std::vector<ReceiverConfig>& receivers,
                                            Store& store,
                                            const EngineInfo& engine,
                                            std::shared_ptr<const Redactor> redactor,
                                            LaneLog log,
                                            LaneSettings settings) {
  std::vector<std::unique_ptr<Lane>> lanes;
  std::set<std::string> names;
  // Lanes call it from their threads; the callee need not lock.
  const auto log_mutex = std::make_shared<std::mutex>();
  const LaneLog locked_log = [log_mutex, log = std::move(log)](const std::string& line) {
    const std::lock_guard lock(*log_mutex);
    if (log) {
      log(line);
    }
  };
  for (const ReceiverConfig& config : receivers) {
    if (!names.insert(config.name).second) {
      return fail("two receivers are named " + printable(config.name));
    }
    const auto type = checked_type(config);
    if (!type) {
      return fail("receiver " + printable(config.name) + ": " + type.error().message);
    }
    lanes.push_back(
        std::make_unique<Lane>(**type, config, store, engine, redactor, locked_log, settings));
  }
  return std::unique_ptr<Lanes>(std::make_unique<LanesImpl>(std::move(lanes)));
}

}  // namespace tocsin
