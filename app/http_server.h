// SPDX-License-Identifier: Apache-2.0
// HttpServer: answers GET of a few paths, for metrics and health. The only door to CivetWeb.
// Thread rule: the answers are asked for on threads of its own. Errors: Result at start. Limits:
// two threads, small requests, no files, no keep-alive.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/listen_address.h"
#include "engine/base/result.h"

namespace tocsin {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  using Paths = std::map<std::string, std::function<HttpAnswer()>>;
  static Result<std::unique_ptr<HttpServer>> start(const ListenAddress& address, Paths paths);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Where it listens: the port that was taken, if 0 was asked for.
  ListenAddress address() const;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin
