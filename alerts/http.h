// SPDX-License-Identifier: Apache-2.0
// HttpClient: one POST at a time over libcurl, the way alerts must be sent: no redirects, no proxy
// from the environment, certificates verified, time limits, little of the answer kept, and no
// connection to link-local or metadata addresses (checked on the resolved address, so that a name
// that changes its mind is caught too). Thread rule: post() by one thread; cancel() by any. Errors:
// in the response, and they never contain a URL's path or query. Nothing is logged. Cost: one
// connection, kept open between requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts/receivers.h"
#include "engine/base/cidr.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

// Bytes of an answer that are kept: what vendors answer is short.
inline constexpr std::size_t http_response_bytes_max = 64u << 10;

struct HttpRequest {
  const Secret* url = nullptr;  // checked with check_url()
  std::string_view body;
  std::vector<std::pair<std::string, std::string>> headers;
  const Secret* authorization = nullptr;  // may be null or empty
  bool allow_http = false;
  DurationNs timeout_ns = 15 * second_ns;
  DurationNs connect_timeout_ns = 5 * second_ns;
};

enum class HttpFailure : std::uint8_t {
  none,         // there is a status
  unreachable,  // not resolved, refused, reset
  timed_out,
  tls,              // the peer's certificate is not accepted: trying again will not help
  blocked_address,  // resolved to an address that is never connected to
  bad_url,
  cancelled,
};

struct HttpResponse {
  HttpFailure failure = HttpFailure::none;
  int status = 0;           // 0: none came
  bool complete = false;    // the whole body came and is kept
  std::string body;         // at most http_response_bytes_max
  std::string retry_after;  // the header as sent
  std::string date;         // the header as sent
  std::string location_host;
  std::string error;  // for people; empty if complete
};

class HttpClient {
 public:
  explicit HttpClient(std::string user_agent);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpResponse post(const HttpRequest& request);
  // Ends a post() that runs, and every later one at once.
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A URL that alerts may be sent to: https, or http to loopback (or anywhere, if allowed), no
// user:password, no fragment.
Result<void> check_url(const Secret& url, bool allow_http);
// Scheme, host and port: what may be printed of a URL.
std::string printable_origin(const Secret& url);

// Never connected to: link-local (the clouds' metadata services), "this network", multicast,
// reserved; in IPv6 also when they are mapped or translated IPv4 addresses.
bool is_blocked_address(const IpAddress& address);
bool is_loopback(const IpAddress& address);

// Retry-After: seconds (a fraction is allowed) or an HTTP date, counted from `date` (the answer's
// own Date header, so that clocks need not agree), else from `now`. nullopt: none, or not readable.
// Never negative.
std::optional<DurationNs> parse_retry_after(std::string_view retry_after,
                                            std::string_view date,
                                            std::optional<TimeNs> now);

}  // namespace tocsin
