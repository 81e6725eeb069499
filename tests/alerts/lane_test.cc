// SPDX-License-Identifier: Apache-2.0
// Lanes against an endpoint that misbehaves, with every time constant scaled down.
#include <chrono>

#include <doctest/doctest.h>

#include "tests/alerts/lane_fixture.h"

using namespace tocsin;
using namespace tocsin::test;

namespace {

// So many alerts for one receiver, until the last is delivered and the lanes have ended.
void deliver_all(Fixture& f, FaultServer& server, int alerts) {
  f.commit({"r"}, alerts);
  f.start({receiver("r", "slack", server.url("/x"))});
  REQUIRE(f.store.wait_done(static_cast<std::size_t>(alerts)));
  f.lanes->drain(second_ns);
}

}  // namespace

TEST_CASE("a lane delivers in the order of commits, each alert once, with its id") {
  FaultServer server({Fault::status(200, "ok")});
  Fixture f;
  f.commit({"hook"}, 30);
  f.start({receiver("hook", "webhook", server.url("/x"))});
  REQUIRE(f.store.wait_done(30));
  f.lanes->drain(second_ns);
  const auto requests = server.received();
  REQUIRE(requests.size() == 30);
  for (int i = 0; i < 30; ++i) {
    CAPTURE(i);
    const auto& request = requests[static_cast<std::size_t>(i)];
    CHECK(at(request.body, "events.event.eventName") == "E" + std::to_string(i));
    CHECK(request.head.find("webhook-id: " + at(request.body, "id") + "\r\n") != std::string::npos);
    CHECK(request.head.find("Content-Type: application/json\r\n") != std::string::npos);
  }
  CHECK(f.status().delivered == 30);
  CHECK(f.status().attempts == 30);
  CHECK(f.status().failed == 0);
  CHECK(f.status().pending == 0);
  CHECK(f.status().last_error.empty());
  CHECK(f.log.lines().empty());
}

