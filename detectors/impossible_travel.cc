// SPDX-License-Identifier: Apache-2.0
// impossible_travel: two events of a group are farther apart than min-distance and would need more
// than min-speed. An event is compared with the nearest located one before it and, if it is late,
// with the nearest after it, within `timespan`. The distance is the great circle less both accuracy
// radii, so that a vague location never makes somebody fast.
#include <algorithm>
#include <array>
#include <cmath>

#include "detectors/common.h"
#include "detectors/key_table.h"
#include "detectors/options.h"
#include "detectors/registry.h"
#include "engine/base/wire.h"

namespace tocsin {

namespace {

constexpr double earth_radius_km = 6371.0088;  // mean radius, IUGG
constexpr double km_per_mile = 1.609344;
constexpr std::uint64_t format_version = 2;

struct Place {
  TimeNs time = 0;
  std::uint64_t sequence = 0;
  double latitude = 0;
  double longitude = 0;
  double accuracy_km = 0;
  std::string address;
  std::string name;  // "Berlin, DE"; empty: the database does not say
};

std::string name_of(const GeoPlace& place) {
  return place.city.empty() || place.country.empty() ? place.city + place.country
                                                     : place.city + ", " + place.country;
}

// Haversine: stable for small distances.
double great_circle_km(const Place& a, const Place& b) {
  constexpr double radians = 3.14159265358979323846 / 180;
  const double sin_lat = std::sin((b.latitude - a.latitude) * radians / 2);
  const double sin_lon = std::sin((b.longitude - a.longitude) * radians / 2);
  const double h = sin_lat * sin_lat + std::cos(a.latitude * radians) *
                                           std::cos(b.latitude * radians) * sin_lon * sin_lon;
  return 2 * earth_radius_km * std::asin(std::sqrt(std::min(1.0, h)));
}

struct TravelSettings {
  DurationNs timespan_ns = 0;
  double min_distance_km = 500;
  double min_speed_kmh = 900;
};

class ImpossibleTravel final : public Detector {
 public:
  ImpossibleTravel(TravelSettings travel, ExcludeList exclude, const DetectorSettings& settings)
      : travel_(travel),
        exclude_(std::move(exclude)),
        settings_(settings),
        places_max_(std::max<std::uint64_t>(settings.max_values_per_key, 2)),
        groups_(settings.max_keys, settings.hash_seed) {}

  void on_match(const Observation& observation, const ReportSink& sink) override {
    Place place;
    if (!locate(observation, place)) {
      return;
    }
    watermark_ = std::max(watermark_, observation.watermark);
    std::vector<Place>& places = groups_.touch(observation.group_key);
    if (is_over(places)) {
      places.clear();
    }
    if (place.time < watermark_ && places.empty()) {
      ++counters_.late;
    }
    const auto later = [](TimeNs time, const Place& other) { return time < other.time; };
    const auto at = std::upper_bound(places.begin(), places.end(), place.time, later);
    const Place* before = at == places.begin() ? nullptr : &*std::prev(at);
    const Place* after = at == places.end() ? nullptr : &*at;
    if (before != nullptr && is_impossible(*before, place)) {
      report(observation, *before, place, sink);
    } else if (after != nullptr && is_impossible(place, *after)) {
      report(observation, *after, place, sink);
    }
    places.insert(at, std::move(place));
    drop_old(places);
  }

  void on_time(TimeNs watermark, const ReportSink&) override {
    watermark_ = std::max(watermark_, watermark);
    groups_.expire([&](const std::vector<Place>& places) { return is_over(places); });
  }

  void save(std::string& out) const override {
    WireWriter writer(out);
    writer.number(format_version);
    writer.signed_number(watermark_);
    writer.number(groups_.size());
    groups_.for_each(
        [&](std::string_view key, const std::vector<Place>& places, std::uint8_t standing) {
          writer.text(key);
          writer.number(standing);
          writer.number(places.size());
          for (const Place& place : places) {
            writer.signed_number(place.time);
            writer.number(place.sequence);
            writer.real(place.latitude);
            writer.real(place.longitude);
            writer.real(place.accuracy_km);
            writer.text(place.address);
            writer.text(place.name);
          }
        });
  }

  bool load(std::string_view bytes) override {
    WireReader reader(bytes);
    if (reader.number() != format_version) {
      return false;
    }
    const TimeNs watermark = reader.signed_number();
    KeyTable<std::vector<Place>> groups(settings_.max_keys, settings_.hash_seed);
    for (std::size_t keys = reader.count(); keys > 0 && reader.ok(); --keys) {
      const std::string_view key = reader.text();
      const std::uint64_t standing = reader.number();
      std::vector<Place>& places = groups.restore(key, standing);
      for (std::size_t count = reader.count(27); count > 0 && reader.ok(); --count) {
        Place place;
        place.time = reader.signed_number();
        place.sequence = reader.number();
        place.latitude = reader.real();
        place.longitude = reader.real();
        place.accuracy_km = reader.real();
        place.address = std::string(reader.text());
        place.name = std::string(reader.text());
        places.push_back(std::move(place));
      }
    }
    if (!reader.ok() || !reader.at_end()) {
      return false;
    }
    groups_ = std::move(groups);
    watermark_ = watermark;
    return true;
  }

  DetectorLosses losses() const override {
    return {groups_.evicted_protected(), counters_.dropped_values, counters_.late};
  }

  DetectorCounters counters() const override {
    DetectorCounters counters = counters_;
    counters.keys = groups_.size();
    counters.evicted_keys = groups_.evicted();
    counters.evicted_protected = groups_.evicted_protected();
    counters.bytes = groups_.bytes() + groups_.size() * sizeof(Place);
    return counters;
  }

