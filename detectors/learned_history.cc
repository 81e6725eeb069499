// SPDX-License-Identifier: Apache-2.0
#include "detectors/learned_history.h"

#include <algorithm>
#include <utility>

namespace tocsin {

void LearnedHistory::follow(const std::vector<std::string>& state_keys) {
  std::map<std::string, std::uint64_t> kept;
  since_.assign(state_keys.size(), spans_.size() + 1);
  for (std::size_t i = 0; i < state_keys.size(); ++i) {
    if (state_keys[i].empty()) {
      continue;
    }
    if (const auto known = first_learning_.find(state_keys[i]); known != first_learning_.end()) {
      since_[i] = known->second;
    }
    kept.emplace(state_keys[i], since_[i]);
  }
  first_learning_ = std::move(kept);
}

void LearnedHistory::note(const Hash128& stream_id, std::uint64_t end) {
  std::uint64_t& read = reading_[stream_id];
  read = std::max(read, end);
}

std::vector<LearnedHistory::Read> LearnedHistory::reads(const Hash128& stream_id) const {
  std::vector<Read> reads;
  if (const Read* read = streams_.find(stream_id)) {
    reads.push_back(*read);
    if (const auto more = further_.find(stream_id); more != further_.end()) {
      reads.insert(reads.end(), more->second.begin(), more->second.end());
    }
  }
  return reads;
}

bool LearnedHistory::was_read(const std::vector<Read>& reads,
                              std::uint64_t offset,
                              TimeNs time) const {
  return std::any_of(
      reads.begin(), reads.end(), [&](const Read& read) { return covers(read, offset, time); });
}

bool LearnedHistory::knows(std::uint32_t correlation,
                           const std::vector<Read>& reads,
                           std::uint64_t offset,
                           TimeNs time) const {
  return std::any_of(reads.begin(), reads.end(), [&](const Read& read) {
    return since_[correlation] <= read.learning && covers(read, offset, time);
  });
}

void LearnedHistory::complete(const Span& span) {
  spans_.push_back(span);
  const Read now{0, spans_.size()};
  for (const auto& [stream_id, end] : reading_) {
    Read* const known = streams_.find(stream_id);
    if (known == nullptr) {
      if (streams_.size() < streams_max_) {
        streams_.insert(stream_id) = {end, now.learning};
      } else {
        ++not_remembered_;
      }
    } else if (end >= known->end && spans_[static_cast<std::size_t>(known->learning - 1)] == span) {
      *known = {end, now.learning};
    } else {
      // Other times of it, or not as far: both count.
      further_[stream_id].push_back({end, now.learning});
    }
  }
  reading_.clear();
}

namespace {

void save_time(const std::optional<TimeNs>& time, WireWriter& writer) {
  writer.flag(time.has_value());
  writer.signed_number(time.value_or(0));
}

std::optional<TimeNs> load_time(WireReader& reader) {
  const bool is_there = reader.flag();
  const TimeNs time = reader.signed_number();
  return is_there ? std::optional<TimeNs>(time) : std::nullopt;
}

}  // namespace

void LearnedHistory::save(WireWriter& writer) const {
  writer.number(not_remembered_);
  writer.number(spans_.size());
  for (const Span& span : spans_) {
    save_time(span.since, writer);
    save_time(span.until, writer);
  }
  writer.number(first_learning_.size());
  for (const auto& [key, learning] : first_learning_) {
    writer.text(key);
    writer.number(learning);
  }
  std::size_t reads = streams_.size();
  for (const auto& entry : further_) {
    reads += entry.second.size();
  }
  writer.number(reads);
  const auto save_read = [&](const Hash128& stream_id, const Read& read) {
    writer.hash(stream_id);
    writer.number(read.end);
    writer.number(read.learning);
  };
  streams_.for_each(save_read);
  for (const auto& [stream_id, more] : further_) {
    for (const Read& read : more) {
      save_read(stream_id, read);
    }
  }
}

void LearnedHistory::load(WireReader& reader) {
  not_remembered_ = reader.number();
  for (std::size_t count = reader.count(4); count > 0 && reader.ok(); --count) {
    Span& span = spans_.emplace_back();
    span.since = load_time(reader);
    span.until = load_time(reader);
  }
  for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
    const std::string key(reader.text());
    first_learning_[key] = reader.number();
  }
  std::size_t count = reader.count(18);
  streams_.reserve(count);
  for (; count > 0 && reader.ok(); --count) {
    const Hash128 stream_id = reader.hash();
    Read read;
    read.end = reader.number();
    read.learning = reader.number();
    if (read.learning == 0 || read.learning > spans_.size()) {
      reader.fail();
      return;
    }
    if (streams_.find(stream_id) == nullptr) {
      streams_.insert(stream_id) = read;
    } else {
      further_[stream_id].push_back(read);
    }
  }
}

}  // namespace tocsin
