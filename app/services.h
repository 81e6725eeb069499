// SPDX-License-Identifier: Apache-2.0
// The services of a tail beside its run: /metrics and /health, the admin socket, the heartbeat.
// Thread rule: started and ended by one thread; each has threads of its own.
#pragma once

#include <memory>

#include "app/admin_socket.h"
#include "app/config.h"
#include "app/heartbeat.h"
#include "app/http_server.h"
#include "app/reload.h"
#include "app/watch.h"

namespace tocsin {

class Services {
 public:
  // References outlive the services. An error: an address or a socket that is not to be had.
  static Result<std::unique_ptr<Services>> start(const Config& config,
                                                 Watch& watch,
                                                 Reloader& reloader);

 private:
  Services() = default;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

}  // namespace tocsin
