// SPDX-License-Identifier: Apache-2.0
#include "engine/event/geo.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tocsin {

namespace {

constexpr std::array<std::string_view, 6> field_names = {"tocsin.source.country",
                                                         "tocsin.source.city",
                                                         "tocsin.source.asn",
                                                         "tocsin.source.as_org",
                                                         "tocsin.source.latitude",
                                                         "tocsin.source.longitude"};
// A database is looked through this far to see what it holds and whether it is whole.
constexpr std::size_t sampled_nodes_max = 4096;
// The largest there is takes a few hundred megabytes.
constexpr std::uint64_t database_bytes_max = 4ull << 30;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string reason() {
  return std::strerror(errno);
}

// What tells one state of a file from the next.
struct FileState {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_s = 0, modified_ns = 0;
  friend bool operator==(const FileState&, const FileState&) = default;
};

FileState state_of(const struct stat& status) {
  return {status.st_dev,
          status.st_ino,
          static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

std::optional<FileState> state_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return state_of(status);
}

Result<void> copy_all(int from, int to) {
  std::vector<char> buffer(1u << 20);
  std::uint64_t total = 0;
  while (true) {
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(reason());
    }
    if (got == 0) {
      return {};
    }
    total += static_cast<std::uint64_t>(got);
    if (total > database_bytes_max) {
      return fail("it is larger than a database may be (4 GiB)");
    }
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno == EINTR) {
        continue;
      }
      if (put <= 0) {
        return fail("its private copy cannot be written: " + reason());
      }
      done += put;
    }
  }
}

