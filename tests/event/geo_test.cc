// SPDX-License-Identifier: Apache-2.0
#include "engine/event/geo.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "engine/event/cloudtrail.h"
#include "engine/event/json.h"
#include "tests/event/event_support.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

std::string fixture(const std::string& name) {
  return std::string(TOCSIN_SOURCE_DIR) + "/tests/event/geo/" + name + ".mmdb";
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  REQUIRE(file.flush().good());
}

class Folder {
 public:
  Folder() {
    std::string path = (fs::temp_directory_path() / "tocsin-geo-test-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::optional<GeoPlace> find(const GeoSet& set, std::string_view address) {
  const std::optional<IpAddress> parsed = parse_ip(address);
  REQUIRE(parsed.has_value());
  return set.find(unmap(*parsed));
}

std::string all_fields(const std::optional<GeoPlace>& place) {
  if (!place) {
    return "no entry";
  }
  std::string text;
  for (const std::string_view name : geo_field_names()) {
    text += geo_text(*place, name).value_or("-") + " ";
  }
  return text;
}

TEST_CASE("each field of an address is from the first database that knows it") {
  const auto files = GeoFiles::open({fixture("city"), fixture("asn")});
  REQUIRE(files.has_value());
  const std::shared_ptr<const GeoSet> set = (*files)->current();
  struct Case {
    const char* address;
    const char* fields;
  };
  const Case cases[] = {
      {"192.0.2.1", "DE Berlin 64500 Example Networks 52.52 13.405 "},
      {"::ffff:192.0.2.1", "DE Berlin 64500 Example Networks 52.52 13.405 "},
      {"192.0.2.200", "DE Hamburg 64500 Example Networks 53.55 10 "},
      {"198.51.100.9", "AU Sydney 4294967295 Last AS -33.87 151.21 "},
      {"203.0.113.1", "FR - - - - - "},
      {"203.0.113.7", "- - - - - - "},  // its latitude is none
      {"2001:db8::1", "JP Tokyo - - 35.68 139.69 "},
      {"2001:db9::1", "no entry"},
      {"10.0.0.1", "no entry"},
      {"0.0.0.0", "no entry"},
      {"255.255.255.255", "no entry"},
      {"::", "no entry"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.address);
    CHECK(all_fields(find(*set, c.address)) == c.fields);
  }
  CHECK(find(*set, "192.0.2.1")->accuracy_km == 20);
}

TEST_CASE("a set of databases says which derived fields it gives") {
  struct Case {
    std::vector<std::string> files;
    std::vector<bool> given;
  };
  const Case cases[] = {
      {{}, {false, false, false, false, false, false}},
      {{"city"}, {true, true, false, false, true, true}},
      {{"asn"}, {false, false, true, true, false, false}},
      {{"city", "asn"}, {true, true, true, true, true, true}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> paths;
    for (const std::string& name : c.files) {
      paths.push_back(fixture(name));
    }
    const auto files = GeoFiles::open(paths);
    REQUIRE(files.has_value());
    std::vector<bool> given;
    for (const std::string_view name : geo_field_names()) {
      given.push_back(gives((*files)->current()->fields(), name));
    }
    CHECK(given == c.given);
    CHECK_FALSE(gives((*files)->current()->fields(), "tocsin.source.ip"));
  }
}

TEST_CASE("what is no usable database is an error that says why") {
  const Folder folder;
  const std::string whole = read_all(fixture("city"));
  write_all(folder.file("empty"), "");
  write_all(folder.file("text"), "this is no database");
  write_all(folder.file("cut"), whole.substr(0, whole.size() / 2));
  std::string bent = whole;
  for (std::size_t i = 60; i < 260; ++i) {
    bent[i] = '\xff';
  }
  write_all(folder.file("bent"), bent);
  fs::create_directory(folder.file("folder"));
  struct Case {
    std::string path;
    const char* reason;
  };
  const Case cases[] = {
      {folder.file("missing"), "No such file"},
      {folder.file("empty"), "MaxMind"},
      {folder.file("text"), "MaxMind"},
      {folder.file("cut"), "MaxMind"},
      {folder.file("bent"), "damaged"},
      {folder.file("folder"), "no regular file"},
      {fixture("other"), "holds neither"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.path);
    const auto opened = GeoDatabase::open(c.path);
    REQUIRE_FALSE(opened.has_value());
    CAPTURE(opened.error().message);
    CHECK(opened.error().message.find(c.path) != std::string::npos);
    CHECK(opened.error().message.find(c.reason) != std::string::npos);
  }
}

TEST_CASE("an open database does not notice what becomes of its file") {
  const Folder folder;
  const std::string path = folder.file("city.mmdb");
  write_all(path, read_all(fixture("city")));
  const auto files = GeoFiles::open({path});
  REQUIRE(files.has_value());
  const std::shared_ptr<const GeoSet> set = (*files)->current();
  SUBCASE("cut to nothing in place, which would be a bus error for a mapped file") {
    fs::resize_file(path, 0);
  }
  SUBCASE("overwritten in place") {
    write_all(path, std::string(100'000, 'x'));
  }
  SUBCASE("removed") {
    fs::remove(path);
  }
  CHECK(find(*set, "192.0.2.1")->city == "Berlin");
  for (int look = 0; look < 3; ++look) {
    for (const GeoFiles::Change& change : (*files)->refresh()) {
      CHECK(look == 0);  // said once
      CHECK_FALSE(change.swapped);
    }
    CHECK(find(*(*files)->current(), "2001:db8::1")->country == "JP");
  }
}

TEST_CASE("a changed file is swapped in once it opens and answers what the old one did") {
  const Folder folder;
  const std::string path = folder.file("city.mmdb");
  write_all(path, read_all(fixture("city")));
  const auto files = GeoFiles::open({path});
  REQUIRE(files.has_value());
  const std::shared_ptr<const GeoSet> before = (*files)->current();
  const GeoLookup lookup = (*files)->lookup();
  CHECK((*files)->refresh().empty());

  const auto replace_by = [&](const std::string& bytes) {
    write_all(path + ".new", bytes);
    fs::rename(path + ".new", path);
  };
  replace_by("broken");
  REQUIRE((*files)->refresh().size() == 1);
  CHECK((*files)->current() == before);

  replace_by(read_all(fixture("asn")));  // opens, but has no cities
  const std::vector<GeoFiles::Change> poorer = (*files)->refresh();
  REQUIRE(poorer.size() == 1);
  CHECK(poorer[0].problem.find("lacks fields") != std::string::npos);
  CHECK((*files)->current() == before);

  replace_by(read_all(fixture("moved")));
  const std::vector<GeoFiles::Change> changes = (*files)->refresh();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].swapped);
  CHECK(find(*(*files)->current(), "192.0.2.1")->city == "Vienna");
  CHECK(lookup(*parse_ip("192.0.2.1"))->city == "Vienna");
  CHECK(find(*before, "192.0.2.1")->city == "Berlin");  // who still holds it
}

std::string derived(const std::string& json, const std::string& path, const GeoSet* geo) {
  const std::vector<std::string> paths = {path};
  const FieldPlan plan{paths};
  const testing::Padded padded(json);
  Event event;
  JsonReader reader;
  REQUIRE(reader.read(padded, plan, false, event) == ReadStatus::ok);
  derive_fields(event, geo);
  const EntryId entry = event.first(plan.find(path));
  return entry == no_entry ? "absent" : std::string(event.text(entry));
}

TEST_CASE("rules see where a record's source address is, and a record cannot forge it") {
  const auto files = GeoFiles::open({fixture("city"), fixture("asn")});
  REQUIRE(files.has_value());
  const std::shared_ptr<const GeoSet> set = (*files)->current();
  struct Case {
    const char* json;
    const char* path;
    const char* value;
  };
  const Case cases[] = {
      {R"({"sourceIPAddress":"192.0.2.1"})", "tocsin.source.country", "DE"},
      {R"({"sourceIPAddress":"::ffff:192.0.2.1"})", "tocsin.source.city", "Berlin"},
      {R"({"sourceIPAddress":"192.0.2.1"})", "tocsin.source.asn", "64500"},
      {R"({"sourceIPAddress":"192.0.2.1"})", "tocsin.source.as_org", "Example Networks"},
      {R"({"sourceIPAddress":"192.0.2.1"})", "tocsin.source.latitude", "52.52"},
      {R"({"sourceIPAddress":"2001:db8::5"})", "tocsin.source.longitude", "139.69"},
      {R"({"sourceIPAddress":"cloudtrail.amazonaws.com"})", "tocsin.source.country", "absent"},
      {R"({"sourceIPAddress":"10.0.0.1"})", "tocsin.source.country", "absent"},
      {R"({"sourceIPAddress":["192.0.2.1"]})", "tocsin.source.country", "DE"},
      {R"({"tocsin":{"source":{"country":"XX"}}})", "tocsin.source.country", "absent"},
      {R"({"tocsin.source.country":"XX","sourceIPAddress":"192.0.2.1"})",
       "tocsin.source.country",
       "DE"},
      {R"({})", "tocsin.source.asn", "absent"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.json);
    CHECK(derived(c.json, c.path, set.get()) == c.value);
    CHECK(derived(c.json, c.path, nullptr) == "absent");
  }
}

}  // namespace
}  // namespace tocsin
