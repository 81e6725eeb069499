// SPDX-License-Identifier: Apache-2.0
#include "tests/alerts/fault_server.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tocsin::test {
namespace {

int listen_on_loopback(std::uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 64) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(listener);
    return -1;
  }
  port = ntohs(address.sin_port);
  return listener;
}

std::string url_of(std::uint16_t port, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

void send_all(int connection, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      return;
    }
    sent += static_cast<std::size_t>(n);
  }
}

}  // namespace

Fault Fault::status(int code, std::string body, std::string headers) {
  Fault fault;
  fault.bytes = "HTTP/1.1 " + std::to_string(code) +
                " Scripted\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\nConnection: close\r\n" + headers + "\r\n" + body;
  return fault;
}

FaultServer::FaultServer(std::vector<Fault> script) : script_(std::move(script)) {
  listener_ = listen_on_loopback(port_);
  if (listener_ < 0) {
    std::abort();
  }
  acceptor_ = std::thread([this] { accept_loop(); });
}

FaultServer::~FaultServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& worker : workers_) {
    worker.join();
  }
  ::close(listener_);
}

std::string FaultServer::url(const std::string& path) const {
  return url_of(port_, path);
}

std::vector<Received> FaultServer::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

bool FaultServer::wait_for(std::size_t requests) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(
      lock, std::chrono::seconds(10), [&] { return received_.size() >= requests; });
}

void FaultServer::accept_loop() {
  for (;;) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) {
      return;
    }
    const std::lock_guard lock(mutex_);
    workers_.emplace_back([this, connection] { serve(connection); });
  }
}

void FaultServer::serve(int connection) {
  Received request;
  if (read_request(connection, request)) {
    Fault fault;
    {
      const std::lock_guard lock(mutex_);
      fault = script_[std::min(received_.size(), script_.size() - 1)];
      received_.push_back(std::move(request));
      changed_.notify_all();
    }
    act(connection, fault);
  }
  ::close(connection);
}

bool FaultServer::read_request(int connection, Received& request) const {
  std::string bytes;
  std::size_t head_end = std::string::npos;
  std::size_t length = 0;
  while (head_end == std::string::npos || bytes.size() < head_end + 4 + length) {
    char buffer[4096];
    const ssize_t n = ::recv(connection, buffer, sizeof buffer, 0);
    if (n <= 0) {
      return false;
    }
    bytes.append(buffer, static_cast<std::size_t>(n));
    if (head_end == std::string::npos && (head_end = bytes.find("\r\n\r\n")) != std::string::npos) {
      const std::size_t at = bytes.find("Content-Length: ");
      length = at < head_end ? std::strtoull(bytes.c_str() + at + 16, nullptr, 10) : 0;
    }
  }
  request.head = bytes.substr(0, head_end);
  request.body = bytes.substr(head_end + 4);
  request.at = std::chrono::steady_clock::now();
  return true;
}

void FaultServer::act(int connection, const Fault& fault) {
  // Until the client leaves or the server is destroyed.
  const auto client_left = [&](std::chrono::milliseconds wait) {
    pollfd entry{connection, POLLIN | POLLRDHUP, 0};
    return ::poll(&entry, 1, static_cast<int>(wait.count())) > 0;
  };
  const auto stopping = [&] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  switch (fault.kind) {
    case Fault::Kind::answer:
      send_all(connection, fault.bytes);
      ::shutdown(connection, SHUT_WR);
      while (!client_left(std::chrono::milliseconds(20)) && !stopping()) {
      }
      return;
    case Fault::Kind::hang:
      while (!client_left(std::chrono::milliseconds(20)) && !stopping()) {
      }
      return;
    case Fault::Kind::drip:
      for (const char byte : fault.bytes) {
        send_all(connection, std::string(1, byte));
        if (client_left(std::chrono::milliseconds(5)) || stopping()) {
          return;
        }
      }
      return;
    case Fault::Kind::reset: {
      send_all(connection, fault.bytes);
      const linger abort_now{1, 0};
      ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &abort_now, sizeof abort_now);
      return;
    }
  }
}

std::string refused_url(const std::string& path) {
  std::uint16_t port = 0;
  ::close(listen_on_loopback(port));
  return url_of(port, path);
}

}  // namespace tocsin::test