TEST_CASE("a fault is followed by what it calls for") {
  const std::string date_headers =
      "Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2026 10:00:01 GMT\r\n";
  const std::string huge(100'000, 'x');
  struct Case {
    const char* what;
    const char* type;
    Fault fault;
    std::uint64_t attempts;  // until the alert is done
    bool delivered;
    const char* reason;  // part of the last error; empty: there was none
  };
  const std::vector<Case> cases = {
      {"success", "webhook", Fault::status(204, ""), 1, true, ""},
      {"Slack's success", "slack", Fault::status(200, "ok\n"), 1, true, ""},
      {"429 with seconds",
       "webhook",
       Fault::status(429, "", "Retry-After: 1\r\n"),
       2,
       true,
       "HTTP 429 (rate limited)"},
      {"429 with a fraction",
       "slack",
       Fault::status(429, "", "Retry-After: 0.05\r\n"),
       2,
       true,
       "HTTP 429"},
      {"429 with a date", "webhook", Fault::status(429, "", date_headers), 2, true, "HTTP 429"},
      {"429 with JSON",
       "slack",
       Fault::status(429, R"({"ok":false,"error":"rate_limited","retry_after":0.05})"),
       2,
       true,
       "rate_limited"},
      {"500", "webhook", Fault::status(500, "oops"), 2, true, "HTTP 500: oops"},
      {"200 with an error text, where the body does not matter",
       "webhook",
       Fault::status(200, "error"),
       1,
       true,
       ""},
      {"200 with an error text, where it does",
       "slack",
       Fault::status(200, "returned HTTP error 429"),
       2,
       true,
       "without the sign of success"},
      {"no answer", "webhook", Fault::hang(), 2, true, "Timeout"},
      {"an answer that drips", "slack", Fault::drip(), 2, true, "HTTP 200"},
      {"success whose body drips", "webhook", Fault::drip(), 1, true, ""},
      {"a reset in the body", "slack", Fault::reset(), 2, true, ""},
      {"an oversized body", "slack", Fault::status(200, huge), 2, true, "64 KB"},
      {"a redirect",
       "webhook",
       Fault::status(301, "", "Location: https://elsewhere.example/x\r\n"),
       2,
       true,
       "a redirect to elsewhere.example that is not followed"},
      {"401", "webhook", Fault::status(401, "no"), 2, true, "HTTP 401 (not authorized)"},
      {"404", "slack", Fault::status(404, "no_service"), 2, true, "no_service"},
      {"400", "webhook", Fault::status(400, "bad"), 1, false, "HTTP 400 (bad request): bad"},
      {"413", "webhook", Fault::status(413, ""), 1, false, "HTTP 413"},
      {"400, and the minimal form is taken",
       "slack",
       Fault::status(400, "invalid_blocks"),
       1,
       true,
       ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    FaultServer server({c.fault, Fault::status(200, "ok")});
    Fixture f;
    f.settings.retry_after_max_ns = 100 * ms;
    f.commit({"r"}, 1);
    f.start({receiver("r", c.type, server.url("/x"))});
    REQUIRE(f.store.wait_done(1));
    f.lanes->drain(second_ns);
    CHECK(f.status().attempts == c.attempts);
    CHECK(f.status().delivered == (c.delivered ? 1 : 0));
    CHECK(f.status().failed == (c.delivered ? 0 : 1));
    CHECK(f.store.done()[0].outcome ==
          (c.delivered ? DeliveryOutcome::delivered : DeliveryOutcome::failed));
    CAPTURE(f.status().last_error);
    CHECK(f.status().last_error.find(c.reason) != std::string::npos);
    CHECK(f.log.lines().empty() == f.status().last_error.empty());
  }
}

TEST_CASE(
    "nothing is sent before Retry-After, and what asks for longer than the cap gets the cap") {
  struct Case {
    const char* header;
    DurationNs least;
  };
  for (const Case& c :
       std::vector<Case>{{"Retry-After: 0.3\r\n", 300 * ms}, {"Retry-After: 7200\r\n", 350 * ms}}) {
    CAPTURE(c.header);
    FaultServer server({Fault::status(429, "", c.header), Fault::status(200, "ok")});
    Fixture f;
    f.settings.retry_after_max_ns = 350 * ms;
    f.commit({"r"}, 1);
    f.start({receiver("r", "slack", server.url("/x"))});
    REQUIRE(f.store.wait_done(1));
    const auto requests = server.received();
    REQUIRE(requests.size() == 2);
    CHECK(between(requests[0], requests[1]) >= c.least - ms);
    CHECK(between(requests[0], requests[1]) < 8 * second_ns);
  }
}

TEST_CASE("an alert whose minimal form meets a passing trouble is tried again") {
  for (const int status : {429, 503, 401}) {
    CAPTURE(status);
    FaultServer server({Fault::status(400, "invalid_blocks"),
                        Fault::status(status, ""),
                        Fault::status(200, "ok")});
    Fixture f;
    deliver_all(f, server, 1);
    CHECK(f.status().attempts == 2);
    CHECK(f.status().delivered == 1);
  }
}

TEST_CASE("an endpoint that hangs, or is not there, costs its own lane only") {
  FaultServer hanging({Fault::hang()});
  FaultServer good({Fault::status(200, "ok")});
  const std::string dead = refused_url("");
  Fixture f;
  f.commit({"hanging", "dead", "good"}, 40);
  ReceiverConfig slow = receiver("hanging", "webhook", hanging.url("/x"));
  slow.timeout_ns = 60 * second_ns;
  f.start(
      {slow, receiver("dead", "webhook", dead + "/x"), receiver("good", "slack", good.url("/x"))});
  REQUIRE(hanging.wait_for(1));
  REQUIRE(f.store.wait_done(40));
  const auto begin = std::chrono::steady_clock::now();
  f.lanes->drain(200 * ms);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  CHECK(f.status(0).pending == 40);
  CHECK(f.status(0).delivered == 0);
  CHECK(f.status(1).pending == 40);
  CHECK(f.status(1).last_error.find(dead + ": ") == 0);
  CHECK(f.status(2).delivered == 40);
  CHECK(f.status(2).pending == 0);
  for (const auto& done : f.store.done()) {
    CHECK(done.receiver == "good");
  }
}

TEST_CASE("a drain delivers what is pending and then ends at once") {
  FaultServer server({Fault::status(200, "ok")});
  Fixture f;
  f.start({receiver("r", "webhook", server.url("/x"))});
  f.commit({"r"}, 25);
  const auto begin = std::chrono::steady_clock::now();
  f.lanes->drain(60 * second_ns);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  CHECK(f.status().delivered == 25);
}

TEST_CASE("a drain does not wait for a retry that comes too late") {
  FaultServer server({Fault::status(503, "", "Retry-After: 30\r\n")});
  Fixture f;
  f.commit({"r"}, 2);
  ReceiverConfig config = receiver("r", "webhook", server.url("/x"));
  config.retry.max_age_ns = day_ns;
  f.start({config});
  REQUIRE(server.wait_for(1));
  const auto begin = std::chrono::steady_clock::now();
  f.lanes->drain(20 * second_ns);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  CHECK(f.status().pending == 2);
  CHECK(f.status().failed == 0);
}

TEST_CASE("a lane ends although the store was stopped before") {
  FaultServer server({Fault::status(200, "ok")});
  Fixture f;
  f.start({receiver("r", "webhook", server.url("/x"))});
  f.store.stop();
  f.lanes->drain(second_ns);
  CHECK(f.status().pending == 0);
}

TEST_CASE("an alert that grows too old is given up, and said so") {
  FaultServer server({Fault::status(500, "down")});
  Fixture f;
  ReceiverConfig config = receiver("r", "webhook", server.url("/x"));
  config.retry.max_age_ns = 60 * ms;
  f.commit({"r"}, 1);
  f.start({config});
  REQUIRE(f.store.wait_done(1));
  f.lanes->drain(second_ns);
  CHECK(f.status().failed == 1);
  CHECK(f.status().attempts >= 1);
  CHECK(f.log.count("is older than 60ms and is given up: " + server.url("") + ": HTTP 500: down") ==
        1);
}

TEST_CASE("age is counted from the detection where there is a clock") {
  FaultServer server({Fault::status(200, "ok")});
  Fixture f;
  f.settings.now = [] { return detection_time + 2 * day_ns; };
  ReceiverConfig config = receiver("r", "webhook", server.url("/x"));
  config.retry.max_age_ns = day_ns;
  f.commit({"r"}, 3);
  f.start({config});
  REQUIRE(f.store.wait_done(3));
  f.lanes->drain(second_ns);
  CHECK(f.status().failed == 3);
  CHECK(f.status().attempts == 0);
  // One line for three of a kind.
  CHECK(f.log.lines().size() == 1);
}

TEST_CASE("what is configured wrong is said once, probed, and said to be mended") {
  FaultServer server({Fault::status(403, "invalid_token"),
                      Fault::status(403, "invalid_token"),
                      Fault::status(403, "invalid_token"),
                      Fault::status(200, "ok")});
  Fixture f;
  deliver_all(f, server, 2);
  CHECK(f.status().delivered == 2);
  CHECK(f.log.count("NOTHING IS DELIVERED until this is mended") == 1);
  CHECK(f.log.count("invalid_token") == 1);
  CHECK(f.log.count("delivers again") == 1);
  const auto requests = server.received();
  CHECK(between(requests[1], requests[2]) >= 19 * ms);
}

TEST_CASE("what is configured wrong again, once it was mended, is said again") {
  FaultServer server({Fault::status(403, "invalid_token"),
                      Fault::status(200, "ok"),
                      Fault::status(404, "no_service"),
                      Fault::status(200, "ok")});
  Fixture f;
  deliver_all(f, server, 2);
  CHECK(f.log.count("NOTHING IS DELIVERED until this is mended") == 2);
  CHECK(f.log.count("no_service") == 1);
  CHECK(f.log.count("delivers again") == 2);
}

TEST_CASE("the log does not grow with the number of failures") {
  FaultServer server({Fault::status(500, "down")});
  Fixture f;
  f.commit({"r"}, 5);
  ReceiverConfig config = receiver("r", "webhook", server.url("/x"));
  config.retry.max_ns = 2 * ms;
  f.start({config});
  REQUIRE(server.wait_for(60));
  f.lanes->drain(0);
  CHECK(f.log.lines().size() == 1);
}

TEST_CASE("messages keep the interval that is configured") {
  FaultServer server({Fault::status(200, "ok")});
  Fixture f;
  ReceiverConfig config = receiver("r", "webhook", server.url("/x"));
  config.min_interval_ns = 60 * ms;
  f.commit({"r"}, 4);
  f.start({config});
  REQUIRE(f.store.wait_done(4));
  const auto requests = server.received();
  CHECK(between(requests[0], requests[3]) >= 150 * ms);
}
