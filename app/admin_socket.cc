// SPDX-License-Identifier: Apache-2.0
#include "app/admin_socket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace tocsin {
namespace {

constexpr std::size_t request_bytes_max = 1024;
constexpr std::size_t answer_bytes_max = 16u << 20;
constexpr int look_ms = 100;  // how often the server looks whether it is to end
constexpr int peer_ms = 5000;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return fail("the path of a unix socket has 1 to " +
                std::to_string(sizeof(address.sun_path) - 1) + " bytes: " + path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

int connect_to(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

bool is_ready(int fd, short events, int timeout_ms) {
  pollfd wanted{fd, events, 0};
  return poll(&wanted, 1, timeout_ms) > 0;
}

bool send_all(int fd, std::string_view text, int timeout_ms) {
  while (!text.empty()) {
    if (!is_ready(fd, POLLOUT, timeout_ms)) {
      return false;
    }
    const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      return false;
    }
    text.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
  }
  return true;
}

// Up to the end, or the first newline if `line`.
bool receive(int fd, bool line, std::size_t bytes_max, int timeout_ms, std::string& out) {
  char buffer[4096];
  while (out.size() < bytes_max) {
    if (!is_ready(fd, POLLIN, timeout_ms)) {
      return false;
    }
    const ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got == 0) {
      return !line;
    }
    if (got < 0) {
      if (errno == EAGAIN || errno == EINTR) {
        continue;
      }
      return false;
    }
    out.append(buffer, static_cast<std::size_t>(got));
    const std::size_t end = out.find('\n');
    if (line && end != std::string::npos) {
      out.resize(end);
      return true;
    }
  }
  return false;
}

bool is_allowed(int peer) {
  ucred who{};
  socklen_t size = sizeof(who);
  return getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
         (who.uid == 0 || who.uid == geteuid());
}

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::start(const std::string& path, Handler handler) {
  const Result<sockaddr_un> address = address_of(path);
  if (!address) {
    return Unexpected<Error>{address.error()};
  }
  const int other = connect_to(*address);
  if (other >= 0) {
    close(other);
    return fail("another tocsin answers on the admin socket " + path);
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      return fail("there is a file where the admin socket should be: " + path);
    }
    unlink(path.c_str());
  }
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // The mode is set by umask, before anybody can connect.
  const mode_t before = umask(0177);
  const bool bound =
      listener >= 0 &&
      bind(listener, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0;
  const int error = errno;
  umask(before);
  if (!bound || listen(listener, 16) != 0) {
    if (listener >= 0) {
      close(listener);
    }
    return fail("cannot open the admin socket " + path + ": " + std::strerror(error));
  }
  return std::unique_ptr<AdminServer>(new AdminServer(path, listener, std::move(handler)));
}

AdminServer::AdminServer(std::string path, int listener, Handler handler)
    : path_(std::move(path)), listener_(listener), handler_(std::move(handler)) {
  thread_ = std::thread([this] { run(); });
}

AdminServer::~AdminServer() {
  ending_.store(true);
  thread_.join();
  close(listener_);
  unlink(path_.c_str());
}

void AdminServer::run() {
  while (!ending_.load()) {
    if (!is_ready(listener_, POLLIN, look_ms)) {
      continue;
    }
    const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer >= 0) {
      answer(peer);
      close(peer);
    }
  }
}

void AdminServer::answer(int peer) {
  std::string request;
  if (is_allowed(peer) && receive(peer, true, request_bytes_max, peer_ms, request)) {
    send_all(peer, handler_(request), peer_ms);
  }
}

Result<std::string> ask_admin(const std::string& path,
                              const std::string& request,
                              DurationNs timeout_ns) {
  const Result<sockaddr_un> address = address_of(path);
  if (!address) {
    return Unexpected<Error>{address.error()};
  }
  const int fd = connect_to(*address);
  if (fd < 0) {
    return fail("no tocsin answers on " + path + ": " + std::strerror(errno));
  }
  std::string out;
  const int timeout_ms = static_cast<int>(timeout_ns / 1'000'000);
  const bool done = send_all(fd, request + "\n", timeout_ms) &&
                    receive(fd, false, answer_bytes_max, timeout_ms, out);
  close(fd);
  if (!done || out.empty()) {
    return fail("tocsin does not answer on " + path +
                "; it answers its own user and root only, and logs why it is busy");
  }
  return out;
}

}  // namespace tocsin
