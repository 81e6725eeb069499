// SPDX-License-Identifier: Apache-2.0
// What a receiver is checked for, where its URL comes from, and that none of its secrets is told.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alerts/registry.h"
#include "tests/alerts/lane_fixture.h"

using namespace tocsin;
using namespace tocsin::test;

TEST_CASE("the URL is read from its file again at each attempt") {
  FaultServer server({Fault::status(404, "gone"), Fault::status(200, "ok")});
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tocsin-url-file-" + std::to_string(::getpid()));
  std::ofstream(path) << "  " << server.url("/old-token") << " \nsecond line\n";
  Fixture f;
  ReceiverConfig config = receiver("r", "webhook", "");
  config.url_file = path.string();
  config.retry.max_ns = 300 * ms;
  f.commit({"r"}, 1);
  f.start({config});
  REQUIRE(server.wait_for(1));
  std::ofstream(path) << server.url("/new-token");
  REQUIRE(f.store.wait_done(1));
  f.lanes->drain(second_ns);
  std::filesystem::remove(path);
  const auto requests = server.received();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].head.find("POST /old-token ") == 0);
  CHECK(requests[1].head.find("POST /new-token ") == 0);
}

TEST_CASE("a pipe in the place of a URL file is refused and hangs nothing") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tocsin-fifo-" + std::to_string(::getpid()));
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  WatchedStore store;
  ReceiverConfig config = receiver("r", "webhook", "");
  config.url_file = path.string();
  CHECK_FALSE(
      Lanes::start({config}, store, {}, std::make_shared<const Redactor>(), {}).has_value());
  std::filesystem::remove(path);
}

TEST_CASE("no secret of a receiver is in any log line, status or reason") {
  const std::string canary = "CANARY5e11";
  const std::string echo = "/hooks/" + canary + "?sig=" + canary + "q Authorization: Bearer " +
                           canary + "a " + canary + "h";
  const std::vector<Fault> faults = {
      Fault::status(400, echo),
      Fault::status(401, echo),
      Fault::status(404, echo),
      Fault::status(429, echo, "Retry-After: " + canary + "\r\n"),
      Fault::status(500, echo),
      Fault::status(200, echo),
      Fault::status(302, echo, "Location: https://" + canary + ".example/" + canary + "\r\n"),
      Fault::hang(),
      Fault::reset(),
      Fault::drip()};
  for (std::size_t i = 0; i <= faults.size(); ++i) {
    CAPTURE(i);
    const bool refused = i == faults.size();
    FaultServer server({refused ? Fault::hang() : faults[i]});
    const std::string path = "/hooks/" + canary + "?sig=" + canary + "q";
    Fixture f;
    ReceiverConfig config = receiver("r", "slack", refused ? refused_url(path) : server.url(path));
    config.authorization = Secret("Bearer " + canary + "a");
    config.headers = {{"X-Key", canary + "h"}};
    config.timeout_ns = 60 * ms;
    config.retry.max_age_ns = 200 * ms;
    f.settings.log_interval_ns = 0;
    f.commit({"r"}, 1);
    f.start({config});
    REQUIRE(f.store.wait_done(1));
    f.lanes->drain(second_ns);
    CHECK_FALSE(f.status().last_error.empty());
    CHECK(f.status().last_error.find(canary) == std::string::npos);
    CHECK_FALSE(f.log.lines().empty());
    for (const std::string& line : f.log.lines()) {
      CAPTURE(line);
      CHECK(line.find(canary) == std::string::npos);
      CHECK(line.find("/hooks") == std::string::npos);
    }
  }
}