// Copies the file to one that only we know; its path.
Result<std::string> private_copy(const std::string& path) {
  // Not blocking: a planted pipe must not hang us.
  const Descriptor from(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat before {};
  if (from.get() < 0 || fstat(from.get(), &before) != 0) {
    return fail(reason());
  }
  if (!S_ISREG(before.st_mode)) {
    return fail("it is no regular file");
  }
  std::error_code error;
  std::string copy = (std::filesystem::temp_directory_path(error) / "tocsin-geo-XXXXXX").string();
  if (error) {
    return fail("there is no folder for temporary files: " + error.message());
  }
  const Descriptor to(mkostemp(copy.data(), O_CLOEXEC));
  if (to.get() < 0) {
    return fail("its private copy " + copy + " cannot be made: " + reason());
  }
  Result<void> copied = copy_all(from.get(), to.get());
  struct stat after {};
  if (copied && (fstat(from.get(), &after) != 0 || !(state_of(before) == state_of(after)))) {
    copied = fail("it was written to while it was read");
  }
  if (!copied) {
    unlink(copy.c_str());
    return Unexpected<Error>{copied.error()};
  }
  return copy;
}

template <std::size_t N>
std::optional<MMDB_entry_data_s> value_at(MMDB_entry_s entry, const char* const (&path)[N]) {
  MMDB_entry_data_s data{};
  if (MMDB_aget_value(&entry, &data, path) != MMDB_SUCCESS || !data.has_data) {
    return std::nullopt;
  }
  return data;
}

template <std::size_t N>
std::string text_at(const MMDB_entry_s& entry, const char* const (&path)[N]) {
  const auto data = value_at(entry, path);
  return data && data->type == MMDB_DATA_TYPE_UTF8_STRING
             ? std::string(data->utf8_string, data->data_size)
             : std::string();
}

template <std::size_t N>
std::optional<double> number_at(const MMDB_entry_s& entry, const char* const (&path)[N]) {
  const auto data = value_at(entry, path);
  if (!data) {
    return std::nullopt;
  }
  switch (data->type) {
    case MMDB_DATA_TYPE_DOUBLE:
      return data->double_value;
    case MMDB_DATA_TYPE_FLOAT:
      return static_cast<double>(data->float_value);
    case MMDB_DATA_TYPE_UINT16:
      return data->uint16;
    case MMDB_DATA_TYPE_UINT32:
      return data->uint32;
    case MMDB_DATA_TYPE_INT32:
      return data->int32;
    default:
      return std::nullopt;
  }
}

std::optional<double> within(std::optional<double> value, double bound) {
  return value && std::isfinite(*value) && std::abs(*value) <= bound ? value : std::nullopt;
}

constexpr const char* country_path[] = {"country", "iso_code", nullptr};
constexpr const char* city_path[] = {"city", "names", "en", nullptr};
constexpr const char* latitude_path[] = {"location", "latitude", nullptr};
constexpr const char* longitude_path[] = {"location", "longitude", nullptr};
constexpr const char* accuracy_path[] = {"location", "accuracy_radius", nullptr};
constexpr const char* asn_path[] = {"autonomous_system_number", nullptr};
constexpr const char* as_org_path[] = {"autonomous_system_organization", nullptr};
constexpr const char* traits_asn_path[] = {"traits", "autonomous_system_number", nullptr};
constexpr const char* traits_org_path[] = {"traits", "autonomous_system_organization", nullptr};

GeoPlace place_of(const MMDB_entry_s& entry) {
  GeoPlace place;
  place.country = text_at(entry, country_path);
  place.city = text_at(entry, city_path);
  place.latitude = within(number_at(entry, latitude_path), 90);
  place.longitude = within(number_at(entry, longitude_path), 180);
  if (!place.latitude || !place.longitude) {
    place.latitude.reset();
    place.longitude.reset();
  }
  place.accuracy_km = std::max(0.0, within(number_at(entry, accuracy_path), 20'100).value_or(0));
  std::optional<double> asn = number_at(entry, asn_path);
  place.as_org = text_at(entry, as_org_path);
  if (!asn && place.as_org.empty()) {  // GeoIP2-Enterprise
    asn = number_at(entry, traits_asn_path);
    place.as_org = text_at(entry, traits_org_path);
  }
  if (asn && *asn >= 0 && *asn <= 4294967295.0) {
    place.asn = static_cast<std::uint32_t>(*asn);
  }
  return place;
}

void add(const GeoFields& more, GeoFields& fields) {
  fields.country = fields.country || more.country;
  fields.city = fields.city || more.city;
  fields.location = fields.location || more.location;
  fields.asn = fields.asn || more.asn;
}

GeoFields fields_of(const GeoPlace& place) {
  GeoFields fields;
  fields.country = !place.country.empty();
  fields.city = !place.city.empty();
  fields.location = place.latitude.has_value();
  fields.asn = place.asn.has_value() || !place.as_org.empty();
  return fields;
}

// MaxMind's names tell what is inside although the first entries may lack it.
GeoFields fields_of_type(std::string_view type) {
  const auto is = [type](std::string_view word) { return type.find(word) != type.npos; };
  GeoFields fields;
  fields.city = is("City") || is("Enterprise");
  fields.country = fields.city || is("Country");
  fields.location = fields.city;
  fields.asn = is("ASN") || is("ISP") || is("Enterprise");
  return fields;
}

std::string shortest(double value) {
  std::array<char, 32> text{};
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

}  // namespace

std::span<const std::string_view> geo_field_names() {
  return field_names;
}

bool gives(const GeoFields& fields, std::string_view derived_field) {
  constexpr std::array<bool GeoFields::*, field_names.size()> needs = {&GeoFields::country,
                                                                       &GeoFields::city,
                                                                       &GeoFields::asn,
                                                                       &GeoFields::asn,
                                                                       &GeoFields::location,
                                                                       &GeoFields::location};
  for (std::size_t i = 0; i < field_names.size(); ++i) {
    if (field_names[i] == derived_field) {
      return fields.*needs[i];
    }
  }
  return false;
}

std::optional<std::string> geo_text(const GeoPlace& place, std::string_view derived_field) {
  const auto text = [](const std::string& value) {
    return value.empty() ? std::nullopt : std::optional<std::string>(value);
  };
  const auto number = [](const std::optional<double>& value) {
    return value ? std::optional<std::string>(shortest(*value)) : std::nullopt;
  };
  if (derived_field == field_names[0]) {
    return text(place.country);
  }
  if (derived_field == field_names[1]) {
    return text(place.city);
  }
  if (derived_field == field_names[2]) {
    return place.asn ? std::optional<std::string>(std::to_string(*place.asn)) : std::nullopt;
  }
  if (derived_field == field_names[3]) {
    return text(place.as_org);
  }
  if (derived_field == field_names[4]) {
    return number(place.latitude);
  }
  return derived_field == field_names[5] ? number(place.longitude) : std::nullopt;
}

// --- one database ---

struct GeoDatabase::Impl {
  MMDB_s database{};
  bool opened = false;
  GeoFields fields;
  std::string type;

  ~Impl() {
    if (opened) {
      MMDB_close(&database);
    }
  }

  // Walks the first nodes of the tree: what do the entries hold, and can all of them be read?
  Result<void> sample() {
    std::vector<std::uint32_t> nodes = {0};
    for (std::size_t at = 0; at < nodes.size() && at < sampled_nodes_max; ++at) {
      MMDB_search_node_s node{};
      if (MMDB_read_node(&database, nodes[at], &node) != MMDB_SUCCESS) {
        return fail("its search tree is damaged");
      }
      for (const bool left : {true, false}) {
        const std::uint8_t kind = left ? node.left_record_type : node.right_record_type;
        if (kind == MMDB_RECORD_TYPE_INVALID) {
          return fail("its search tree is damaged");
        }
        if (kind == MMDB_RECORD_TYPE_SEARCH_NODE) {
          nodes.push_back(static_cast<std::uint32_t>(left ? node.left_record : node.right_record));
        } else if (kind == MMDB_RECORD_TYPE_DATA) {
          MMDB_entry_s entry = left ? node.left_record_entry : node.right_record_entry;
          MMDB_entry_data_list_s* list = nullptr;
          const int status = MMDB_get_entry_data_list(&entry, &list);
          MMDB_free_entry_data_list(list);
          if (status != MMDB_SUCCESS) {
            return fail("its data is damaged: " + std::string(MMDB_strerror(status)));
          }
          add(fields_of(place_of(entry)), fields);
        }
      }
    }
    return {};
  }
};

GeoDatabase::GeoDatabase(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GeoDatabase::~GeoDatabase() = default;

Result<std::shared_ptr<const GeoDatabase>> GeoDatabase::open(const std::string& path) {
  const Result<std::string> copy = private_copy(path);
  if (!copy) {
    return fail("cannot open the database " + path + ": " + copy.error().message);
  }
  auto impl = std::make_unique<Impl>();
  const int status = MMDB_open(copy->c_str(), MMDB_MODE_MMAP, &impl->database);
  unlink(copy->c_str());  // mapped: it needs no name any more
  if (status != MMDB_SUCCESS) {
    return fail("cannot open the database " + path + ": " + MMDB_strerror(status));
  }
  impl->opened = true;
  impl->type = impl->database.metadata.database_type;
  if (const Result<void> sampled = impl->sample(); !sampled) {
    return fail("cannot use the database " + path + ": " + sampled.error().message);
  }
  add(fields_of_type(impl->type), impl->fields);
  if (!impl->fields.any()) {
    return fail("cannot use the database " + path + " (" + impl->type +
                "): it holds neither countries, cities, locations nor autonomous systems");
  }
  return std::shared_ptr<const GeoDatabase>(new GeoDatabase(std::move(impl)));
}

std::optional<GeoPlace> GeoDatabase::find(const IpAddress& address) const {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const sockaddr* socket_address = nullptr;
  if (address.v6) {
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
    socket_address = reinterpret_cast<const sockaddr*>(&v6);
  } else {
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
    socket_address = reinterpret_cast<const sockaddr*>(&v4);
  }
  int error = MMDB_SUCCESS;
  const MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&impl_->database, socket_address, &error);
  if (error != MMDB_SUCCESS || !found.found_entry) {
    return std::nullopt;
  }
  return place_of(found.entry);
}

const GeoFields& GeoDatabase::fields() const {
  return impl_->fields;
}

const std::string& GeoDatabase::type() const {
  return impl_->type;
}

// --- several ---

GeoSet::GeoSet(std::vector<std::shared_ptr<const GeoDatabase>> databases)
    : databases_(std::move(databases)) {
  for (const auto& database : databases_) {
    add(database->fields(), fields_);
  }
}

std::optional<GeoPlace> GeoSet::find(const IpAddress& address) const {
  std::optional<GeoPlace> place;
  for (const auto& database : databases_) {
    std::optional<GeoPlace> one = database->find(address);
    if (!one) {
      continue;
    }
    if (!place) {
      place = std::move(one);
      continue;
    }
    if (!place->latitude && one->latitude) {
      place->latitude = one->latitude;
      place->longitude = one->longitude;
      place->accuracy_km = one->accuracy_km;
    }
    if (!place->asn && place->as_org.empty()) {
      place->asn = one->asn;
      place->as_org = std::move(one->as_org);
    }
    if (place->country.empty()) {
      place->country = std::move(one->country);
    }
    if (place->city.empty()) {
      place->city = std::move(one->city);
    }
  }
  return place;
}

// --- files that change ---

struct GeoFiles::File {
  std::string path;
  std::shared_ptr<const GeoDatabase> database;
  std::optional<FileState> seen;  // of the last attempt
};

GeoFiles::GeoFiles(std::vector<File> files) : files_(std::move(files)) {
  publish();
}
GeoFiles::~GeoFiles() = default;

Result<std::unique_ptr<GeoFiles>> GeoFiles::open(std::vector<std::string> paths) {
  std::vector<File> files;
  for (std::string& path : paths) {
    // Before it is opened: a change after that is seen by the next refresh().
    const std::optional<FileState> seen = state_of(path);
    Result<std::shared_ptr<const GeoDatabase>> database = GeoDatabase::open(path);
    if (!database) {
      return Unexpected<Error>{database.error()};
    }
    files.push_back({std::move(path), std::move(*database), seen});
  }
  return std::unique_ptr<GeoFiles>(new GeoFiles(std::move(files)));
}

void GeoFiles::publish() {
  std::vector<std::shared_ptr<const GeoDatabase>> databases;
  for (const File& file : files_) {
    databases.push_back(file.database);
  }
  auto next = std::make_shared<const GeoSet>(std::move(databases));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

std::shared_ptr<const GeoSet> GeoFiles::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

GeoLookup GeoFiles::lookup() const {
  return [this](const IpAddress& address) { return current()->find(address); };
}

std::vector<GeoFiles::Change> GeoFiles::refresh() {
  std::vector<Change> changes;
  bool swapped = false;
  for (File& file : files_) {
    const std::optional<FileState> now = state_of(file.path);
    if (!now || now == file.seen) {
      continue;  // missing for a moment while it is replaced: the old one stays
    }
    file.seen = now;
    Result<std::shared_ptr<const GeoDatabase>> database = GeoDatabase::open(file.path);
    const GeoFields& old = file.database->fields();
    if (!database) {
      changes.push_back({file.path, false, database.error().message});
      continue;
    }
    const GeoFields& next = (*database)->fields();
    if ((old.country && !next.country) || (old.city && !next.city) ||
        (old.location && !next.location) || (old.asn && !next.asn)) {
      changes.push_back({file.path,
                         false,
                         "the new database " + file.path + " (" + (*database)->type() +
                             ") lacks fields that the old one (" + file.database->type() +
                             ") has"});
      continue;
    }
    file.database = std::move(*database);
    changes.push_back({file.path, true, {}});
    swapped = true;
  }
  if (swapped) {
    publish();
  }
  return changes;
}

}  // namespace tocsin
