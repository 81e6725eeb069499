// SPDX-License-Identifier: Apache-2.0
#include "detectors/record_state.h"

namespace tocsin {

void save_record(const RecordCopy* record, WireWriter& writer) {
  writer.flag(record != nullptr);
  if (record == nullptr) {
    return;
  }
  writer.text(record->source);
  writer.number(record->record);
  writer.number(record->offset);
  writer.text(record->json);
  writer.text(record->event_id);
  writer.flag(record->cloudtrail);
  writer.flag(record->time.has_value());
  writer.signed_number(record->time.value_or(0));
  writer.hash(record->identity);
}

std::shared_ptr<const RecordCopy> load_record(WireReader& reader) {
  if (!reader.flag()) {
    return nullptr;
  }
  auto record = std::make_shared<RecordCopy>();
  record->source = std::string(reader.text());
  record->record = reader.number();
  record->offset = reader.number();
  record->json = std::string(reader.text());
  record->event_id = std::string(reader.text());
  record->cloudtrail = reader.flag();
  const bool has_time = reader.flag();
  const TimeNs time = reader.signed_number();
  if (has_time) {
    record->time = time;
  }
  record->identity = reader.hash();
  return record;
}

}  // namespace tocsin
