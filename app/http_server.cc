// SPDX-License-Identifier: Apache-2.0
#include "app/http_server.h"

#include <cstring>
#include <exception>

#include <civetweb.h>

namespace tocsin {

struct HttpServer::Impl {
  Paths paths;
  ListenAddress address;
  std::string last_error;
  mg_context* context = nullptr;

  static int on_log(const mg_connection* connection, const char* message) {
    auto* const self = static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)));
    if (self != nullptr && self->last_error.empty()) {
      self->last_error = message;
    }
    return 1;  // said
  }

  static int on_request(mg_connection* connection) {
    const mg_request_info* const request = mg_get_request_info(connection);
    const auto* const self = static_cast<Impl*>(request->user_data);
    HttpAnswer answer;
    const auto found = self->paths.find(request->local_uri == nullptr ? "" : request->local_uri);
    const bool read = std::strcmp(request->request_method, "GET") == 0 ||
                      std::strcmp(request->request_method, "HEAD") == 0;
    if (!read) {
      answer = {405, "text/plain; charset=utf-8", "GET only\n"};
    } else if (found == self->paths.end()) {
      answer = {404, "text/plain; charset=utf-8", "there is nothing here\n"};
    } else {
      answer = found->second();
    }
    const bool with_body = std::strcmp(request->request_method, "HEAD") != 0;
    mg_printf(connection,
              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: "
              "no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
              answer.status,
              mg_get_response_code_text(connection, answer.status),
              answer.content_type.c_str(),
              answer.body.size());
    if (with_body) {
      mg_write(connection, answer.body.data(), answer.body.size());
    }
    return answer.status;
  }
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  if (impl_->context != nullptr) {
    mg_stop(impl_->context);
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ListenAddress& address, Paths paths) {
  auto impl = std::make_unique<Impl>();
  impl->paths = std::move(paths);
  impl->address = address;
  mg_callbacks callbacks{};
  callbacks.begin_request = &Impl::on_request;
  callbacks.log_message = &Impl::on_log;
  const std::string listen = to_text(address);
  const char* const options[] = {"listening_ports",
                                 listen.c_str(),
                                 "num_threads",
                                 "2",
                                 "request_timeout_ms",
                                 "5000",
                                 "enable_keep_alive",
                                 "no",
                                 "max_request_size",
                                 "8192",
                                 nullptr};
  impl->context = mg_start(&callbacks, impl.get(), const_cast<const char**>(options));
  if (impl->context == nullptr) {
    return fail("cannot listen on " + listen + ": is the port taken?");
  }
  mg_server_port port{};
  if (mg_get_server_ports(impl->context, 1, &port) > 0) {
    impl->address.port = static_cast<std::uint16_t>(port.port);
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

ListenAddress HttpServer::address() const {
  return impl_->address;
}

}  // namespace tocsin
