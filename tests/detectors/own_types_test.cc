// SPDX-License-Identifier: Apache-2.0
// absence, rare_value and impossible_travel against their slow twins; new_value by its table of
// decisions.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "detectors/registry.h"
#include "engine/flow/feed.h"
#include "tests/detectors/engine_fixture.h"
#include "tests/detectors/stream.h"

namespace tocsin {
namespace {

using testing::drive;
using testing::DriverOptions;
using testing::DriverReport;
using testing::random_stream;
using testing::spec_of;
using testing::StreamEvent;
using testing::StreamShape;

void give(CorrelationSpec& spec, const std::string& key, std::vector<std::string> values) {
  spec.options.push_back({key, std::move(values), 1, 1});
}

std::vector<TimeNs> times_of(const std::vector<DriverReport>& reports) {
  std::vector<TimeNs> times;
  for (const DriverReport& report : reports) {
    times.push_back(report.report.time);
  }
  std::sort(times.begin(), times.end());
  return times;
}

TEST_CASE("absence reports what was not answered, in whatever order events arrive") {
  for (const bool before : {false, true}) {
    CorrelationSpec spec = spec_of("absence", 15 * second_ns, 2);
    give(spec, "direction", {before ? "before" : "after"});
    std::mt19937_64 random(before ? 1 : 2);
    std::size_t reported = 0;
    for (int stream = 0; stream < testing::streams(400); ++stream) {
      for (const std::int64_t late_seconds : {0, 5, 60}) {
        CAPTURE(before);
        CAPTURE(stream);
        CAPTURE(late_seconds);
        StreamShape shape;
        shape.inputs = 2;
        shape.late_seconds = late_seconds;
        const std::vector<StreamEvent> events = random_stream(random, shape);
        TimeNs last = 0;
        for (const StreamEvent& event : events) {
          last = std::max(last, event.time);
        }
        std::vector<TimeNs> expected;
        for (const StreamEvent& event : events) {
          const TimeNs begin = before ? event.time - spec.timespan_ns : event.time;
          const TimeNs end = before ? event.time : event.time + spec.timespan_ns;
          const bool answered =
              std::any_of(events.begin(), events.end(), [&](const StreamEvent& other) {
                return other.group == event.group && (other.inputs & 2) != 0 &&
                       other.time >= begin && other.time <= end;
              });
          // What is still open at the end is not reported.
          if ((event.inputs & 1) != 0 && !answered && end <= last) {
            expected.push_back(event.time);
          }
        }
        std::sort(expected.begin(), expected.end());
        DriverOptions options;
        options.lateness_ns = late_seconds * second_ns;
        REQUIRE(times_of(drive(spec, events, {}, options)) == expected);
        options.restart_after = static_cast<std::size_t>(stream) % events.size();
        REQUIRE(times_of(drive(spec, events, {}, options)) == expected);
        reported += expected.size();
      }
    }
    CHECK(reported > 1000);
  }
}

std::int64_t hour_of(TimeNs time) {
  return time / hour_ns;
}

TEST_CASE("rare_value equals its slow twin") {
  CorrelationSpec spec = spec_of("rare_value", 10 * hour_ns);
  spec.fields = {"n"};
  give(spec, "min-population", {"12"});
  give(spec, "max-share", {"0.2"});
  give(spec, "max-count", {"2"});
  std::mt19937_64 random(3);
  std::size_t reported = 0;
  for (int stream = 0; stream < testing::streams(400); ++stream) {
    for (const std::int64_t late_hours : {0, 1, 7}) {
      CAPTURE(stream);
      CAPTURE(late_hours);
      StreamShape shape;
      shape.seconds = 30 * 3600;
      shape.late_seconds = late_hours * 3600;
      shape.odd_values = true;
      const std::vector<StreamEvent> events = random_stream(random, shape);
      std::vector<std::size_t> expected;
      for (std::size_t i = 0; i < events.size(); ++i) {
        double population = 0;
        double same = 0;
        for (std::size_t j = 0; j <= i; ++j) {
          const std::int64_t hour = hour_of(events[j].time);
          if (events[j].group == events[i].group && !events[j].value.empty() &&
              hour <= hour_of(events[i].time) &&
              hour >= hour_of(std::max<TimeNs>(0, events[i].time - spec.timespan_ns))) {
            ++population;
            same += events[j].value == events[i].value ? 1 : 0;
          }
        }
        if (!events[i].value.empty() && population >= 12 && same <= 2 && same / population <= 0.2) {
          expected.push_back(i);
        }
      }
      DriverOptions options;
      options.lateness_ns = shape.late_seconds * second_ns;
      for (const bool restart : {false, true}) {
        if (restart) {
          options.restart_after = static_cast<std::size_t>(stream) % events.size();
          options.hash_seed_after = 77;
        }
        std::vector<std::size_t> arrivals;
        for (const DriverReport& report : drive(spec, events, {}, options)) {
          arrivals.push_back(report.arrival);
        }
        REQUIRE(arrivals == expected);
      }
      reported += expected.size();
    }
  }
  CHECK(reported > 500);
}

TEST_CASE("rare_value that is taken to another machine goes on as it was") {
  CorrelationSpec spec = spec_of("rare_value", 10 * hour_ns);
  spec.fields = {"n"};
  give(spec, "min-population", {"12"});
  give(spec, "max-share", {"0.2"});
  std::mt19937_64 random(4);
  std::size_t reported = 0;
  for (int stream = 0; stream < 50; ++stream) {
    CAPTURE(stream);
    StreamShape shape;
    shape.seconds = 30 * 3600;
    shape.odd_values = true;
    const std::vector<StreamEvent> events = random_stream(random, shape);
    const std::unique_ptr<Detector> here = std::move(*make_detector(spec, {}));
    std::unique_ptr<Detector> there;
    std::vector<std::string> reports[2];
    const auto sink_of = [&](std::size_t machine) {
      return [&reports, machine](Report&& report) {
        reports[machine].push_back(std::to_string(report.sequence) + report.evidence_json);
      };
    };
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (i == events.size() / 2) {
        DetectorSettings other;
        other.hash_seed = 4711;
        there = std::move(*make_detector(spec, other));
        reports[0].clear();
        here->for_each_group(0, [&](const GroupView& view) {
          const std::optional<std::string> state = here->show(view.key);
          REQUIRE(state);
          REQUIRE(there->import_group(view.key, *state));
          CHECK(there->show(view.key) == state);
        });
      }
      here->on_time(events[i].time, sink_of(0));
      testing::observe(*here, events[i], i, sink_of(0));
      if (there != nullptr) {
        there->on_time(events[i].time, sink_of(1));
        testing::observe(*there, events[i], i, sink_of(1));
      }
    }
    REQUIRE(reports[1] == reports[0]);
    reported += reports[0].size();
  }
  CHECK(reported > 50);
}

TEST_CASE("what is no state of a rare_value group is refused, and changes nothing") {
  CorrelationSpec spec = spec_of("rare_value", 10 * hour_ns);
  spec.fields = {"n"};
  const std::unique_ptr<Detector> detector = std::move(*make_detector(spec, {}));
  const std::string hour = "[{\"hour\":\"2026-01-01T00:00:00Z\",\"events\":2}]";
  const std::string two =
      "[{\"hour\":\"2026-01-01T02:00:00Z\",\"events\":2},"
      "{\"hour\":\"2026-01-01T00:00:00Z\",\"events\":2}]";
  const std::string value = "{\"value\":\"a\",\"hours\":" + hour + "}";
  const auto state = [](const std::string& population, const std::string& values) {
    return "{\"population\":" + population + ",\"values\":" + values + "}";
  };
  CHECK(detector->import_group("g", state(hour, "[" + value + "]")));
  for (const std::string& json : {std::string("7"),
                                  state("[]", "[" + value + "]"),
                                  state(hour, "{}"),
                                  state(hour, "[{\"value\":\"a\"}]"),
                                  state(hour, "[{\"hours\":" + hour + "}]"),
                                  state(hour, "[" + value + "," + value + "]"),
                                  state(two, "[" + value + "]"),
                                  state(hour, "[{\"value\":\"a\",\"hours\":" + two + "}]")}) {
    CAPTURE(json);
    CHECK_FALSE(detector->import_group("g", json));
    CHECK(detector->counters().keys == 1);
  }
}

// Towns on the equator, 1 degree (111.19 km) apart per unit of the third byte.
GeoLookup equator() {
  return [](const IpAddress& address) -> std::optional<GeoPlace> {
    if (address.v6 || address.bytes[0] != 10) {
      return std::nullopt;
    }
    GeoPlace place;
    place.latitude = 0;
    place.longitude = address.bytes[2];
    place.accuracy_km = address.bytes[3];
    return place;
  };
}

TEST_CASE("impossible_travel compares with the nearest event before, and after a late one") {
  CorrelationSpec spec = spec_of("impossible_travel", hour_ns);
  spec.fields = {"ip"};
  give(spec, "min-distance", {"500km"});
  give(spec, "min-speed", {"900km/h"});
  give(spec, "exclude", {"10.0.99.0/24", "10.0.50.1"});
  DetectorSettings settings;
  settings.geo = equator();
  settings.geo_fields.location = true;
  struct Event {
    std::int64_t minute;
    const char* ip;
  };
  struct Case {
    const char* name;
    std::vector<Event> events;
    std::vector<std::size_t> reports;
  };
  const std::vector<Case> cases = {
      {"1,112 km in 30 minutes", {{0, "10.0.0.0"}, {30, "10.0.10.0"}}, {1}},
      {"556 km in 40 minutes is slow enough", {{0, "10.0.0.0"}, {40, "10.0.5.0"}}, {}},
      {"445 km at once is near enough", {{0, "10.0.0.0"}, {0, "10.0.4.0"}}, {}},
      {"1,112 km at once", {{0, "10.0.0.0"}, {0, "10.0.10.0"}}, {1}},
      {"less both accuracy radii", {{0, "10.0.0.200"}, {0, "10.0.8.200"}}, {}},
      {"too long ago to be compared", {{0, "10.0.0.0"}, {61, "10.0.100.0"}}, {}},
      {"exactly the timespan ago", {{0, "10.0.0.0"}, {60, "10.0.100.0"}}, {1}},
      {"the nearest before counts", {{0, "10.0.100.0"}, {1, "10.0.0.0"}, {2, "10.0.0.1"}}, {1}},
      {"a late one is compared with the next", {{10, "10.0.10.0"}, {5, "10.0.0.0"}}, {1}},
      {"a late one in between", {{0, "10.0.0.0"}, {60, "10.0.1.0"}, {30, "10.0.100.0"}}, {2}},
      {"excluded network", {{0, "10.0.0.0"}, {1, "10.0.99.7"}}, {}},
      {"excluded value", {{0, "10.0.0.0"}, {1, "10.0.50.1"}}, {}},
      {"no location, no address", {{0, "10.0.0.0"}, {1, "192.0.2.1"}, {2, "AWS Internal"}}, {}},
      {"mapped IPv6", {{0, "10.0.0.0"}, {1, "::ffff:10.0.10.0"}}, {1}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    std::vector<StreamEvent> events;
    for (const Event& event : c.events) {
      events.push_back({event.minute * minute_ns, 1, "u", {event.ip}});
    }
    DriverOptions options;
    options.lateness_ns = hour_ns;
    for (const bool restart : {false, true}) {
      options.restart_after = restart ? std::optional<std::size_t>(1) : std::nullopt;
      std::vector<std::size_t> reports;
      for (const DriverReport& report : drive(spec, events, settings, options)) {
        reports.push_back(report.arrival);
      }
      CHECK(reports == c.reports);
    }
  }
}

struct NewValueCase {
  const char* name;
  std::vector<std::pair<const char*, std::vector<std::string>>> options;
  struct Event {
    double day;
    std::uint64_t inputs;  // 1 reports, 2 teaches
    const char* parent;
    const char* group;
    const char* value;
  };
  std::vector<Event> events;
  std::string reports;  // per event: . silent, R reported, t tagged, L reported while learning
};

std::string run_new_value(const NewValueCase& c, bool restart) {
  CorrelationSpec spec = spec_of("new_value", 0, 2);
  spec.group_by = {"account", "user"};
  spec.inputs[1].baseline = true;
  spec.fields = {"ip"};
  give(spec, "learning", {"7d"});
  give(spec, "mature-after", {"24h"});
  give(spec, "min-days", {"2"});
  give(spec, "forget-after", {"30d"});
  for (const auto& option : c.options) {
    const auto& key = option.first;
    const auto& values = option.second;
    const auto same = std::find_if(spec.options.begin(), spec.options.end(), [&](const auto& o) {
      return o.key == std::string_view(key);
    });
    if (same != spec.options.end()) {
      same->values = values;
    } else {
      give(spec, key, values);
    }
  }
  DetectorSettings settings;
  settings.geo = equator();
  settings.geo_fields.location = true;
  DetectorResult made = make_detector(spec, settings);
  REQUIRE_MESSAGE(made.has_value(), made.error().message);
  std::unique_ptr<Detector> detector = std::move(*made);
  std::string reports;
  for (std::size_t i = 0; i < c.events.size(); ++i) {
    if (restart && i == c.events.size() / 2) {
      std::string state;
      detector->save(state);
      detector = std::move(*make_detector(spec, settings));
      REQUIRE(detector->load(state));
    }
    const NewValueCase::Event& event = c.events[i];
    const std::vector<std::optional<std::string>> group = {event.parent, event.group};
    std::string key;
    append_group_key(group, key);
    const std::vector<std::string_view> texts = {event.value};
    const std::vector<FieldView> fields = {{texts}};
    Observation observation;
    observation.inputs = event.inputs;
    observation.time = static_cast<TimeNs>(event.day * static_cast<double>(day_ns));
    observation.sequence = i;
    observation.group_key = key;
    observation.fields = fields;
    char outcome = '.';
    const auto sink = [&](Report&& report) {
      outcome = !report.learning ? 'R' : (report.level == Level::informational ? 't' : 'L');
    };
    detector->on_time(observation.time, sink);
    detector->on_match(observation, sink);
    reports.push_back(outcome);
  }
  return reports;
}

TEST_CASE("new_value decides as its manual says") {
  using E = NewValueCase::Event;
  // Ten days of the same address, learned.
  const std::vector<E> taught = {
      {0, 2, "a", "u", "1.1.1.1"}, {2, 2, "a", "u", "1.1.1.1"}, {9, 2, "a", "u", "1.1.1.1"}};
  const auto after = [&](std::vector<E> more) {
    std::vector<E> events = taught;
    events.insert(events.end(), more.begin(), more.end());
    return events;
  };
  const std::vector<NewValueCase> cases = {
      {"a known value is silent, a new one reported",
       {},
       after({{10, 1, "a", "u", "1.1.1.1"}, {10, 1, "a", "u", "2.2.2.2"}}),
       "....R"},
      {"what reports does not teach where a baseline is given",
       {},
       after({{10, 1, "a", "u", "2.2.2.2"}, {12, 1, "a", "u", "2.2.2.2"}}),
       "...RR"},
      {"the attacker's own first calls do not make him known",
       {},
       after({{10, 3, "a", "u", "2.2.2.2"},
              {10.5, 3, "a", "u", "2.2.2.2"},
              {11.5, 1, "a", "u", "2.2.2.2"},
              {12.5, 2, "a", "u", "2.2.2.2"},
              {12.6, 1, "a", "u", "2.2.2.2"}}),
       "...RRR.."},
      {"seen on one day only is not known however old",
       {{"min-days", {"2"}}},
       after({{10, 2, "a", "u", "2.2.2.2"},
              {10.2, 2, "a", "u", "2.2.2.2"},
              {15, 1, "a", "u", "2.2.2.2"}}),
       ".....R"},
      {"younger than mature-after is not known on however many days",
       {{"mature-after", {"3d"}}},
       after({{10, 2, "a", "u", "2.2.2.2"},
              {11, 2, "a", "u", "2.2.2.2"},
              {12, 1, "a", "u", "2.2.2.2"},
              {13, 1, "a", "u", "2.2.2.2"}}),
       ".....R."},
      {"a value is forgotten",
       {},
       after({{30, 2, "a", "u", "3.3.3.3"}, {40, 1, "a", "u", "1.1.1.1"}}),
       "....R"},
      {"another group knows nothing of it", {}, after({{10, 1, "a", "v", "1.1.1.1"}}), "...t"},
      {"a learning group: tag",
       {},
       {{0, 3, "a", "u", "1.1.1.1"}, {1, 3, "a", "u", "1.1.1.1"}, {6, 1, "a", "u", "2.2.2.2"}},
       "t.t"},
      {"a learning group: silent",
       {{"on-learning", {"silent"}}},
       {{0, 3, "a", "u", "1.1.1.1"}, {6, 1, "a", "u", "2.2.2.2"}, {7, 1, "a", "u", "2.2.2.2"}},
       "..R"},
      {"a learning group: alert",
       {{"on-learning", {"alert"}}},
       {{0, 3, "a", "u", "1.1.1.1"}, {6, 1, "a", "u", "2.2.2.2"}},
       "LL"},
      {"learning ends with enough events as well as days",
       {{"learning-min-events", {"3"}}},
       {{0, 2, "a", "u", "1.1.1.1"},
        {8, 2, "a", "u", "1.1.1.1"},
        {9, 1, "a", "u", "2.2.2.2"},
        {9, 2, "a", "u", "1.1.1.1"},
        {9, 1, "a", "u", "2.2.2.2"}},
       "..t.R"},
      {"a new group: alert", {{"on-new-group", {"alert"}}}, {{0, 1, "a", "u", "1.1.1.1"}}, "R"},
      {"a new group asks its parent: known there",
       {{"on-new-group", {"parent"}}},
       after({{10, 1, "a", "v", "1.1.1.1"}}),
       "...."},
      {"a new group asks its parent: unknown there",
       {{"on-new-group", {"parent"}}},
       after({{10, 1, "a", "v", "2.2.2.2"}}),
       "...R"},
      {"a new group asks its parent: that is learning too",
       {{"on-new-group", {"parent"}}},
       {{0, 2, "a", "u", "1.1.1.1"}, {1, 1, "a", "v", "2.2.2.2"}, {1, 1, "b", "v", "1.1.1.1"}},
       ".tt"},
      {"granularity net",
       {{"granularity", {"net"}}},
       after({{10, 1, "a", "u", "1.1.1.77"}, {10, 1, "a", "u", "1.1.2.1"}}),
       "....R"},
      {"granularity ip: an IPv4-mapped address is the IPv4 address",
       {{"granularity", {"ip"}}},
       after({{10, 1, "a", "u", "::ffff:1.1.1.1"}, {10, 1, "a", "u", "AWS Internal"}}),
       "....R"},
      {"excluded values and networks are neither reported nor learned",
       {{"exclude", {"AWS Internal", "10.0.0.0/8"}}},
       after({{10, 1, "a", "u", "AWS Internal"}, {10, 1, "a", "u", "10.2.3.4"}}),
       "....."},
  };
  for (const NewValueCase& c : cases) {
    CAPTURE(c.name);
    CHECK(run_new_value(c, false) == c.reports);
    CHECK(run_new_value(c, true) == c.reports);
  }
}

TEST_CASE("new_value learns from what it reports where no baseline is given") {
  CorrelationSpec spec = spec_of("new_value", 0);
  spec.fields = {"ip"};
  give(spec, "learning", {"1d"});
  give(spec, "mature-after", {"1h"});
  give(spec, "min-days", {"1"});
  std::vector<StreamEvent> events;
  for (const int hour : {0, 30, 40, 41, 42}) {
    events.push_back({hour * hour_ns, 1, "u", {hour < 40 ? "1.1.1.1" : "2.2.2.2"}});
  }
  std::vector<std::size_t> arrivals;
  for (const DriverReport& report : drive(spec, events, {}, {})) {
    arrivals.push_back(report.arrival);
  }
  CHECK(arrivals == std::vector<std::size_t>{0, 2});
}

TEST_CASE("what is wrong with a specification is said, with its place") {
  struct Case {
    const char* type;
    const char* key;
    const char* value;
    const char* message;
  };
  const Case cases[] = {
      {"new_value", "granularty", "ip", "new_value has no key 'granularty'"},
      {"new_value", "granularity", "as", "'as' is no value of granularity"},
      {"new_value", "learning", "7 days", "'7 days' is no duration"},
      {"new_value", "min-days", "two", "'two' is no whole number"},
      {"new_value",
       "granularity",
       "country",
       "this granularity needs a database of addresses, and none is configured"},
      {"new_value", "on-new-group", "parent", "'parent' needs a group-by of at least two fields"},
      {"rare_value", "max-share", "2", "max-share must be a number from 0 to 1"},
      {"absence", "direction", "during", "'during' is no value of direction"},
      {"impossible_travel", "min-speed", "900", "'900' is no min-speed"},
      {"impossible_travel",
       "min-speed",
       "900km/h",
       "impossible_travel needs a database of locations, and none is configured"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.message);
    CorrelationSpec spec = spec_of(c.type, hour_ns, 2);
    spec.fields = {"ip"};
    spec.options.push_back({c.key, {c.value}, 7, 9});
    const DetectorResult made = make_detector(spec, {});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().message == c.message);
  }
}

}  // namespace
}  // namespace tocsin