  void for_each_group(TimeNs, const GroupVisit& visit) const override {
    groups_.for_each([&](std::string_view key, const std::vector<Place>& places, std::uint8_t) {
      visit(view_of(key, places));
    });
  }

  std::optional<std::string> show(std::string_view group_key) const override {
    const std::vector<Place>* places = groups_.find(group_key);
    return places == nullptr ? std::nullopt
                             : std::optional<std::string>(group_json(view_of(group_key, *places)));
  }

  bool forget(std::string_view group_key) override { return groups_.erase(group_key); }

 private:
  static GroupView view_of(std::string_view key, const std::vector<Place>& places) {
    GroupView view;
    view.key = key;
    view.events = places.size();
    if (view.events > 0) {
      view.first_seen = places.front().time;
      view.last_seen = places.back().time;
    }
    return view;
  }

  // False, and counted, if there is no address, no location, or the address is excluded.
  bool locate(const Observation& observation, Place& place) {
    const std::optional<std::string> text = observation.fields[0].single();
    std::optional<IpAddress> address = text ? parse_ip(*text) : std::nullopt;
    if (!address) {
      ++counters_.skipped;
      return false;
    }
    address = unmap(*address);
    if (exclude_.contains(*text, address)) {
      return false;
    }
    const std::optional<GeoPlace> found = settings_.geo(*address);
    if (!found || !found->latitude || !found->longitude) {
      ++counters_.skipped;
      return false;
    }
    place.time = observation.time;
    place.sequence = observation.sequence;
    place.latitude = *found->latitude;
    place.longitude = *found->longitude;
    place.accuracy_km = found->accuracy_km;
    place.address = to_text(*address);
    place.name = name_of(*found);
    return true;
  }

  double distance_km(const Place& a, const Place& b) const {
    return std::max(0.0, great_circle_km(a, b) - a.accuracy_km - b.accuracy_km);
  }

  // Precondition: a.time <= b.time.
  bool is_impossible(const Place& a, const Place& b) const {
    if (a.time < subtract_saturating(b.time, travel_.timespan_ns)) {
      return false;
    }
    const double km = distance_km(a, b);
    const double hours = static_cast<double>(b.time - a.time) / static_cast<double>(hour_ns);
    // Multiplied out, so that two events at the same instant need no special case.
    return km >= travel_.min_distance_km && km > travel_.min_speed_kmh * hours;
  }

  bool is_over(const std::vector<Place>& places) const {
    return places.empty() ||
           places.back().time < subtract_saturating(watermark_, travel_.timespan_ns);
  }

  void drop_old(std::vector<Place>& places) {
    const TimeNs horizon = subtract_saturating(watermark_, travel_.timespan_ns);
    std::size_t old = 0;
    // The last is kept whatever its age: a late event may come just after it.
    while (old + 1 < places.size() && places[old].time < horizon) {
      ++old;
    }
    if (places.size() - old > places_max_) {
      ++old;
      ++counters_.dropped_values;
    }
    places.erase(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(old));
  }

  void report(const Observation& observation,
              const Place& other,
              const Place& place,
              const ReportSink& sink) {
    Report report = report_of(observation);
    report.events.clear();
    report.count = 2;
    report.first_seen = std::min(other.time, place.time);
    report.last_seen = std::max(other.time, place.time);
    const std::array<std::uint64_t, 1> sequences = {other.sequence};
    append_events(sequences, observation, settings_.records, report.events);
    const double km = distance_km(other, place);
    const DurationNs apart = report.last_seen - report.first_seen;
    EvidenceWriter evidence;
    evidence.text("address", place.address);
    if (!place.name.empty()) {
      evidence.text("place", place.name);
    }
    evidence.text("other_address", other.address);
    if (!other.name.empty()) {
      evidence.text("other_place", other.name);
    }
    evidence.text("other_time", format_rfc3339(other.time));
    evidence.number("distance_km", std::round(km));
    if (apart > 0) {
      evidence.number("speed_kmh",
                      std::round(km * static_cast<double>(hour_ns) / static_cast<double>(apart)));
    }
    report.evidence_json = std::move(evidence).finish();
    sink(std::move(report));
  }

  TravelSettings travel_;
  ExcludeList exclude_;
  DetectorSettings settings_;
  std::uint64_t places_max_;
  KeyTable<std::vector<Place>> groups_;  // in time order
  TimeNs watermark_ = std::numeric_limits<TimeNs>::min();
  DetectorCounters counters_;
};

}  // namespace

DetectorResult make_impossible_travel(const CorrelationSpec& spec,
                                      const DetectorSettings& settings) {
  constexpr std::array<OptionReader::Unit, 2> lengths = {{{"km", 1.0}, {"mi", km_per_mile}}};
  constexpr std::array<OptionReader::Unit, 3> speeds = {
      {{"km/h", 1.0}, {"mi/h", km_per_mile}, {"mph", km_per_mile}}};
  OptionReader options(spec, find_detector_type(spec.type)->options);
  TravelSettings travel;
  travel.timespan_ns = spec.timespan_ns;
  travel.min_distance_km = options.quantity("min-distance", lengths, travel.min_distance_km);
  travel.min_speed_kmh = options.quantity("min-speed", speeds, travel.min_speed_kmh);
  if (options.error()) {
    return Unexpected<SpecError>{*options.error()};
  }
  if (spec.fields.size() != 1) {
    return spec_error("impossible_travel needs a field with an address", "field: sourceIPAddress");
  }
  if (!settings.geo_fields.location) {
    return spec_error("impossible_travel needs a database of locations, and none is configured",
                      "name one with --geo-database FILE or geo_databases: in the configuration");
  }
  return std::unique_ptr<Detector>(
      std::make_unique<ImpossibleTravel>(travel, ExcludeList(options.list("exclude")), settings));
}

}  // namespace tocsin
