// SPDX-License-Identifier: Apache-2.0
#include "detectors/record_keeper.h"

#include <utility>

#include "detectors/record_state.h"

namespace tocsin {

namespace {

std::size_t bytes_of(const std::shared_ptr<const RecordCopy>& record) {
  constexpr std::size_t slot = sizeof(std::shared_ptr<const RecordCopy>);
  return record == nullptr
             ? slot
             : slot + sizeof(RecordCopy) + record->json.size() + record->source.size();
}

}  // namespace

std::uint64_t RecordKeeper::add(std::shared_ptr<const RecordCopy> record) {
  bytes_ += bytes_of(record);
  records_.push_back(std::move(record));
  while (bytes_ > bytes_max_ && records_.size() > 1) {
    dropped_ += records_.front() == nullptr ? 0u : 1u;
    pop();
  }
  return first_sequence_ + records_.size() - 1;
}

std::shared_ptr<const RecordCopy> RecordKeeper::find(std::uint64_t sequence) const {
  if (sequence < first_sequence_ || sequence - first_sequence_ >= records_.size()) {
    return nullptr;
  }
  return records_[static_cast<std::size_t>(sequence - first_sequence_)];
}

void RecordKeeper::forget_before(TimeNs time) {
  while (!records_.empty() &&
         (records_.front() == nullptr || records_.front()->time.value_or(time) < time)) {
    pop();
  }
}

void RecordKeeper::pop() {
  bytes_ -= bytes_of(records_.front());
  records_.pop_front();
  ++first_sequence_;
}

void RecordKeeper::save(WireWriter& writer) const {
  writer.number(first_sequence_);
  writer.number(records_.size());
  for (const std::shared_ptr<const RecordCopy>& record : records_) {
    save_record(record.get(), writer);
  }
}

void RecordKeeper::load(WireReader& reader) {
  records_.clear();
  bytes_ = 0;
  first_sequence_ = reader.number();
  for (std::size_t count = reader.count(); count > 0 && reader.ok(); --count) {
    records_.push_back(load_record(reader));
    bytes_ += bytes_of(records_.back());
  }
}

}  // namespace tocsin
