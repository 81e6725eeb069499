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
char* put_number(std::uint64_t number, char* out) {
  for (unsigned i = 0; i < 8; ++i) {
    out[i] = static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
  }
  return out + 8;
}

// By words that overlap: ids have a few dozen bytes, and a call takes longer.
template <std::size_t word>
void copy_by(std::string_view part, char* out) {
  for (std::size_t at = 0; at + word < part.size(); at += word) {
    std::memcpy(out + at, part.data() + at, word);
  }
  std::memcpy(out + part.size() - word, part.data() + part.size() - word, word);
}

// Parts are hashed with their lengths, so that no two lists of parts give the same bytes.
char* put_part(std::string_view part, char* out) {
  out = put_number(part.size(), out);
  if (part.size() >= 16) {
    copy_by<16>(part, out);
  } else if (part.size() >= 8) {
    copy_by<8>(part, out);
  } else {
    std::copy(part.begin(), part.end(), out);
  }
  return out + part.size();
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

// A record's identity in the making: which record it is, to begin with, then what is in it. In that
// order, since the hash of all that reads words across what was written in parts, and would wait
// for it: meanwhile the contents are hashed.
class IdentityBytes {
 public:
  // `event_id`: empty for what is no record of CloudTrail, or has none.
  IdentityBytes(std::string_view event_id,
                std::string_view account,
                const Hash128& stream_id,
                std::uint64_t stream_offset) {
    constexpr std::size_t numbers_bytes = 64;  // more than a letter and the numbers take
    if (event_id.size() + account.size() + numbers_bytes > small_.size()) {
      large_.resize(event_id.size() + account.size() + numbers_bytes);
      begin_ = large_.data();
    }
    end_ = begin_;
    if (!event_id.empty()) {
      *end_++ = 'c';
      end_ = put_part(event_id, end_);
      end_ = put_part(account, end_);
    } else {
      *end_++ = 's';
      end_ = put_number(stream_id.high, end_);
      end_ = put_number(stream_id.low, end_);
      end_ = put_number(stream_offset, end_);
    }
  }
  IdentityBytes(const IdentityBytes&) = delete;
  IdentityBytes& operator=(const IdentityBytes&) = delete;

  Hash128 with(const Hash128& content) {
    char* const end = put_number(content.low, put_number(content.high, end_));
    return content_hash({begin_, static_cast<std::size_t>(end - begin_)});
  }

 private:
  std::array<char, 256> small_;
  std::string large_;  // for ids that are none
  char* begin_ = small_.data();
  char* end_ = nullptr;
};

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
  return IdentityBytes(event_id, account, stream_id, stream_offset).with(record_hash(record_json));
}

Hash128 record_identity(Event& event,
                        bool cloudtrail,
                        const Hash128& stream_id,
                        std::uint64_t stream_offset) {
  const FieldPlan::System& system = event.plan().system();
  IdentityBytes bytes(
      cloudtrail ? first_text(event, system.event_id, true) : std::string_view(),
      cloudtrail ? first_text(event, system.recipient_account_id, false) : std::string_view(),
      stream_id,
      stream_offset);
  // Most records: what record_hash() would find out is known already.
  const std::string_view compact = event.compact_json();
  return bytes.with(compact.empty() ? record_hash(event.json()) : content_hash(compact));
}

}  // namespace tocsin
