// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/worker.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

namespace tocsin {

namespace {

bool equal(const DecodeOptions& a, const DecodeOptions& b) {
  return a.format == b.format && a.strict_json == b.strict_json &&
         a.any_log_source == b.any_log_source && a.log_source == b.log_source;
}

// A rule that the vector does not name raises alerts and feeds nothing.
bool flag(const std::vector<bool>& flags, RuleId rule, bool otherwise) {
  const std::size_t at = index(rule);
  return at < flags.size() ? flags[at] : otherwise;
}

class BatchVisitor final : public RecordVisitor {
 public:
  BatchVisitor(const Batch& batch,
               bool want_evidence,
               bool wants_time,
               const FeedPlan& feeds,
               FeedBuilder& feed_builder,
               Scratch& scratch,
               Outcome& outcome)
      : batch_(batch),
        program_(*batch.ruleset->program),
        want_evidence_(want_evidence),
        wants_time_(wants_time),
        feeds_(feeds),
        feed_builder_(feed_builder),
        scratch_(scratch),
        outcome_(outcome) {}

  void on_event(Event& event,
                const SourceClass& source,
                bool repaired,
                std::uint64_t offset) override {
    const std::uint64_t record = outcome_.records++;
    ++outcome_.result.counters.events;
    if (!timed_) {
      timed_ = true;
      outcome_.result.first_time = event_time(event);
    }
    if (repaired) {
      ++outcome_.result.counters.repaired;
    }
    if (source.kind == SourceClass::Kind::unknown) {
      ++outcome_.result.counters.unclassified;
    }
    if (wants_time_) {
      outcome_.result.latest_time = std::max(outcome_.result.latest_time, event_time(event));
    }
    const std::span<const RuleId> rules = program_.match(event, source, scratch_);
    if (!rules.empty()) {
      keep(event, source, record, batch_.stream_offset + offset, rules);
    }
  }

  // Matches nothing, whatever else is in it.
  void on_rejected() {
    ++outcome_.records;
    ++outcome_.result.counters.events;
    ++outcome_.result.counters.unvalidated;
  }

  void on_problem(RecordProblem problem,
                  std::string_view bytes,
                  std::uint64_t offset,
                  std::string_view reason) override {
    const std::uint64_t record = outcome_.records++;
    if (problem == RecordProblem::oversized) {
      ++outcome_.result.counters.oversized;
    } else {
      ++outcome_.result.counters.malformed;
    }
    BadRecord bad;
    bad.problem = problem;
    bad.record = record;
    bad.offset = batch_.stream_offset + offset;
    bad.reason = std::string(reason);
    bad.bytes = std::string(bytes.substr(0, limits::dead_letter_record_bytes_max));
    outcome_.result.bad.push_back(std::move(bad));
  }

  void on_skipped(std::string_view, std::uint64_t) override { ++outcome_.result.counters.skipped; }

 private:
  void keep(Event& event,
            const SourceClass& source,
            std::uint64_t record,
            std::uint64_t offset,
            std::span<const RuleId> rules) {
    // evidence() uses the scratch that `rules` lives in.
    matched_.assign(rules.begin(), rules.end());
    const Ruleset& ruleset = *batch_.ruleset;
    // What no alert will show is not copied: the baseline of a detector may be a third of all
    // records.
    const bool alerts = std::any_of(matched_.begin(), matched_.end(), [&](RuleId rule) {
      return flag(ruleset.alerts_alone, rule, true);
    });
    const bool is_shown = std::any_of(
        matched_.begin(), matched_.end(), [&](RuleId rule) { return feeds_.is_shown(rule); });
    const bool whole = is_shown || (alerts && want_evidence_);
    auto copy = whole ? std::make_shared<RecordCopy>() : slim_copy();
    copy->record = record;
    copy->offset = offset;
    copy->cloudtrail = source.cloudtrail;
    copy->time = event_time(event);
    copy->identity = record_identity(event, source.cloudtrail, batch_.source->stream_id, offset);
    if (whole) {
      copy->source = batch_.source->name;
      copy->json = std::string(event.json());
      const EntryId event_id = event.first(program_.plan().system().event_id);
      if (source.cloudtrail && event_id != no_entry) {
        copy->event_id = std::string(event.text(event_id));
      }
    }
    for (const RuleId rule : matched_) {
      Match match;
      match.rule = rule;
      match.sequence = record;
      match.record = copy;
      if (want_evidence_ && flag(ruleset.alerts_alone, rule, true)) {
        match.evidence = program_.evidence(rule, event, scratch_);
      }
      outcome_.result.matches.push_back(std::move(match));
    }
    if (std::any_of(
            matched_.begin(), matched_.end(), [&](RuleId rule) { return feeds_.feeds(rule); })) {
      if (outcome_.result.feed == nullptr) {
        outcome_.result.feed = std::make_shared<Feed>();
      }
      feed_builder_.add(event,
                        matched_,
                        copy->time,
                        copy->identity,
                        record,
                        is_shown ? copy : nullptr,
                        *outcome_.result.feed);
      outcome_.result.feed->records.back().offset = offset;
    }
    outcome_.copies.push_back(std::move(copy));
  }

  // Of a record that is only counted: many of them in one piece of memory.
  std::shared_ptr<RecordCopy> slim_copy() {
    if (slim_used_ == slim_copies_per_piece) {
      slim_ = std::make_shared<std::array<RecordCopy, slim_copies_per_piece>>();
      slim_used_ = 0;
    }
    return {slim_, &(*slim_)[slim_used_++]};
  }

