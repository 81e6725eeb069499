// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "alerts/receivers.h"
#include "tests/alerts/alert_fixture.h"

using namespace tocsin;

namespace {

using Names = std::vector<std::string>;

RouteConfig route(Names receivers) {
  RouteConfig config;
  config.receivers = std::move(receivers);
  return config;
}

Alert alert(Level level, Names tags = {}, const std::string& receiver = "") {
  RuleInfo rule = test::make_rule("Root login");
  rule.name = "root_login";
  rule.level = level;
  rule.tags = std::move(tags);
  rule.extensions.receiver = receiver;
  return test::alert_of("{}", rule);
}

const Names all = {"a", "b", "c"};

}  // namespace

TEST_CASE("without routes every receiver gets every alert") {
  CHECK(Router({}, all).receivers_for(alert(Level::low)) == all);
  CHECK(Router({}, {}).receivers_for(alert(Level::low)).empty());
}

TEST_CASE("the first route that matches decides, unless it continues") {
  RouteConfig high = route({"a"});
  high.min_level = Level::high;
  RouteConfig every = route({"b"});
  CHECK(Router({high, every}, all).receivers_for(alert(Level::critical)) == Names{"a"});
  CHECK(Router({high, every}, all).receivers_for(alert(Level::high)) == Names{"a"});
  CHECK(Router({high, every}, all).receivers_for(alert(Level::medium)) == Names{"b"});
  high.continue_matching = true;
  CHECK(Router({high, every}, all).receivers_for(alert(Level::critical)) == Names{"a", "b"});
  CHECK(Router({high}, all).receivers_for(alert(Level::low)).empty());
  high.receivers = {"a", "b"};
  CHECK(Router({high, every}, all).receivers_for(alert(Level::critical)) == Names{"a", "b"});
}

TEST_CASE("a tag matches itself and what is below it, in any case") {
  RouteConfig tagged = route({"a"});
  tagged.tags = {"attack.t1078", "cve"};
  const Router router({tagged}, all);
  CHECK(router.receivers_for(alert(Level::low, {"attack.t1078"})) == Names{"a"});
  CHECK(router.receivers_for(alert(Level::low, {"x", "Attack.T1078.004"})) == Names{"a"});
  CHECK(router.receivers_for(alert(Level::low, {"cve.2024-1"})) == Names{"a"});
  CHECK(router.receivers_for(alert(Level::low, {"attack.t10789"})).empty());
  CHECK(router.receivers_for(alert(Level::low, {"attack"})).empty());
  CHECK(router.receivers_for(alert(Level::low)).empty());
}

TEST_CASE("a rule is named by id, name or title, exactly") {
  for (const char* name : {"0d3f3a0e-0000-4000-8000-000000000001", "root_login", "Root login"}) {
    CAPTURE(name);
    RouteConfig named = route({"a"});
    named.rules = {"other", name};
    CHECK(Router({named}, all).receivers_for(alert(Level::low)) == Names{"a"});
  }
  RouteConfig other = route({"a"});
  other.rules = {"Root"};
  CHECK(Router({other}, all).receivers_for(alert(Level::low)).empty());
}

TEST_CASE("all conditions of a route must hold") {
  RouteConfig both = route({"a"});
  both.tags = {"x"};
  both.min_level = Level::high;
  const Router router({both}, all);
  CHECK(router.receivers_for(alert(Level::high, {"x"})) == Names{"a"});
  CHECK(router.receivers_for(alert(Level::low, {"x"})).empty());
  CHECK(router.receivers_for(alert(Level::high, {"y"})).empty());
}

TEST_CASE("a rule's own receiver wins, if there is one of that name") {
  const Router router({route({"a"})}, all);
  CHECK(router.receivers_for(alert(Level::low, {}, "c")) == Names{"c"});
  CHECK(router.receivers_for(alert(Level::low, {}, "nobody")) == Names{"a"});
}

TEST_CASE("system alerts are routed by level and code and have no tags") {
  const Alert system = make_system_alert("input-truncated", Level::high, "s", test::detection_time);
  RouteConfig named = route({"a"});
  named.rules = {"input-truncated"};
  RouteConfig tagged = route({"b"});
  tagged.tags = {"x"};
  CHECK(Router({named}, all).receivers_for(system) == Names{"a"});
  CHECK(Router({tagged}, all).receivers_for(system).empty());
}
