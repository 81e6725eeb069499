// SPDX-License-Identifier: Apache-2.0
// What is asked of single records that matched: decode.h's event_time and record_identity.
#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/hash.h"
#include "engine/event/decode.h"
#include "engine/event/json_elements.h"
#include "engine/event/json_text.h"
#include "engine/event/json_tree.h"

namespace tocsin {
namespace {

// DETECTION.md, "Time": the first usable of these.
constexpr std::array<std::string_view, 7> time_keys = {
    "eventTime", "@timestamp", "timestamp", "time", "ts", "UtcTime", "TimeCreated"};

// A string's or number's text.
std::string scalar_text(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"') {
    return decoded_json_string(value.substr(1, value.size() - 2));
  }
  return std::string(value);
}

// A string or a number.
bool is_scalar(std::string_view value) {
  return !value.empty() && (value.front() == '"' || value.front() == '-' ||
                            (value.front() >= '0' && value.front() <= '9'));
}

bool is_key(std::string_view raw, std::string_view key) {
  return raw == key || (raw.find('\\') != raw.npos && decoded_json_string(raw) == key);
}

// Eight bytes, the lowest first on every machine.
void put_number(std::uint64_t number, char* out) {
  for (unsigned i = 0; i < 8; ++i) {
    out[i] = static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
  }
}

}  // namespace

std::optional<TimeNs> event_time(std::string_view record_json) {
  std::array<std::optional<TimeNs>, time_keys.size()> times;
  MemberScan members(record_json);
  std::string_view key;
  std::string_view value;
  while (!times.front() && members.next(key, value)) {
    for (std::size_t at = 0; at < time_keys.size(); ++at) {
      if (!times[at] && is_key(key, time_keys[at])) {
        times[at] = parse_time(scalar_text(value));
      }
    }
  }
  const auto usable =
      std::find_if(times.begin(), times.end(), [](const auto& time) { return time.has_value(); });
  return usable == times.end() ? std::nullopt : *usable;
}

std::optional<TimeNs> event_time(Event& event) {
  const FieldId field = event.plan().system().event_time;
  for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
    if (!event.value(entry).in_array) {
      if (const std::optional<TimeNs> time = parse_time(event.text(entry))) {
        return time;
      }
    }
  }
  return event_time(event.json());
}

namespace {

// They tell the two kinds of identities apart, for ever: ids of alerts are made of these.
constexpr std::uint64_t account_seed = 'c';
constexpr std::uint64_t place_seed = 's';

// What says which record it is and what is in it are hashed where they stand, and the two hashes
// become one: to put the texts together first takes three times as long.
Hash128 identity(std::string_view event_id,
                 std::string_view account,
                 const Hash128& content,
                 const Hash128& stream_id,
                 std::uint64_t stream_offset) {
  Hash128 which;
  if (!event_id.empty()) {
    which = content_hash(event_id, seeded_hash(account, account_seed));
  } else {
    std::array<char, 24> place;
    put_number(stream_id.high, place.data());
    put_number(stream_id.low, place.data() + 8);
    put_number(stream_offset, place.data() + 16);
    which = content_hash({place.data(), place.size()}, place_seed);
  }
  // Not twice the same: GCC 12 would do both in one vector, and wait for it to come over the stack.
  return {which.high ^ content.high, which.low + content.low};
}

// The first text of a field that is not empty.
std::string_view first_text(Event& event, FieldId field, bool strings_only) {
  for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
    const Value& value = event.value(entry);
    const bool fits =
        value.kind == ValueKind::string || (!strings_only && value.kind == ValueKind::number);
    if (fits && !value.in_array && value.size > 0) {
      return event.text(entry);
    }
  }
  return {};
}

}  // namespace

Hash128 record_identity(std::string_view record_json,
                        bool cloudtrail,
                        const Hash128& stream_id,
                        std::uint64_t stream_offset) {
  std::string event_id;
  std::string account;
  if (cloudtrail) {
    MemberScan members(record_json);
    std::string_view key;
    std::string_view value;
    while ((event_id.empty() || account.empty()) && members.next(key, value)) {
      if (event_id.empty() && value.starts_with('"') && is_key(key, "eventID")) {
        event_id = scalar_text(value);
      } else if (account.empty() && is_scalar(value) && is_key(key, "recipientAccountId")) {
        account = scalar_text(value);
      }
    }
  }
  return identity(event_id, account, record_hash(record_json), stream_id, stream_offset);
}

Hash128 record_identity(Event& event,
                        bool cloudtrail,
                        const Hash128& stream_id,
                        std::uint64_t stream_offset) {
  // Most records: what record_hash() would find out is known already.
  const std::string_view compact = event.compact_json();
  const Hash128 content = compact.empty() ? record_hash(event.json()) : content_hash(compact);
  if (!cloudtrail) {
    return identity({}, {}, content, stream_id, stream_offset);
  }
  const FieldPlan::System& system = event.plan().system();
  return identity(first_text(event, system.event_id, true),
                  first_text(event, system.recipient_account_id, false),
                  content,
                  stream_id,
                  stream_offset);
}

}  // namespace tocsin
