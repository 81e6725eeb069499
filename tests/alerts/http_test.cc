// SPDX-License-Identifier: Apache-2.0
#include "alerts/http.h"

#include <cstdlib>
#include <thread>

#include <doctest/doctest.h>

#include "alerts/scrub.h"
#include "alerts/sinks/http_sink.h"
#include "tests/alerts/fault_server.h"

using namespace tocsin;
using test::Fault;
using test::FaultServer;

namespace {

HttpResponse post(HttpClient& client,
                  const std::string& url,
                  DurationNs timeout_ns = 10 * second_ns) {
  const Secret secret(url);
  HttpRequest request;
  request.url = &secret;
  request.body = "{}";
  request.headers = {{"X-Test", "1"}};
  request.timeout_ns = timeout_ns;
  return client.post(request);
}

HttpResponse post(const std::string& url, DurationNs timeout_ns = 10 * second_ns) {
  HttpClient client("tocsin/test");
  return post(client, url, timeout_ns);
}

constexpr DurationNs short_time = 200 * second_ns / 1000;

}  // namespace

TEST_CASE("a request carries its method, headers and body, and nothing that waits") {
  FaultServer server({Fault::status(200, "ok")});
  const HttpResponse response = post(server.url("/hook?x=1"));
  CHECK(response.status == 200);
  CHECK(response.body == "ok");
  CHECK(response.complete);
  REQUIRE(server.received().size() == 1);
  const auto request = server.received()[0];
  CHECK(request.body == "{}");
  CHECK(request.head.rfind("POST /hook?x=1 HTTP/1.1\r\n", 0) == 0);
  CHECK(request.head.find("\r\nX-Test: 1") != std::string::npos);
  CHECK(request.head.find("\r\nUser-Agent: tocsin/test") != std::string::npos);
  CHECK(request.head.find("Expect") == std::string::npos);
}

TEST_CASE("each way to fail has its name") {
  CHECK(post(test::refused_url("/x")).failure == HttpFailure::unreachable);
  {
    FaultServer server({Fault::hang()});
    const HttpResponse response = post(server.url("/x"), short_time);
    CHECK(response.failure == HttpFailure::timed_out);
    CHECK(response.status == 0);
  }
  {
    FaultServer server({Fault::drip()});
    const HttpResponse response = post(server.url("/x"), short_time);
    CHECK(response.failure == HttpFailure::timed_out);
    CHECK(response.status == 200);
    CHECK_FALSE(response.complete);
  }
  {
    FaultServer server({Fault::reset()});
    const HttpResponse response = post(server.url("/x"));
    CHECK(response.failure == HttpFailure::unreachable);
    CHECK_FALSE(response.complete);
  }
  {
    FaultServer server({Fault::status(200, std::string(http_response_bytes_max + 1, 'x'))});
    const HttpResponse response = post(server.url("/x"));
    CHECK(response.status == 200);
    CHECK_FALSE(response.complete);
    CHECK(response.body.size() == http_response_bytes_max);
    CHECK(response.error.find("64 KB") != std::string::npos);
  }
  CHECK(post("ftp://127.0.0.1/x").failure == HttpFailure::bad_url);
}

TEST_CASE("a redirect is not followed and its host is known") {
  FaultServer target({Fault::status(200, "ok")});
  FaultServer server(
      {Fault::status(307, "", "Location: http://user@169.254.169.254/latest/secret\r\n"),
       Fault::status(301, "", "Location: " + target.url("/y") + "\r\n")});
  HttpClient client("t");
  const HttpResponse first = post(client, server.url("/x"));
  CHECK(first.status == 307);
  CHECK(first.location_host == "169.254.169.254");
  CHECK(post(client, server.url("/x")).status == 301);
  CHECK(target.received().empty());
}

TEST_CASE("no proxy is taken from the environment") {
  FaultServer proxy({Fault::status(200, "proxy")});
  FaultServer server({Fault::status(200, "server")});
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  ::setenv("all_proxy", proxy.url("").c_str(), 1);
  const HttpResponse response = post(server.url("/x"));
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
  CHECK(response.body == "server");
  CHECK(proxy.received().empty());
}

