// SPDX-License-Identifier: Apache-2.0
// FaultServer: an HTTP endpoint on loopback that misbehaves as scripted. Raw sockets, one thread
// per connection, a port of the system's choosing. Each request takes the next fault of the script;
// the last one serves all that follow. Thread rule: construct and destroy on one thread; the rest
// from any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tocsin::test {

struct Fault {
  enum class Kind : std::uint8_t {
    answer,  // `bytes`, then the connection is closed
    hang,    // reads the request and never answers
    drip,    // `bytes` one at a time, far too slowly to end
    reset,   // `bytes`, then a reset in the middle of the body
  };
  Kind kind = Kind::answer;
  std::string bytes;

  static Fault status(int code, std::string body, std::string headers = "");
  static Fault hang() { return {Kind::hang, ""}; }
  static Fault drip() {
    return {Kind::drip, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x')};
  }
  static Fault reset() {
    return {Kind::reset, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nok"};
  }
};

struct Received {
  std::string head;  // request line and headers
  std::string body;
  std::chrono::steady_clock::time_point at;
};

class FaultServer {
 public:
  explicit FaultServer(std::vector<Fault> script);
  ~FaultServer();
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;

  std::string url(const std::string& path) const;
  std::vector<Received> received() const;
  // False after 10 s without them.
  bool wait_for(std::size_t requests);

 private:
  void accept_loop();
  void serve(int connection);
  bool read_request(int connection, Received& request) const;
  void act(int connection, const Fault& fault);

  const std::vector<Fault> script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Received> received_;
  std::vector<std::thread> workers_;
  bool stopping_ = false;
  std::thread acceptor_;
};

// A port of loopback that nothing listens on.
std::string refused_url(const std::string& path);

}  // namespace tocsin::test
