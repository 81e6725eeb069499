// SPDX-License-Identifier: Apache-2.0
// The admin socket: a unix socket on which a running tocsin answers one line with a text, for its
// own user and root only (file mode 0600, and the peer's credentials are checked). Thread rule: the
// handler is called on the server's thread, one request at a time. Errors: Result.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

class AdminServer {
 public:
  using Handler = std::function<std::string(std::string_view request)>;
  // A socket that a dead process left behind is replaced; one that answers is an error.
  static Result<std::unique_ptr<AdminServer>> start(const std::string& path, Handler handler);
  ~AdminServer();  // removes the socket
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  AdminServer(std::string path, int listener, Handler handler);
  void run();
  void answer(int peer);

  const std::string path_;
  const int listener_;
  const Handler handler_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

// Sends a request and returns the whole answer.
Result<std::string> ask_admin(const std::string& path,
                              const std::string& request,
                              DurationNs timeout_ns);

}  // namespace tocsin
