// SPDX-License-Identifier: Apache-2.0
#include "alerts/http.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alerts/sanitize.h"

namespace tocsin {
namespace {

// libcurl wants this once per process, before any handle; its own state is the only one there is.
bool curl_is_ready() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  return code == CURLE_OK;
}

struct UrlParts {
  std::string scheme;
  std::string host;
  std::string port;  // empty: not written
  bool has_user = false;
  bool has_fragment = false;
};

std::string url_part(CURLU* handle, CURLUPart part) {
  char* text = nullptr;
  std::string out;
  if (curl_url_get(handle, part, &text, 0) == CURLUE_OK && text != nullptr) {
    out = text;
  }
  curl_free(text);
  return out;
}

std::optional<UrlParts> split_url(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> handle(curl_url(), &curl_url_cleanup);
  const bool clean =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (handle == nullptr || !clean || url.empty() ||
      curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return std::nullopt;
  }
  UrlParts parts;
  parts.scheme = url_part(handle.get(), CURLUPART_SCHEME);
  parts.host = url_part(handle.get(), CURLUPART_HOST);
  parts.port = url_part(handle.get(), CURLUPART_PORT);
  parts.has_user = !url_part(handle.get(), CURLUPART_USER).empty() ||
                   !url_part(handle.get(), CURLUPART_PASSWORD).empty();
  parts.has_fragment = !url_part(handle.get(), CURLUPART_FRAGMENT).empty();
  return parts;
}

std::optional<IpAddress> host_address(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return parse_ip(host);
}

bool names_loopback(const std::string& host) {
  const auto address = host_address(host);
  return host == "localhost" || (address && is_loopback(*address));
}

std::optional<IpAddress> socket_address(const sockaddr* address) {
  IpAddress out;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    std::memcpy(out.bytes.data(), &v4.sin_addr, 4);
    return out;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    out.v6 = true;
    std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
    return out;
  }
  return std::nullopt;
}

// What the callbacks of one request know.
struct Exchange {
  HttpResponse response;
  bool loopback_only = false;  // plain http
  bool blocked = false;
  bool too_large = false;
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::size_t room = http_response_bytes_max - exchange.response.body.size();
  exchange.response.body.append(data, std::min(size, room));
  if (size > room) {
    exchange.too_large = true;
    return 0;
  }
  return size;
}

bool header_value(std::string_view line, std::string_view name, std::string& value) {
  const bool matches = line.size() > name.size() && line[name.size()] == ':' &&
                       std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
                         return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
                       });
  if (!matches) {
    return false;
  }
  std::string_view rest = line.substr(name.size() + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  rest = rest.substr(0, rest.find_last_not_of(" \t\r\n") + 1);
  value = std::string(rest.substr(0, 200));
  return true;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  HttpResponse& response = static_cast<Exchange*>(user)->response;
  const std::string_view line(data, size);
  std::string location;
  if (header_value(line, "retry-after", response.retry_after) ||
      header_value(line, "date", response.date)) {
    return size;
  }
  if (header_value(line, "location", location)) {
    const auto parts = split_url(location);
    response.location_host = parts ? plain_line(parts->host, 100) : std::string();
  }
  return size;
}

curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const auto ip = socket_address(&address->addr);
  if (!ip || is_blocked_address(*ip) || (exchange.loopback_only && !is_loopback(*ip))) {
    exchange.blocked = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

HttpFailure failure_of(CURLcode code) {
  switch (static_cast<int>(code)) {
    case CURLE_OK:
      return HttpFailure::none;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpFailure::timed_out;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return HttpFailure::tls;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return HttpFailure::bad_url;
    default:
      return HttpFailure::unreachable;
  }
}

long milliseconds(DurationNs duration) {
  return static_cast<long>(std::clamp<DurationNs>(duration / 1'000'000, 1, 24 * 3'600'000));
}

class HeaderList {
 public:
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  void add(const std::string& line) {
    if (curl_slist* longer = curl_slist_append(list_, line.c_str())) {
      list_ = longer;
    }
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

std::optional<TimeNs> parse_http_date(std::string_view text) {
  const time_t seconds = curl_getdate(std::string(text).c_str(), nullptr);
  if (text.empty() || seconds < 0) {
    return std::nullopt;
  }
  return static_cast<TimeNs>(seconds) * second_ns;
}

}  // namespace

struct HttpClient::Impl {
  std::string user_agent;
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  std::atomic<bool> cancelled{false};

  void set_safety(Exchange& exchange, const HttpRequest& request) const {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(
        easy, CURLOPT_QUICK_EXIT, 1L);  // cancelling does not wait for a resolver thread
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout_ns));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout_ns));
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  }

  // Until the transfer ends or cancel() is called.
  CURLcode perform() const {
    if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
      return CURLE_FAILED_INIT;
    }
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    while (!cancelled.load() && running > 0) {
      if (curl_multi_perform(multi, &running) != CURLM_OK) {
        code = CURLE_FAILED_INIT;
        break;
      }
      int queued = 0;
      if (const CURLMsg* message = curl_multi_info_read(multi, &queued)) {
        code = message->data.result;
        break;
      }
      if (running > 0) {
        curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
      }
    }
    curl_multi_remove_handle(multi, easy);
    return code;
  }
};

HttpClient::HttpClient(std::string user_agent) : impl_(std::make_unique<Impl>()) {
  impl_->user_agent = std::move(user_agent);
  if (curl_is_ready()) {
    impl_->multi = curl_multi_init();
    impl_->easy = curl_easy_init();
  }
}

HttpClient::~HttpClient() {
  curl_easy_cleanup(impl_->easy);
  curl_multi_cleanup(impl_->multi);
}

