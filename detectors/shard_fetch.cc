// SPDX-License-Identifier: Apache-2.0
// What a shard asks memory for before its steps are at work. Nothing here changes any state.
#include "detectors/shard.h"
#include "engine/base/hash.h"
#include "engine/base/prefetch.h"

namespace tocsin {

// Of the first field's one value; 0: not known.
std::uint32_t CorrelationShard::value_hash(const Feed& feed,
                                           const FeedEvent& event,
                                           const Stage& stage) {
  if (stage.fields.empty() || feed.fields[event.first_field].count != 1) {
    return 0;
  }
  return feed.values[feed.fields[event.first_field].first].hash;
}

void CorrelationShard::fetch_records(std::span<const ShardStep> steps) {
  for (const ShardStep& step : steps) {
    tocsin::prefetch(step.record);
    tocsin::prefetch(reinterpret_cast<const char*>(step.record) + sizeof(FeedRecord) - 1);
  }
}

void CorrelationShard::fetch_events(std::span<const ShardStep> steps) const {
  for (const ShardStep& step : steps) {
    if (step.record != nullptr && step.record->event_count > 0) {
      const FeedEvent* events = step.feed->events.data() + step.record->first_event;
      tocsin::prefetch(events);
      tocsin::prefetch(events + step.record->event_count - 1);
      if (step.copy != nullptr) {
        // With what counts who refers to it.
        tocsin::prefetch(reinterpret_cast<const char*>(step.copy->get()) - 1);
        tocsin::prefetch(step.copy->get());
      }
    }
  }
}

// The events that are ours, in their order.
void CorrelationShard::collect(std::span<const ShardStep> steps, Fetched& out) const {
  out.events.clear();
  out.ends.clear();
  for (const ShardStep& step : steps) {
    const std::uint32_t events = step.record == nullptr ? 0 : step.record->event_count;
    for (std::uint32_t i = 0; i < events; ++i) {
      const FeedEvent& event = step.feed->events[step.record->first_event + i];
      if (is_mine(event)) {
        const char* key = step.feed->text(event.key).data();
        tocsin::prefetch(key);
        tocsin::prefetch(key + event.key.size);
        tocsin::prefetch(step.feed->fields.data() + event.first_field);
        out.events.push_back({step.feed, &event, 0});
      }
    }
    out.ends.push_back(out.events.size());
  }
}

void CorrelationShard::fetch_groups(std::span<FetchedEvent> events) const {
  for (FetchedEvent& fetched : events) {
    const Feed& feed = *fetched.feed;
    const FeedEvent& event = *fetched.event;
    const Stage& stage = stages_[event.spec];
    if (!stage.fields.empty()) {
      tocsin::prefetch(feed.values.data() + feed.fields[event.first_field].first);
    }
    fetched.hash = seeded_hash(feed.text(event.key), settings_.detector.hash_seed);
    if (stage.detector != nullptr) {
      stage.detector->prefetch(fetched.hash, 0);
    }
  }
  for (const FetchedEvent& fetched : events) {
    const Feed& feed = *fetched.feed;
    const FeedEvent& event = *fetched.event;
    const Stage& stage = stages_[event.spec];
    if (!stage.fields.empty()) {
      const FeedField& field = feed.fields[event.first_field];
      tocsin::prefetch(field.count == 0 ? nullptr : feed.text(feed.values[field.first]).data());
    }
    if (stage.detector != nullptr) {
      stage.detector->prefetch(fetched.hash, 1);
    }
  }
  for (const FetchedEvent& fetched : events) {
    if (const Detector* detector = stages_[fetched.event->spec].detector.get()) {
      detector->prefetch(fetched.hash, 2);
    }
  }
  for (const FetchedEvent& fetched : events) {
    const Feed& feed = *fetched.feed;
    const Stage& stage = stages_[fetched.event->spec];
    if (stage.detector != nullptr && stage.type->folds_by_value) {
      const FeedField& field = feed.fields[fetched.event->first_field];
      if (field.count == 1) {
        const FeedText& value = feed.values[field.first];
        stage.detector->prefetch_value(fetched.hash, feed.text(value), value.hash);
      }
    }
  }
}

}  // namespace tocsin
