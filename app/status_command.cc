// SPDX-License-Identifier: Apache-2.0
// tocsin status, tocsin reload: ask a running tocsin over its admin socket.
#include <cstdio>

#include "app/admin_socket.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/console.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr DurationNs status_timeout_ns = 10 * second_ns;
constexpr DurationNs reload_timeout_ns = 10 * minute_ns;  // a large rule set on a busy machine

// The socket that the options name; empty, after a message: none.
std::string socket_path(const Options& options) {
  if (!options.admin.empty()) {
    return options.admin;
  }
  if (options.config.empty()) {
    print_error("name the admin socket with --admin SOCKET, or the configuration with --config");
    return {};
  }
  Diagnostics problems;
  const Config config = read_config(options.config, problems);
  // Secrets of the service may be out of reach here: only the socket is needed.
  if (config.watch.admin_socket.empty()) {
    print_diagnostics(problems, false);
    print_error("the configuration names no admin socket: admin: {socket: PATH}");
  }
  return config.watch.admin_socket;
}

Result<std::string> ask(const Options& options, const std::string& request, DurationNs timeout) {
  const std::string path = socket_path(options);
  if (path.empty()) {
    return fail("");
  }
  Result<std::string> answer = ask_admin(path, request, timeout);
  if (!answer) {
    print_error(printable(answer.error().message));
  }
  return answer;
}

}  // namespace

int run_status(const Options& options) {
  const bool json = options.format_text == "json";
  if (!json && !options.format_text.empty() && options.format_text != "text") {
    print_error("--format is text or json, not \"" + printable(options.format_text) + "\"");
    return exit_status::usage;
  }
  const Result<std::string> answer =
      ask(options, json ? "status json" : "status", status_timeout_ns);
  if (!answer) {
    return exit_status::usage;
  }
  std::fputs(answer->c_str(), stdout);
  return exit_status::ran;
}

int run_reload(const Options& options) {
  const Result<std::string> answer = ask(options, "reload", reload_timeout_ns);
  if (!answer) {
    return exit_status::usage;
  }
  const std::size_t line = answer->find('\n');
  const bool done = answer->substr(0, line) == "done";
  std::fputs(answer->c_str() + (line == std::string::npos ? 0 : line + 1), stdout);
  return done ? exit_status::ran : exit_status::usage;
}

}  // namespace tocsin