TEST_CASE("cancel ends a request that hangs, and every later one") {
  FaultServer server({Fault::hang()});
  HttpClient client("t");
  HttpResponse response;
  std::thread poster([&] { response = post(client, server.url("/x"), 60 * second_ns); });
  REQUIRE(server.wait_for(1));
  client.cancel();
  poster.join();
  CHECK(response.failure == HttpFailure::cancelled);
  CHECK(post(client, server.url("/x"), 60 * second_ns).failure == HttpFailure::cancelled);
}

TEST_CASE("only URLs that alerts may be sent to are accepted") {
  struct Case {
    std::string url;
    bool allow_http;
    bool accepted;
  };
  const std::vector<Case> cases = {
      {"https://hooks.example/services/T/B/x", false, true},
      {"http://127.0.0.1:8080/x", false, true},
      {"http://localhost/x", false, true},
      {"http://[::1]:1/x", false, true},
      {"http://soar.internal/x", false, false},
      {"http://soar.internal/x", true, true},
      {"http://10.0.0.1/x", true, true},
      {"http://localhost.evil.example/x", false, false},
      {"https://bob:secret@hooks.example/x", false, false},
      {"https://hooks.example/x#y", false, false},
      {"ftp://hooks.example/x", true, false},
      {"file:///etc/passwd", true, false},
      {"hooks.example/x", false, false},
      {"https://hooks.example/ x", false, false},
      {"https://hooks.example/\r\nX: y", false, false},
      {"", false, false},
      {"https://", false, false},
      {"https://169.254.169.254/latest", true, false},
      {"https://2852039166/latest", true, false},
      {"https://0xa9fea9fe/latest", true, false},
      {"https://[fe80::1]/x", true, false},
      {"https://[::ffff:169.254.169.254]/x", true, false},
      {"https://[fd00:ec2::254]/x", true, false},
      {"https://0.0.0.0/x", true, false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.url);
    CHECK(check_url(Secret(c.url), c.allow_http).has_value() == c.accepted);
  }
}

TEST_CASE(
    "addresses of metadata services and the like are blocked, loopback and private ones are not") {
  for (const char* text : {"169.254.169.254",
                           "169.254.0.1",
                           "0.0.0.0",
                           "0.1.2.3",
                           "224.0.0.1",
                           "255.255.255.255",
                           "100.100.100.200",
                           "fe80::1",
                           "febf::1",
                           "ff02::1",
                           "::",
                           "fd00:ec2::254",
                           "::ffff:169.254.1.1",
                           "64:ff9b::a9fe:a9fe"}) {
    CAPTURE(text);
    const auto address = parse_ip(text);
    REQUIRE(address.has_value());
    CHECK(is_blocked_address(*address));
  }
  for (const char* text : {"127.0.0.1",
                           "10.0.0.1",
                           "192.168.1.1",
                           "203.0.113.9",
                           "::1",
                           "2001:db8::1",
                           "fd00::1",
                           "fec0::1",
                           "64:ff9b::a00:1"}) {
    CAPTURE(text);
    const auto address = parse_ip(text);
    REQUIRE(address.has_value());
    CHECK_FALSE(is_blocked_address(*address));
  }
}

TEST_CASE("plain http to a name that says localhost stays on loopback") {
  CHECK(is_loopback(*parse_ip("127.8.9.1")));
  CHECK(is_loopback(*parse_ip("::1")));
  CHECK(is_loopback(*parse_ip("::ffff:127.0.0.1")));
  CHECK_FALSE(is_loopback(*parse_ip("::2")));
  CHECK_FALSE(is_loopback(*parse_ip("128.0.0.1")));
}