void HttpClient::cancel() {
  impl_->cancelled.store(true);
  if (impl_->multi != nullptr) {
    curl_multi_wakeup(impl_->multi);
  }
}

HttpResponse HttpClient::post(const HttpRequest& request) {
  Exchange exchange;
  HttpResponse& response = exchange.response;
  const auto checked = check_url(*request.url, request.allow_http);
  if (!checked) {
    response.failure = HttpFailure::bad_url;
    response.error = checked.error().message;
    return response;
  }
  if (impl_->easy == nullptr || impl_->multi == nullptr) {
    response.failure = HttpFailure::unreachable;
    response.error = "libcurl could not be started";
    return response;
  }
  CURL* easy = impl_->easy;
  curl_easy_reset(easy);
  const auto parts = split_url(request.url->reveal());
  exchange.loopback_only = parts->scheme == "http" && !request.allow_http;
  impl_->set_safety(exchange, request);
  HeaderList headers;
  headers.add("Expect:");
  for (const auto& [name, value] : request.headers) {
    headers.add(value.empty() ? name + ";" : name + ": " + value);
  }
  if (request.authorization != nullptr && !request.authorization->empty()) {
    headers.add("Authorization: " + request.authorization->reveal());
  }
  curl_easy_setopt(easy, CURLOPT_USERAGENT, impl_->user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_URL, request.url->reveal().c_str());
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  const CURLcode code = impl_->perform();

  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.complete = code == CURLE_OK;
  if (code != CURLE_OK) {
    const bool aborted = impl_->cancelled.load() && code == CURLE_ABORTED_BY_CALLBACK;
    response.failure = exchange.blocked ? HttpFailure::blocked_address
                       : aborted        ? HttpFailure::cancelled
                                        : failure_of(code);
    // libcurl's own sentence for the code: its longer one may quote the URL.
    response.error = exchange.blocked     ? "the host's address may not be connected to"
                     : aborted            ? "ended by shutdown"
                     : exchange.too_large ? "the answer is longer than 64 KB"
                                          : curl_easy_strerror(code);
  }
  return response;
}

Result<void> check_url(const Secret& url, bool allow_http) {
  const auto parts = split_url(url.reveal());
  if (!url.empty() && url.reveal().front() == '$') {
    return fail(
        "variables are not replaced in a URL: write url_env and the name of the variable alone");
  }
  if (!parts || parts->host.empty()) {
    return fail("not a URL: write https://host/path");
  }
  if (parts->scheme != "https" && parts->scheme != "http") {
    return fail("the URL's scheme is not https");
  }
  if (parts->has_user) {
    return fail("the URL holds a user name or password: use authorization instead");
  }
  if (parts->has_fragment) {
    return fail("the URL has a fragment (#...), which is never sent");
  }
  const auto address = host_address(parts->host);
  if (address && is_blocked_address(*address)) {
    return fail(
        "the URL's host is an address that may not be connected to (link-local, multicast or "
        "reserved)");
  }
  if (parts->scheme == "http" && !allow_http && !names_loopback(parts->host)) {
    return fail("plain http beyond this machine: use https, or set allow_http: true");
  }
  return {};
}

std::string printable_origin(const Secret& url) {
  const auto parts = split_url(url.reveal());
  if (!parts) {
    return "(not a URL)";
  }
  return parts->scheme + "://" + plain_line(parts->host, 100) +
         (parts->port.empty() ? "" : ":" + parts->port);
}

bool is_loopback(const IpAddress& address) {
  const IpAddress plain = unmap(address);
  if (!plain.v6) {
    return plain.bytes[0] == 127;
  }
  IpAddress one;
  one.v6 = true;
  one.bytes[15] = 1;
  return plain == one;
}

bool is_blocked_address(const IpAddress& address) {
  IpAddress plain = unmap(address);
  const auto& bytes = plain.bytes;
  constexpr std::array<std::uint8_t, 12> nat64 = {0, 0x64, 0xff, 0x9b};
  if (plain.v6 && std::equal(nat64.begin(), nat64.end(), bytes.begin())) {
    IpAddress inner;
    std::copy(bytes.begin() + 12, bytes.end(), inner.bytes.begin());
    plain = inner;
  }
  if (!plain.v6) {
    const bool alibaba_metadata =
        bytes[0] == 100 && bytes[1] == 100 && bytes[2] == 100 && bytes[3] == 200;
    return bytes[0] == 0 || (bytes[0] == 169 && bytes[1] == 254) || bytes[0] >= 224 ||
           alibaba_metadata;
  }
  constexpr std::array<std::uint8_t, 16> aws_metadata = {
      0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
  const bool unspecified =
      std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
  const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  return unspecified || link_local || bytes[0] == 0xff || bytes == aws_metadata;
}

std::optional<DurationNs> parse_retry_after(std::string_view retry_after,
                                            std::string_view date,
                                            std::optional<TimeNs> now) {
  double seconds = 0;
  const char* end = retry_after.data() + retry_after.size();
  const auto number = std::from_chars(retry_after.data(), end, seconds);
  if (number.ec == std::errc() && number.ptr == end) {
    if (!std::isfinite(seconds)) {
      return std::nullopt;
    }
    // A year is longer than anyone waits; the lane has a cap of its own.
    const double bounded = std::clamp(seconds, 0.0, 366.0 * 86400);
    return static_cast<DurationNs>(std::ceil(bounded * 1e9));
  }
  const auto until = parse_http_date(retry_after);
  std::optional<TimeNs> from = parse_http_date(date);
  if (!from) {
    from = now;
  }
  if (!until || !from) {
    return std::nullopt;
  }
  return std::max<DurationNs>(*until - *from, 0);
}

}  // namespace tocsin