TEST_CASE("a receiver that cannot work is refused at the start, without its URL") {
  struct Case {
    const char* what;
    ReceiverConfig config;
    const char* message;
  };
  const std::string url = "https://hooks.example/SECRETPATH";
  std::vector<Case> cases = {
      {"unknown type", receiver("r", "slak", url), "did you mean slack?"},
      {"plain http", receiver("r", "slack", "http://hooks.example/SECRETPATH"), "allow_http"},
      {"no URL", receiver("r", "slack", ""), "not a URL"},
      {"a variable", receiver("r", "slack", "${SECRETPATH}"), "url_env"},
      {"metadata",
       receiver("r", "webhook", "https://169.254.169.254/SECRETPATH"),
       "may not be connected to"},
      {"a retired host",
       receiver("r", "teams", "https://x.webhook.office.com/SECRETPATH"),
       "Workflow"},
      {"missing file", receiver("r", "webhook", url), "/nonexistent/url"},
      {"a line end in a header", receiver("r", "webhook", url), "header"},
      {"a header of the connection", receiver("r", "webhook", url), "Host"},
      {"authorization as a header", receiver("r", "webhook", url), "use authorization"},
      {"a line end in authorization", receiver("r", "webhook", url), "control character"},
  };
  cases[6].config.url_file = "/nonexistent/url";
  cases[7].config.headers = {{"X-A", "SECRETPATH\r\nX-B: c"}};
  cases[8].config.headers = {{"Host", "SECRETPATH"}};
  cases[9].config.headers = {{"Authorization", "SECRETPATH"}};
  cases[10].config.authorization = Secret("SECRETPATH\n");
  for (const Case& c : cases) {
    CAPTURE(c.what);
    WatchedStore store;
    const auto started =
        Lanes::start({c.config}, store, {}, std::make_shared<const Redactor>(), {});
    REQUIRE_FALSE(started.has_value());
    CAPTURE(started.error().message);
    CHECK(started.error().message.find("receiver r: ") == 0);
    CHECK(started.error().message.find(c.message) != std::string::npos);
    CHECK(started.error().message.find("SECRETPATH") == std::string::npos);
  }
  WatchedStore store;
  const auto twice = Lanes::start({receiver("r", "webhook", url), receiver("r", "webhook", url)},
                                  store,
                                  {},
                                  std::make_shared<const Redactor>(),
                                  {});
  REQUIRE_FALSE(twice.has_value());
}

TEST_CASE("the user's headers take the place of ours") {
  FaultServer server({Fault::status(200, "ok")});
  Fixture f;
  ReceiverConfig config = receiver("r", "webhook", server.url("/x"));
  config.headers = {{"content-type", "application/x-tocsin"}, {"X-Empty", ""}};
  config.authorization = Secret("Bearer abc");
  f.commit({"r"}, 1);
  f.start({config});
  REQUIRE(f.store.wait_done(1));
  const std::string head = server.received()[0].head;
  CHECK(head.find("content-type: application/x-tocsin") != std::string::npos);
  CHECK(head.find("application/json") == std::string::npos);
  CHECK(head.find("Authorization: Bearer abc") != std::string::npos);
  CHECK(head.find("X-Empty:") != std::string::npos);
}

TEST_CASE("every sink type has a row that names it once") {
  for (const SinkType& type : sink_types()) {
    CAPTURE(type.name);
    CHECK(find_sink_type(type.name) == &type);
    CHECK(type.burst >= 1);
    CHECK((type.make != nullptr));
  }
  CHECK(find_sink_type("nothing") == nullptr);
}

TEST_CASE("Discord is asked to wait until the message is saved, whatever the URL's query") {
  for (const char* path :
       {"/api/webhooks/1/t", "/api/webhooks/1/t?thread_id=5", "/api/webhooks/1/t?wait=true"}) {
    CAPTURE(path);
    FaultServer server({Fault::status(200, "{}")});
    Fixture f;
    f.commit({"r"}, 1);
    f.start({receiver("r", "discord", server.url(path))});
    REQUIRE(f.store.wait_done(1));
    const std::string head = server.received()[0].head;
    const std::string target = head.substr(5, head.find(" HTTP/") - 5);
    CHECK(target.find(std::string(path).substr(0, 17)) == 0);
    CHECK(target.find("wait=true") == target.rfind("wait=true"));
    CHECK(target.find("wait=true") != std::string::npos);
  }
}

TEST_CASE("a Teams answer that says an error with status 200 is tried again") {
  FaultServer server({Fault::status(200,
                                    "Webhook message delivery failed with error: Microsoft Teams "
                                    "endpoint returned HTTP error 429"),
                      Fault::status(202, "")});
  Fixture f;
  f.commit({"r"}, 1);
  f.start({receiver("r", "teams", server.url("/x"))});
  REQUIRE(f.store.wait_done(1));
  f.lanes->drain(second_ns);
  CHECK(f.status().attempts == 2);
  CHECK(f.status().delivered == 1);
}