TEST_CASE("Retry-After is read as seconds, fractions and dates") {
  const std::string date = "Sat, 21 Nov 2026 10:00:00 GMT";
  const TimeNs now = *parse_rfc3339("2026-11-21T10:00:30Z");
  CHECK(parse_retry_after("3", "", std::nullopt) == 3 * second_ns);
  CHECK(parse_retry_after("0.25", "", std::nullopt) == second_ns / 4);
  CHECK(parse_retry_after("64.57", "", std::nullopt) == 64'570'000'000);
  CHECK(parse_retry_after("-5", "", std::nullopt) == 0);
  CHECK(parse_retry_after("Sat, 21 Nov 2026 10:01:00 GMT", date, std::nullopt) == minute_ns);
  // The answer's own clock is better than ours.
  CHECK(parse_retry_after("Sat, 21 Nov 2026 10:01:00 GMT", date, now) == minute_ns);
  CHECK(parse_retry_after("Sat, 21 Nov 2026 10:01:00 GMT", "", now) == 30 * second_ns);
  CHECK(parse_retry_after("Sat, 21 Nov 2026 09:00:00 GMT", date, now) == 0);
  CHECK_FALSE(parse_retry_after("Sat, 21 Nov 2026 10:01:00 GMT", "", std::nullopt).has_value());
  for (const char* text : {"", "soon", "inf", "nan", "5 minutes", "1e"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_retry_after(text, date, now).has_value());
  }
}

TEST_CASE("each status has its meaning") {
  using Kind = SendResult::Kind;
  struct Case {
    int status;
    Kind kind;
  };
  for (const Case& c : std::vector<Case>{{200, Kind::delivered},
                                         {202, Kind::delivered},
                                         {204, Kind::delivered},
                                         {301, Kind::configured_wrong},
                                         {307, Kind::configured_wrong},
                                         {400, Kind::permanent},
                                         {401, Kind::configured_wrong},
                                         {403, Kind::configured_wrong},
                                         {404, Kind::configured_wrong},
                                         {408, Kind::retry},
                                         {410, Kind::configured_wrong},
                                         {413, Kind::permanent},
                                         {422, Kind::permanent},
                                         {425, Kind::retry},
                                         {429, Kind::retry},
                                         {500, Kind::retry},
                                         {501, Kind::configured_wrong},
                                         {502, Kind::retry},
                                         {503, Kind::retry},
                                         {504, Kind::retry},
                                         {505, Kind::configured_wrong}}) {
    CAPTURE(c.status);
    CHECK(kind_of_status(c.status) == c.kind);
  }
}

TEST_CASE("what is quoted of an answer holds nothing of the URL or the authorization") {
  ReceiverConfig config;
  config.authorization = Secret("Bearer auth-token-77");
  config.headers = {{"X-Key", "header-key-88"}};
  const Scrubber scrubber(
      Secret("https://h.example/services/T0TOKEN/B0%2DTOKEN?sig=QUERYTOKEN&v=1"), config);
  const std::string text = scrubber.clean(
      "no /services/T0TOKEN/B0%2DTOKEN?sig=QUERYTOKEN&v=1\nT0TOKEN B0-TOKEN QUERYTOKEN "
      "auth-token-77 header-key-88 \x1b[31m v1");
  for (const char* secret : {"T0TOKEN",
                             "B0%2DTOKEN",
                             "B0-TOKEN",
                             "QUERYTOKEN",
                             "auth-token-77",
                             "header-key-88",
                             "\x1b",
                             "\n"}) {
    CAPTURE(secret);
    CHECK(text.find(secret) == std::string::npos);
  }
  CHECK(text.find("v1") != std::string::npos);
  CHECK(scrubber.clean(std::string(100'000, 'x')).size() < 400);
  // A secret in the place where a long answer is cut; what stands before it is dropped.
  std::string hidden;
  while (hidden.size() + 8 < 4096) {
    hidden += "\xE2\x80\x8B";
  }
  CHECK(scrubber.clean(hidden + "QUERYTOKEN and more").find("QUERY") == std::string::npos);
  CHECK(printable_origin(Secret("https://h.example/services/T0TOKEN?sig=Q")) ==
        "https://h.example");
  CHECK(printable_origin(Secret("http://127.0.0.1:9093/hook/T0TOKEN")) == "http://127.0.0.1:9093");
}
