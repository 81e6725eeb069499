// SPDX-License-Identifier: Apache-2.0
#include "detectors/record_keeper.h"

#include <utility>

#include "detectors/record_state.h"

namespace tocsin {

namespace {

std::size_t bytes_of(const RecordCopy& record) {
  constexpr std::size_t fixed = sizeof(RecordCopy) + 2 * sizeof(std::shared_ptr<const RecordCopy>);
  return fixed + record.json.size() + record.source.size();
}

}  // namespace

void RecordKeeper::add(std::uint64_t sequence, std::shared_ptr<const RecordCopy> record) {
  bytes_ += bytes_of(*record);
  records_.push_back({sequence, std::move(record)});
  while (bytes_ > bytes_max_ && records_.size() > 1) {
    ++dropped_;
    pop();
  }
}

// Sequences are about evenly spread, so that a guess by their distance comes close; every second
// step halves what is left, whatever they are.
std::shared_ptr<const RecordCopy> RecordKeeper::find(std::uint64_t sequence) const {
  std::size_t low = 0;
  std::size_t high = records_.size();
  for (bool guesses = true; low < high; guesses = !guesses) {
    const std::uint64_t first = records_[low].sequence;
    const std::uint64_t last = records_[high - 1].sequence;
    if (sequence < first || sequence > last) {
      return nullptr;
    }
    std::size_t at = low + (high - low) / 2;
    if (guesses && last > first) {
      const double share =
          static_cast<double>(sequence - first) / static_cast<double>(last - first);
      at = low + static_cast<std::size_t>(share * static_cast<double>(high - 1 - low));
    }
    const Kept& kept = records_[at];
    if (kept.sequence == sequence) {
      return kept.record;
    }
    (kept.sequence < sequence ? low : high) = kept.sequence < sequence ? at + 1 : at;
  }
  return nullptr;
}

void RecordKeeper::forget_before(TimeNs time) {
  while (!records_.empty() && records_.front().record->time.value_or(time) < time) {
    pop();
  }
}

void RecordKeeper::pop() {
  bytes_ -= bytes_of(*records_.front().record);
  records_.pop_front();
}

void RecordKeeper::save(WireWriter& writer) const {
  writer.number(records_.size());
  for (const Kept& kept : records_) {
    writer.number(kept.sequence);
    save_record(kept.record.get(), writer);
  }
}

void RecordKeeper::load(WireReader& reader) {
  records_.clear();
  bytes_ = 0;
  for (std::size_t count = reader.count(2); count > 0 && reader.ok(); --count) {
    const std::uint64_t sequence = reader.number();
    std::shared_ptr<const RecordCopy> record = load_record(reader);
    if (record == nullptr || (!records_.empty() && sequence <= records_.back().sequence)) {
      reader.fail();
      return;
    }
    bytes_ += bytes_of(*record);
    records_.push_back({sequence, std::move(record)});
  }
}

}  // namespace tocsin
