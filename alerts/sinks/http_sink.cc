// SPDX-License-Identifier: Apache-2.0
#include "alerts/sinks/http_sink.h"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/event/json_tree.h"

namespace tocsin {
namespace {

constexpr std::size_t url_bytes_max = 8192;

// Empty if there is nothing to read. A pipe in the file's place must not hang the lane.
std::string first_bytes(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) {
    return {};
  }
  std::string text(url_bytes_max, '\0');
  struct stat status {};
  const bool regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  const ssize_t size = regular ? ::read(file, text.data(), text.size()) : 0;
  ::close(file);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) {
           return lower(x) == lower(y);
         });
}

std::string_view status_words(int status) {
  switch (status) {
    case 400:
      return " (bad request)";
    case 401:
    case 403:
      return " (not authorized)";
    case 404:
    case 410:
      return " (no such webhook)";
    case 413:
      return " (too large)";
    case 429:
      return " (rate limited)";
    default:
      return "";
  }
}

}  // namespace

Result<Secret> current_url(const ReceiverConfig& config) {
  if (config.url_file.empty()) {
    return config.url;
  }
  std::string text = first_bytes(config.url_file);
  if (text.empty()) {
    return fail("the URL cannot be read from " + config.url_file +
                ": it must be a regular file with a URL in it");
  }
  text = text.substr(0, text.find('\n'));
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) {
    return fail("no URL in the first line of " + config.url_file);
  }
  return Secret(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

bool is_ok(const HttpResponse& response) {
  const std::string_view body = response.body;
  return response.complete && body.substr(0, body.find_last_not_of(" \t\r\n") + 1) == "ok";
}

SendResult::Kind kind_of_status(int status) {
  constexpr std::array<int, 3> retried = {408, 425, 429};
  constexpr std::array<int, 9> wrong = {401, 402, 403, 404, 405, 407, 410, 501, 505};
  if (status >= 200 && status < 300) {
    return SendResult::Kind::delivered;
  }
  if (std::find(wrong.begin(), wrong.end(), status) != wrong.end() ||
      (status >= 300 && status < 400)) {
    return SendResult::Kind::configured_wrong;
  }
  if (status >= 500 || status < 200 ||
      std::find(retried.begin(), retried.end(), status) != retried.end()) {
    return SendResult::Kind::retry;
  }
  return SendResult::Kind::permanent;
}

std::vector<std::pair<std::string, std::string>> HttpSink::headers(const Alert&) const {
  return {{"Content-Type", "application/json"}};
}

bool HttpSink::accepted(const HttpResponse&) const {
  return true;
}

DurationNs HttpSink::body_retry_after(const HttpResponse& response) const {
  const auto tree = parse_json(response.body);
  if (!tree || tree->kind != JsonNode::Kind::object) {
    return 0;
  }
  const JsonNode* wait = tree->get("retry_after");
  if (const JsonNode* parameters = tree->get("parameters");
      wait == nullptr && parameters != nullptr) {
    wait = parameters->get("retry_after");
  }
  return wait == nullptr ? 0 : parse_retry_after(wait->text, "", std::nullopt).value_or(0);
}

SendResult HttpSink::deliver(const Alert& alert) {
  auto url = current_url(context_.config);
  if (!url) {
    return {SendResult::Kind::configured_wrong, 0, url.error().message};
  }
  if (!query().empty() && url->reveal().find(query()) == std::string::npos) {
    const char* separator = url->reveal().find('?') == std::string::npos ? "?" : "&";
    url = Secret(url->reveal() + separator + std::string(query()));
  }
  SendResult result = send(*url, alert, false);
  if (result.kind == SendResult::Kind::permanent && has_minimal()) {
    const SendResult second = send(*url, alert, true);
    // Where the short form meets a trouble that passes (it follows at once: 429 is likely), the
    // alert is not lost.
    if (second.kind != SendResult::Kind::permanent) {
      return second;
    }
  }
  return result;
}

SendResult HttpSink::send(const Secret& url, const Alert& alert, bool minimal) const {
  const std::string text = body(alert, minimal);
  HttpRequest request;
  request.url = &url;
  request.body = text;
  // The user's own come last and take the place of ours.
  request.headers = headers(alert);
  for (const auto& header : context_.config.headers) {
    const auto same = [&](const auto& ours) { return same_name(ours.first, header.first); };
    request.headers.erase(std::remove_if(request.headers.begin(), request.headers.end(), same),
                          request.headers.end());
    request.headers.push_back(header);
  }
  request.authorization = &context_.config.authorization;
  request.allow_http = context_.config.allow_http;
  request.timeout_ns = context_.config.timeout_ns;
  request.connect_timeout_ns = context_.config.connect_timeout_ns;
  const HttpResponse response = context_.http.post(request);
  SendResult result = read_answer(response, Scrubber(url, context_.config));
  if (result.kind != SendResult::Kind::delivered) {
    result.reason = printable_origin(url) + ": " + result.reason;
  }
  return result;
}

SendResult HttpSink::read_answer(const HttpResponse& response, const Scrubber& scrubber) const {
  if (response.status == 0) {
    switch (response.failure) {
      case HttpFailure::tls:
      case HttpFailure::blocked_address:
      case HttpFailure::bad_url:
        return {SendResult::Kind::configured_wrong, 0, scrubber.clean(response.error)};
      case HttpFailure::none:
      case HttpFailure::unreachable:
      case HttpFailure::timed_out:
      case HttpFailure::cancelled:
        return {SendResult::Kind::retry, 0, scrubber.clean(response.error)};
    }
  }
  SendResult result;
  result.kind = kind_of_status(response.status);
  if (result.kind == SendResult::Kind::delivered && accepted(response)) {
    return result;
  }
  result.reason =
      "HTTP " + std::to_string(response.status) + std::string(status_words(response.status));
  if (result.kind == SendResult::Kind::delivered) {
    result.kind = SendResult::Kind::retry;
    result.reason += " without the sign of success";
  }
  if (response.status >= 300 && response.status < 400) {
    result.reason +=
        ", a redirect to " +
        (response.location_host.empty() ? "elsewhere" : scrubber.clean(response.location_host)) +
        " that is not followed";
  } else if (!response.body.empty()) {
    result.reason += ": " + scrubber.clean(response.body);
  }
  if (!response.complete) {
    result.reason += " (" + response.error + ")";
  }
  if (result.kind == SendResult::Kind::retry) {
    const std::optional<TimeNs> now =
        context_.settings.now ? std::optional<TimeNs>(context_.settings.now()) : std::nullopt;
    const auto wait = parse_retry_after(response.retry_after, response.date, now);
    result.retry_after_ns = std::max(wait.value_or(0), body_retry_after(response));
    if (!response.retry_after.empty() && !wait) {
      // Unreadable: certainly not "at once".
      result.retry_after_ns = std::max(result.retry_after_ns, context_.config.retry.max_ns);
    }
  }
  return result;
}

}  // namespace tocsin