  static constexpr std::size_t slim_copies_per_piece = 32;
  std::shared_ptr<std::array<RecordCopy, slim_copies_per_piece>> slim_;
  std::size_t slim_used_ = slim_copies_per_piece;
  const Batch& batch_;
  const Program& program_;
  bool want_evidence_;
  bool wants_time_;
  const FeedPlan& feeds_;
  FeedBuilder& feed_builder_;
  Scratch& scratch_;
  Outcome& outcome_;
  std::vector<RuleId> matched_;
  bool timed_ = false;  // one record of a batch is enough
};

void decode_lines(const Batch& batch,
                  RecordDecoder& decoder,
                  const FieldPlan& plan,
                  Filter& filter,
                  BatchVisitor& visitor) {
  const std::string_view bytes = batch.bytes;
  std::size_t at = 0;
  if (batch.stream_offset == 0 && bytes.substr(0, 3) == "\xef\xbb\xbf") {
    at = 3;  // a byte order mark is no part of a document
  }
  while (at < bytes.size()) {
    if (filter.wants_next()) {
      const Filter::Line line = filter.next(bytes.data() + at, bytes.data() + bytes.size());
      if (line.rejected) {
        visitor.on_rejected();
        at = static_cast<std::size_t>(line.end - bytes.data()) + 1;
        continue;
      }
    }
    at = decoder.decode_line(bytes, at, plan, visitor) + 1;
  }
}

void decode_frames(const Batch& batch,
                   RecordDecoder& decoder,
                   const FieldPlan& plan,
                   RecordVisitor& visitor) {
  for (const Frame& frame : batch.frames) {
    const std::string_view document = batch.bytes.substr(frame.begin, frame.size);
    // Frame offsets count in the stream, the visitor's in the batch.
    const std::uint64_t offset = frame.offset - batch.stream_offset;
    if (frame.oversized) {
      visitor.on_problem(RecordProblem::oversized, document, offset, "larger than a record may be");
    } else if (frame.broken) {
      visitor.on_problem(
          RecordProblem::malformed, document, offset, "the stream ended inside this record");
    } else {
      decoder.decode(document, offset, plan, visitor);
    }
  }
}

}  // namespace

Worker::Decoder& Worker::decoder_for(const DecodeOptions& options) {
  auto known = std::find_if(decoders_.begin(), decoders_.end(), [&](const Decoder& decoder) {
    return equal(decoder.options, options);
  });
  if (known == decoders_.end()) {
    decoders_.push_back({options, std::make_unique<RecordDecoder>(options), nullptr});
    known = decoders_.end() - 1;
  }
  if (known->filter == nullptr) {
    known->filter =
        std::make_unique<Filter>(*ruleset_->program, options, filter_mode_, wants_time_);
  }
  return *known;
}

void Worker::adopt(const std::shared_ptr<const Ruleset>& ruleset) {
  // What belongs to a program goes before it.
  for (Decoder& decoder : decoders_) {
    decoder.filter.reset();
  }
  scratch_ = std::make_unique<Scratch>(*ruleset->program);
  if (profile_clock_ != nullptr) {
    ruleset->program->measure(*scratch_, profile_clock_);
  }
  feed_plan_ = std::make_shared<const FeedPlan>(*ruleset);
  feed_builder_ = std::make_unique<FeedBuilder>(feed_plan_);
  ruleset_ = ruleset;
}

std::span<const RuleProfile> Worker::profile() const {
  return scratch_ == nullptr ? std::span<const RuleProfile>{}
                             : ruleset_->program->profile(*scratch_);
}

Outcome Worker::process(const Batch& batch) {
  if (ruleset_ != batch.ruleset) {
    adopt(batch.ruleset);
  }
  const Program& program = *batch.ruleset->program;
  Outcome outcome;
  BatchResult& result = outcome.result;
  result.number = batch.number;
  result.source = batch.source;
  result.ruleset = batch.ruleset;
  result.received_at = batch.received_at;
  result.first_of_source = batch.first_of_source;
  result.last_of_source = batch.last_of_source;
  result.stream_offset = batch.stream_offset;
  result.position = batch.position;
  result.counters.bytes = batch.bytes.size();

  const std::uint64_t candidates_before = program.statistics(*scratch_).candidates;
  // As many as the last batch had: most batches of a source are alike.
  result.matches.reserve(matches_expected_);
  outcome.copies.reserve(copies_expected_);
  BatchVisitor visitor(
      batch, want_evidence_, wants_time_, *feed_plan_, *feed_builder_, *scratch_, outcome);
  Decoder& decoder = decoder_for(batch.source->decode);
  decoder.decoder->use_geo(batch.geo.get());
  if (batch.lines) {
    decode_lines(batch, *decoder.decoder, program.plan(), *decoder.filter, visitor);
    result.latest_time = std::max(result.latest_time, decoder.filter->take_latest_time());
  } else {
    decode_frames(batch, *decoder.decoder, program.plan(), visitor);
  }
  decoder.decoder->note_fields_seen(result.counters.fields_seen);
  result.counters.candidates = program.statistics(*scratch_).candidates - candidates_before;
  matches_expected_ = result.matches.size();
  copies_expected_ = outcome.copies.size();
  return outcome;
}

}  // namespace tocsin
