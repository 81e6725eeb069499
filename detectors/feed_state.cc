// SPDX-License-Identifier: Apache-2.0
#include "detectors/feed_state.h"

#include "detectors/record_state.h"

namespace tocsin {

namespace {

FeedText keep(std::string_view text, Feed& feed) {
  const FeedText slice{feed.texts.size(), static_cast<std::uint32_t>(text.size())};
  feed.texts.append(text);
  return slice;
}

}  // namespace

void save_feed_record(const Feed& feed,
                      const FeedRecord& record,
                      const RecordCopy* copy,
                      WireWriter& writer) {
  writer.signed_number(*record.time);
  writer.number(record.sequence);
  writer.hash(record.identity);
  writer.flag(record.again);
  save_record(copy, writer);
  writer.number(record.event_count);
  for (std::uint32_t i = 0; i < record.event_count; ++i) {
    const std::size_t at = record.first_event + i;
    const FeedEvent& event = feed.events[at];
    const std::size_t fields_end =
        at + 1 < feed.events.size() ? feed.events[at + 1].first_field : feed.fields.size();
    writer.number(event.spec);
    writer.number(event.inputs);
    writer.text(feed.text(event.key));
    writer.number(fields_end - event.first_field);
    for (std::size_t field = event.first_field; field < fields_end; ++field) {
      writer.number(feed.fields[field].count);
      for (std::uint32_t value = 0; value < feed.fields[field].count; ++value) {
        writer.text(feed.text(feed.values[feed.fields[field].first + value]));
      }
    }
  }
}

bool load_feed_record(WireReader& reader, Feed& feed) {
  feed.clear();
  FeedRecord& record = feed.records.emplace_back();
  record.time = reader.signed_number();
  record.sequence = reader.number();
  record.identity = reader.hash();
  record.again = reader.flag();
  record.record = load_record(reader);
  record.event_count = static_cast<std::uint32_t>(reader.count(4));
  for (std::uint32_t i = 0; i < record.event_count && reader.ok(); ++i) {
    FeedEvent event;
    event.spec = static_cast<std::uint32_t>(reader.number());
    event.inputs = reader.number();
    event.key = keep(reader.text(), feed);
    event.first_field = static_cast<std::uint32_t>(feed.fields.size());
    for (std::size_t fields = reader.count(); fields > 0 && reader.ok(); --fields) {
      FeedField field;
      field.first = static_cast<std::uint32_t>(feed.values.size());
      field.count = static_cast<std::uint32_t>(reader.count());
      for (std::uint32_t value = 0; value < field.count && reader.ok(); ++value) {
        feed.values.push_back(keep(reader.text(), feed));
      }
      feed.fields.push_back(field);
    }
    feed.events.push_back(event);
  }
  return reader.ok();
}

}  // namespace tocsin
