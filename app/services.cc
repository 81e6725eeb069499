// SPDX-License-Identifier: Apache-2.0
#include "app/services.h"

#include <utility>

#include "app/console.h"
#include "app/metrics.h"
#include "app/status.h"

namespace tocsin {
namespace {

HttpServer::Paths http_paths(const Watch& watch, DurationNs stall_ns) {
  HttpServer::Paths paths;
  paths["/metrics"] = [&watch, stall_ns] {
    const Numbers numbers = watch.telemetry.numbers();
    const TimeNs now = wall_clock_now();
    const bool healthy = unhealthy_reason(numbers, now, stall_ns).empty();
    return HttpAnswer{
        200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(numbers, now, healthy)};
  };
  paths["/health"] = [&watch, stall_ns] {
    const std::string why = unhealthy_reason(watch.telemetry.numbers(), wall_clock_now(), stall_ns);
    return HttpAnswer{
        why.empty() ? 200 : 503, "text/plain; charset=utf-8", (why.empty() ? "well" : why) + "\n"};
  };
  return paths;
}

std::string answer_admin(std::string_view request,
                         const Watch& watch,
                         Reloader& reloader,
                         DurationNs stall_ns) {
  if (request == "reload") {
    const Reloader::Outcome outcome = reloader.reload();
    return (outcome.done ? "done\n" : "refused\n") + outcome.text + "\n";
  }
  const Numbers numbers = watch.telemetry.numbers();
  const TimeNs now = wall_clock_now();
  const std::string why = unhealthy_reason(numbers, now, stall_ns);
  if (request == "status json") {
    return status_json(numbers, why, now);
  }
  if (request == "status") {
    return status_text(numbers, why, now);
  }
  return "there is no request \"" + std::string(request) + "\"; there are: status, reload\n";
}

}  // namespace

Result<std::unique_ptr<Services>> Services::start(const Config& config,
                                                  Watch& watch,
                                                  Reloader& reloader) {
  std::unique_ptr<Services> out(new Services());
  const DurationNs stall_ns = config.watch.heartbeat.stall_ns;
  if (!config.watch.metrics.listen.empty()) {
    // The configuration's reader has checked it.
    const ListenAddress address =
        parse_listen_address(config.watch.metrics.listen).value_or(ListenAddress{});
    Result<std::unique_ptr<HttpServer>> http =
        HttpServer::start(address, http_paths(watch, stall_ns));
    if (!http) {
      return Unexpected<Error>{http.error()};
    }
    out->http_ = std::move(*http);
    watch.log.write(LogLevel::info,
                    "metrics",
                    "metrics and health: http://" + to_text(out->http_->address()) + "/metrics");
  }
  if (!config.watch.admin_socket.empty()) {
    Result<std::unique_ptr<AdminServer>> admin = AdminServer::start(
        config.watch.admin_socket, [&watch, &reloader, stall_ns](std::string_view request) {
          return answer_admin(request, watch, reloader, stall_ns);
        });
    if (!admin) {
      return Unexpected<Error>{admin.error()};
    }
    out->admin_ = std::move(*admin);
  }
  if (!config.watch.heartbeat.url.empty()) {
    out->heartbeat_ =
        std::make_unique<Heartbeat>(config.watch.heartbeat, watch.log, [&watch, stall_ns] {
          return unhealthy_reason(watch.telemetry.numbers(), wall_clock_now(), stall_ns);
        });
  }
  return out;
}

}  // namespace tocsin
