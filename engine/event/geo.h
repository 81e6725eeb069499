// SPDX-License-Identifier: Apache-2.0
// Where an address is, from MaxMind databases (.mmdb: GeoLite2, GeoIP2 and others of the same
// layout). The only door to libmaxminddb.
//
// A database is opened on a private copy in the folder for temporary files: the library maps the
// file, and one that is rewritten in place would be a SIGBUS. The copy has no name and goes with
// the last user. GeoFiles swaps a changed file in once the new one opens and answers; until then
// the old one stays. Thread rule: GeoSet is immutable and shared; GeoFiles::current() from any
// thread, refresh() from one. Cost: open() copies the file; find() walks at most 128 nodes per
// database and copies a few texts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/cidr.h"
#include "engine/base/result.h"

namespace tocsin {

// What is known of an address; what is not known is absent or empty.
struct GeoPlace {
  std::optional<double> latitude, longitude;  // degrees
  double accuracy_km = 0;
  std::optional<std::uint32_t> asn;
  std::string country;  // ISO 3166-1 alpha-2
  std::string city;     // in English
  std::string as_org;
};
// nullopt: the address has no entry.
using GeoLookup = std::function<std::optional<GeoPlace>(const IpAddress&)>;

// What a set of databases can tell at all.
struct GeoFields {
  bool country = false;
  bool city = false;
  bool location = false;  // latitude, longitude
  bool asn = false;       // asn, as_org
  bool any() const { return country || city || location || asn; }
};

// The derived fields that need a database, "tocsin.source.country" ...; and whether a set with
// these fields gives one of them. False too for any other name.
std::span<const std::string_view> geo_field_names();
bool gives(const GeoFields& fields, std::string_view derived_field);

// One of geo_field_names() as text; nullopt: unknown, or no such field.
std::optional<std::string> geo_text(const GeoPlace& place, std::string_view derived_field);

class GeoDatabase {
 public:
  // Errors: cannot be read or copied, is no database, is damaged, holds nothing of GeoFields.
  static Result<std::shared_ptr<const GeoDatabase>> open(const std::string& path);
  ~GeoDatabase();
  GeoDatabase(const GeoDatabase&) = delete;
  GeoDatabase& operator=(const GeoDatabase&) = delete;

  std::optional<GeoPlace> find(const IpAddress& address) const;
  const GeoFields& fields() const;
  // "GeoLite2-City"
  const std::string& type() const;

 private:
  struct Impl;
  explicit GeoDatabase(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Several databases asked in order: each field is from the first that knows it.
class GeoSet {
 public:
  explicit GeoSet(std::vector<std::shared_ptr<const GeoDatabase>> databases);
  std::optional<GeoPlace> find(const IpAddress& address) const;
  const GeoFields& fields() const { return fields_; }

 private:
  friend class GeoFiles;
  std::vector<std::shared_ptr<const GeoDatabase>> databases_;
  GeoFields fields_;
};

class GeoFiles {
 public:
  // The first file that cannot be opened is the error.
  static Result<std::unique_ptr<GeoFiles>> open(std::vector<std::string> paths);

  std::shared_ptr<const GeoSet> current() const;

  // Looks at the files; a changed one is swapped in if it opens and answers all that the old one
  // did. What happened, told once per change of a file.
  struct Change {
    std::string path;
    bool swapped = false;
    std::string problem;  // why not
  };
  std::vector<Change> refresh();

  // Asks whatever is current at the time of the call. Must not outlive this.
  GeoLookup lookup() const;

 private:
  struct File;
  explicit GeoFiles(std::vector<File> files);
  void publish();

  std::vector<File> files_;
  mutable std::mutex mutex_;
  std::shared_ptr<const GeoSet> current_;

 public:
  ~GeoFiles();
};

}  // namespace tocsin
