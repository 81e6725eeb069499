// SPDX-License-Identifier: Apache-2.0
// Later firings raise the count of the alert that they are folded into, in the state folder too,
// whenever tail is killed.
#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include "tests/support/process.h"

using tocsin::test::eventually;
using tocsin::test::pause_briefly;
using tocsin::test::Process;
using tocsin::test::ProcessResult;
using tocsin::test::run_process;
using tocsin::test::ScratchFolder;

namespace {

const std::string rules_text = R"(title: Calls
name: calls
logsource: {product: test}
detection: {s: {k: a}, condition: s}
---
title: Many calls
correlation: {type: event_count, rules: [calls], group-by: [u], timespan: 1h, condition: {gte: 3}}
---
title: New address
correlation: {type: new_value, rules: [calls], baseline: [taught], field: ip, group-by: [u], on-new-group: alert}
---
title: Taught
name: taught
logsource: {product: test}
detection: {s: {k: taught}, condition: s}
---
title: End
logsource: {product: test}
detection: {s: {k: end}, condition: s}
)";

std::string calls(int first, int count) {
  std::string text;
  for (int i = first; i < first + count; ++i) {
    const std::string second = std::to_string(100 + i % 60).substr(1);
    const std::string minute = std::to_string(100 + i / 60).substr(1);
    text += "{\"eventTime\":\"2026-11-10T10:" + minute + ":" + second +
            "Z\",\"k\":\"a\",\"u\":\"alice\",\"ip\":\"10.0.0.1\"}\n";
  }
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string count_of(const std::string& alerts, const std::string& title) {
  std::string counts;
  for (std::size_t at = 0; at < alerts.size();) {
    const std::string line = alerts.substr(at, alerts.find('\n', at) - at);
    at += line.size() + 1;
    if (has(line, "\"title\":\"" + title + "\"")) {
      const std::size_t count = line.find("\"count\":") + 8;
      counts += line.substr(count, line.find(',', count) - count) + " ";
    }
  }
  return counts;
}

TEST_CASE("the count of a stored alert is that of all its firings, through kills and restarts") {
  const ScratchFolder folder;
  const std::string rules = folder.write("rules.yml", rules_text);
  const std::string log = folder.write("log.ndjson", "");
  const std::string state = folder.file("state");
  int written = 0;
  for (int run = 0; run < 6; ++run) {
    Process tail({TOCSIN_PROGRAM,
                  "tail",
                  "--start",
                  "beginning",
                  "--logsource",
                  "any",
                  "--rules",
                  rules,
                  "--state",
                  state,
                  log},
                 folder.file("out"),
                 folder.file("err"));
    REQUIRE(eventually([&] { return has(folder.read("err"), "rules"); }));
    for (int part = 0; part < 3 + run; ++part) {
      folder.append("log.ndjson", calls(written, 20));
      written += 20;
      pause_briefly();
    }
    if (run < 5) {
      tail.signal(SIGKILL);
      tail.wait();
      continue;
    }
    folder.append("log.ndjson", "{\"eventTime\":\"2026-11-10T10:59:59Z\",\"k\":\"end\"}\n");
    CHECK(eventually([&] { return has(folder.read("out"), "End"); }));
    tail.signal(SIGTERM);
    CHECK(tail.wait() == 0);
  }
  const ProcessResult alerts =
      run_process({TOCSIN_PROGRAM, "state", "alerts", "-q", "--rules", rules, "--state", state});
  CAPTURE(alerts.err);
  CHECK(alerts.status == 0);
  CHECK(count_of(alerts.out, "Many calls") == std::to_string(written) + " ");
  CHECK(count_of(alerts.out, "New address") == std::to_string(written) + " ");
  CHECK(count_of(alerts.out, "End") == "1 ");
  const ProcessResult one = run_process({TOCSIN_PROGRAM,
                                         "state",
                                         "alerts",
                                         "-q",
                                         "--rules",
                                         rules,
                                         "--state",
                                         state,
                                         "--rule",
                                         "New address"});
  CHECK(one.status == 0);
  CHECK(count_of(one.out, "New address") == std::to_string(written) + " ");
  CHECK(count_of(one.out, "Many calls").empty());
}

}  // namespace
