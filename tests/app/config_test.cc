// SPDX-License-Identifier: Apache-2.0
#include "app/config.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "app/config_keys.h"
#include "tests/support/process.h"

using namespace tocsin;
using tocsin::test::ScratchFolder;

namespace {

// A configuration that nobody else may read.
std::string write_private(const ScratchFolder& folder,
                          const std::string& name,
                          const std::string& text) {
  const std::string file = folder.write(name, text);
  chmod(file.c_str(), 0600);
  return file;
}

}  // namespace

TEST_CASE("a full configuration is read, with paths relative to its folder") {
  setenv("TOCSIN_TEST_URL", "https://hooks.example.com/secret", 1);
  const ScratchFolder folder;
  write_private(folder, "token", "Bearer abc\n");
  write_private(folder, "networks.txt", "# ours\n10.0.0.0/8\n\n 192.168.0.0/16 \n");
  write_private(folder, "users.csv", "name,team\nalice,\"a, \"\"b\"\"\"\nbob,c\n");
  const std::string file = write_private(folder, "tocsin.yaml", R"(version: 1
rules:
  paths: [rules, /etc/tocsin/rules]
  exclude: noisy
placeholders:
  admins: [root, alice]
  networks: {file: networks.txt}
  teams: {file: users.csv, column: team}
inputs:
  - id: trail
    paths: logs/*.json
    format: cloudtrail
    start: beginning
  - paths: [other]
    logsource: {product: linux, category: process_creation}
receivers:
  - name: soc
    slack:
      url_env: TOCSIN_TEST_URL
      fields: [eventName]
      timeout: 3s
  - name: soar
    webhook:
      url_env: TOCSIN_TEST_URL
      authorization_file: token
      headers: {X-Team: blue}
      max_age: 1h
routes:
  - receiver: [soc, soar]
    min_level: high
    tags: attack.t1078
    continue: true
overrides:
  - title: Noisy
    enabled: false
  - tag: attack.t1078
    level: low
    receiver: soc
redact: ["*pin*"]
)");
  Diagnostics problems;
  const Config config = read_config(file, problems);
  for (const Diagnostic& problem : problems.list()) {
    CAPTURE(format_text(problem, false));
    CHECK(false);
  }
  CHECK(config.rules == std::vector<std::string>{folder.file("rules"), "/etc/tocsin/rules"});
  CHECK(config.exclude == std::vector<std::string>{"noisy"});
  CHECK(config.placeholders.at("admins") == std::vector<std::string>{"root", "alice"});
  CHECK(config.placeholders.at("networks") ==
        std::vector<std::string>{"10.0.0.0/8", "192.168.0.0/16"});
  CHECK(config.placeholders.at("teams") == std::vector<std::string>{"a, \"b\"", "c"});
  REQUIRE(config.inputs.size() == 2);
  CHECK(config.inputs[0].id == "trail");
  CHECK(config.inputs[0].paths == std::vector<std::string>{folder.file("logs/*.json")});
  CHECK(config.inputs[0].format == InputFormat::cloudtrail);
  CHECK(config.inputs[0].from_beginning);
  CHECK(config.inputs[1].id == "input-2");
  CHECK(config.inputs[1].log_source->product == "linux");
  REQUIRE(config.receivers.size() == 2);
  CHECK(config.receivers[0].type == "slack");
  CHECK(config.receivers[0].url.reveal() == "https://hooks.example.com/secret");
  CHECK(config.receivers[0].timeout_ns == 3 * second_ns);
  CHECK(config.receivers[1].authorization.reveal() == "Bearer abc");
  CHECK(config.receivers[1].headers.front() ==
        std::pair<std::string, std::string>("X-Team", "blue"));
  CHECK(config.receivers[1].retry.max_age_ns == hour_ns);
  REQUIRE(config.routes.size() == 1);
  CHECK(config.routes[0].min_level == Level::high);
  CHECK(config.routes[0].continue_matching);
  REQUIRE(config.overrides.size() == 2);
  CHECK(config.overrides[0].enabled == false);
  CHECK(config.overrides[1].level == Level::low);
  CHECK(config.redact == std::vector<std::string>{"*pin*"});
}

TEST_CASE("every mistake in a configuration is told with its place and what to write") {
  struct Row {
    const char* text;
    const char* code;
    unsigned line;
    const char* says;
  };
  const std::vector<Row> table = {
      {"version: 2\n", "config-version", 1, "version 1"},
      {"version: 1\nrecievers: []\n", "unknown-key", 2, "receivers"},
      {"inputs: {paths: x}\n", "config-value", 1, "a list is needed"},
      {"inputs:\n  - id: x\n", "config-input", 2, "needs paths"},
      {"inputs:\n  - paths: x\n    format: xml\n", "config-value", 3, "auto, cloudtrail or json"},
      {"inputs:\n  - paths: a\n    id: x\n  - paths: b\n    id: x\n",
       "config-input",
       2,
       "two inputs"},
      {"receivers:\n  - name: soc\n", "config-receiver", 2, "needs a name and one of"},
      {"receivers:\n  - name: soc\n    slack: {fields: [x]}\n", "config-receiver", 2, "has no URL"},
      {"receivers:\n  - name: soc\n    slack: {url_env: TOCSIN_NOT_SET}\n",
       "missing-secret",
       3,
       "not set"},
      {"receivers:\n  - name: soc\n    slack: {url_file: not-there}\n",
       "missing-secret",
       3,
       "cannot read a secret"},
      {"receivers:\n  - name: soc\n    slak: {url_env: PATH}\n", "unknown-key", 3, "slack"},
      {"receivers:\n  - name: s\n    webhook: {url_env: PATH, headers: {Authorization: x}}\n",
       "config-header",
       3,
       "authorization_env"},
      {"receivers:\n  - name: s\n    webhook: {url_env: PATH}\n    slack: {url_env: PATH}\n",
       "config-receiver",
       4,
       "not both"},
      {"receivers:\n  - name: s\n    webhook: {url_env: PATH, url: 'http://x'}\n",
       "config-receiver",
       3,
       "given twice"},
      {"receivers:\n  - name: s\n    webhook:\n      url: 'http://hooks.example/x'\n",
       "config-receiver",
       4,
       "allow_http"},
      {"receivers:\n  - name: s\n    slack:\n      fields: [x]\n      url_env: PATH\n",
       "config-receiver",
       5,
       "not a URL"},
      {"heartbeat:\n  interval: 1m\n  url: 'https://user:word@x.example/'\n",
       "config-heartbeat",
       3,
       "user name"},
      {"receivers:\n  - name: soc\n    slack: {url: 'https://x.example/y'}\nroutes:\n  - receiver: "
       "sco\n",
       "unknown-receiver",
       5,
       "soc"},
      {"routes:\n  - min_level: high\n", "config-route", 2, "needs a receiver"},
      {"routes:\n  - min_level: huge\n    receiver: x\n", "config-value", 2, "critical"},
      {"overrides:\n  - enabled: false\n", "config-override", 2, "exactly one of"},
      {"overrides:\n  - {id: a, title: b}\n", "config-override", 2, "exactly one of"},
      {"shutdown_grace: soon\n", "config-value", 1, "a duration"},
      {"placeholders: {x: {file: not-there}}\n", "unreadable-list", 1, "cannot read"},
      {"placeholders: {x: {column: y}}\n", "config-value", 1, "needs `file`"},
      {"version: 1\n---\nversion: 1\n", "config-documents", 3, "second one"},
      {"[]\n", "config-value", 1, "a map is needed"},
      {"logsources:\n  - {field: Channel, value: Security}\n",
       "config-logsource",
       2,
       "needs field"},
      {"logsources:\n  - {value: x, logsource: {product: y}}\n", "config-logsource", 2, "Channel"},
      {"logsources:\n  - {field: tocsin.principal, value: x, logsource: {product: y}}\n",
       "config-logsource",
       2,
       "classified before"},
  };
  const ScratchFolder folder;
  for (const Row& row : table) {
    CAPTURE(row.text);
    Diagnostics problems;
    read_config(write_private(folder, "c.yaml", row.text), problems);
    REQUIRE(problems.list().size() >= 1);
    const Diagnostic& problem = problems.list().front();
    CAPTURE(format_text(problem, false));
    CHECK(problem.code == row.code);
    CHECK(problem.line == row.line);
    CHECK((problem.message + " " + problem.hint).find(row.says) != std::string::npos);
    CHECK(problem.severity == Severity::error);
  }
}

TEST_CASE("what is wrong in a key and what is wrong between keys is told in one run") {
  const ScratchFolder folder;
  Diagnostics problems;
  read_config(write_private(folder,
                            "c.yaml",
                            "rules: {path: x}\n"
                            "receivers:\n"
                            "  - name: soc\n"
                            "    slack: {url_env: TOCSIN_NOT_SET}\n"
                            "  - name: soar\n"
                            "routes:\n"
                            "  - receiver: sco\n"
                            "overrides:\n"
                            "  - {enabled: fales, title: x}\n"
                            "  - {enabled: false}\n"),
              problems);
  std::vector<std::pair<std::string, unsigned>> told;
  for (const Diagnostic& problem : problems.list()) {
    told.emplace_back(problem.code, problem.line);
  }
  std::sort(
      told.begin(), told.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  // The receiver without a secret and the override without a boolean are told once each.
  const std::vector<std::pair<std::string, unsigned>> expected = {{"unknown-key", 1},
                                                                  {"missing-secret", 4},
                                                                  {"config-receiver", 5},
                                                                  {"unknown-receiver", 7},
                                                                  {"config-value", 9},
                                                                  {"config-override", 10}};
  CHECK(told == expected);
}

TEST_CASE("the files that a loaded rule set depends on are its pipelines and its lists") {
  const ScratchFolder folder;
  write_private(folder, "networks.txt", "10.0.0.0/8\n");
  write_private(folder, "users.csv", "name,team\nalice,a\n");
  Config config;
  Diagnostics problems;
  config = read_config(write_private(folder,
                                     "c.yaml",
                                     "rules: {paths: rules, pipelines: [p.yml]}\n"
                                     "placeholders:\n"
                                     "  direct: [x]\n"
                                     "  networks: {file: networks.txt}\n"
                                     "  gone: {file: gone.txt}\n"),
                       problems);
  const std::string more = write_private(
      folder, "more.yaml", "users: {file: users.csv, column: name}\nnetworks: [192.0.2.0/24]\n");
  read_placeholders(more, config, problems);
  CHECK(problems.errors() == 1);  // gone.txt, which may come back
  LoadOptions load;
  load.pipelines = config.pipelines;
  load.value_files = config.value_files;
  CHECK(ruleset_dependencies(load) == std::vector<std::string>{folder.file("p.yml"),
                                                               folder.file("networks.txt"),
                                                               folder.file("gone.txt"),
                                                               more,
                                                               folder.file("users.csv")});
  CHECK(config.placeholders.at("networks") == std::vector<std::string>{"192.0.2.0/24"});
  CHECK(config.placeholders.at("users") == std::vector<std::string>{"alice"});
}

TEST_CASE("a configuration that is not there or empty is an error") {
  Diagnostics problems;
  read_config("/nonexistent/tocsin.yaml", problems);
  REQUIRE(problems.errors() == 1);
  CHECK(problems.list().front().message == "cannot be read: No such file or directory");
  const ScratchFolder folder;
  Diagnostics not_a_file;
  read_config(folder.path(), not_a_file);
  REQUIRE(not_a_file.errors() == 1);
  CHECK(not_a_file.list().front().message == "cannot be read: Is a directory");
  for (const char* const text : {"", "# nothing\n"}) {
    Diagnostics empty;
    read_config(write_private(folder, "c.yaml", text), empty);
    REQUIRE(empty.errors() == 1);
    CHECK(empty.list().front().code == "config-empty");
  }
}

TEST_CASE("a secret in a file that others may read is warned about") {
  const ScratchFolder folder;
  const std::string file = write_private(
      folder, "c.yaml", "receivers:\n  - name: s\n    webhook: {url: 'https://h/x'}\n");
  chmod(file.c_str(), 0644);
  Diagnostics problems;
  read_config(file, problems);
  CHECK(problems.errors() == 0);
  REQUIRE(problems.warnings() == 1);
  CHECK(problems.list().front().code == "readable-secret");
  CHECK(format_text(problems.list().front(), false).find("https://h/x") == std::string::npos);
}

TEST_CASE("a secret under a misspelt key is not shown") {
  for (const char* const key : {"authorisation: Bearer SECRET-SECRET",
                                "authorization_evn: Basic U0VDUkVUU0VDUkVU",
                                "token: SECRET",
                                "ulr: https://h/SECRET"}) {
    CAPTURE(key);
    const ScratchFolder folder;
    Diagnostics problems;
    read_config(
        write_private(
            folder, "c.yaml", "receivers:\n  - name: s\n    webhook: {" + std::string(key) + "}\n"),
        problems);
    REQUIRE(problems.errors() > 0);
    for (const Diagnostic& problem : problems.list()) {
      const std::string text = format_text(problem, false);
      CHECK(text.find("SECRET") == std::string::npos);
      CHECK(text.find("U0VDUkVU") == std::string::npos);
    }
  }
}

TEST_CASE("a secret where the name of its variable or file belongs is not shown") {
  for (const char* const key : {"url_env: https://h/SECRET",
                                "url_file: https://h/SECRET",
                                "{url: 'https://h/x', authorization_env: Bearer SECRET}"}) {
    CAPTURE(key);
    const ScratchFolder folder;
    const std::string value = *key == '{' ? key : "{" + std::string(key) + "}";
    Diagnostics problems;
    read_config(
        write_private(folder, "c.yaml", "receivers:\n  - name: s\n    webhook: " + value + "\n"),
        problems);
    REQUIRE(problems.errors() == 1);
    CHECK(problems.list().front().code == "missing-secret");
    CHECK(format_text(problems.list().front(), false).find("SECRET") == std::string::npos);
  }
}

TEST_CASE("a CSV column that is not there names those that are") {
  const ScratchFolder folder;
  const Result<std::vector<std::string>> values =
      read_value_list(write_private(folder, "a.csv", "x,y\n1,2\n"), "z");
  REQUIRE_FALSE(values.has_value());
  CHECK(values.error().message.find("x, y") != std::string::npos);
}

TEST_CASE("the state folder and its bounds are read, and a size that is none is told") {
  const ScratchFolder folder;
  const std::string file = write_private(folder, "tocsin.yaml", R"(version: 1
state: state
store: {max_bytes: 64MiB, keep_delivered: 1d, keep_delivered_bytes: 100, rule_quota: 7, commit_interval: 50ms}
)");
  Diagnostics diagnostics;
  const Config config = read_config(file, diagnostics);
  CHECK(diagnostics.errors() == 0);
  CHECK(config.state == folder.file("state"));
  CHECK(config.store.max_bytes == 64u << 20);
  CHECK(config.store.keep_delivered_ns == day_ns);
  CHECK(config.store.keep_delivered_bytes == 100);
  CHECK(config.store.rule_quota == 7);
  CHECK(config.store.commit_interval_ns == 50'000'000);
  for (const char* size : {"many", "-1", "64MB", "1.5GiB", "99999999999GiB", "[]", "''"}) {
    CAPTURE(size);
    Diagnostics wrong;
    read_config(
        write_private(
            folder, "wrong.yaml", std::string("version: 1\nstore: {max_bytes: ") + size + "}\n"),
        wrong);
    CHECK(wrong.errors() == 1);
  }
}
