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
               bool copies_all,
               bool wants_time,
               const FeedPlan& feeds,
               const Feed::Size& feed_expected,
               FeedBuilder& feed_builder,
               RecordDecoder& decoder,
               ExtentChoice& extent,
               Scratch& scratch,
               Outcome& outcome)
      : batch_(batch),
        program_(*batch.ruleset->program),
        want_evidence_(want_evidence),
        copies_all_(copies_all),
        wants_time_(wants_time),
        feeds_(feeds),
        feed_expected_(feed_expected),
        feed_builder_(feed_builder),
        decoder_(decoder),
        extent_(extent),
        scratch_(scratch),
        outcome_(outcome) {}

  void on_event(Event& event,
                const SourceClass& source,
                bool repaired,
                std::uint64_t offset) override {
    const bool whole = event.is_whole();
    const std::span<const RuleId> rules = program_.match(event, source, scratch_);
    extent_.note(whole, event.was_completed());
    decoder_.use_extent(extent_.next());
    if (event.is_broken()) {
      on_problem(RecordProblem::malformed, event.json(), offset, event.fault());
      return;
    }
    const std::uint64_t record = outcome_.records++;
    ++outcome_.result.counters.events;
    outcome_.result.counters.read_in_part += event.is_whole() ? 0u : 1u;
    if (repaired) {
      ++outcome_.result.counters.repaired;
    }
    if (source.kind == SourceClass::Kind::unknown) {
      ++outcome_.result.counters.unclassified;
    }
    if (timed_ && !wants_time_ && rules.empty()) {
      return;
    }
    const std::optional<TimeNs> time = event_time(event);
    if (!timed_) {
      timed_ = true;
      outcome_.result.first_time = time;
    }
    if (wants_time_) {
      note_time(time);
    }
    if (!rules.empty()) {
      keep(event, source, time, record, batch_.stream_offset + offset, rules);
    }
  }

  // They match nothing, whatever else is in them.
  void on_rejected(std::uint64_t records, std::optional<TimeNs> latest) {
    note_time(latest);
    outcome_.records += records;
    outcome_.result.counters.events += records;
    outcome_.result.counters.unvalidated += records;
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
  void note_time(std::optional<TimeNs> time) {
    outcome_.result.latest_time = std::max(outcome_.result.latest_time, time);
  }

  void keep(Event& event,
            const SourceClass& source,
            const std::optional<TimeNs>& time,
            std::uint64_t record,
            std::uint64_t offset,
            std::span<const RuleId> rules) {
    if (want_evidence_) {  // evidence() uses the scratch that they live in
      matched_.assign(rules.begin(), rules.end());
      rules = matched_;
    }
    const Ruleset& ruleset = *batch_.ruleset;
    bool alerts = copies_all_;
    bool is_shown = false;
    bool feeds = false;
    for (const RuleId rule : rules) {
      alerts = alerts || flag(ruleset.alerts_alone, rule, true);
      is_shown = is_shown || feeds_.is_shown(rule);
      feeds = feeds || feeds_.feeds(rule);
    }
    const Hash128 identity =
        alerts || feeds
            ? record_identity(event, source.cloudtrail, batch_.source->stream_id, offset)
            : Hash128{};
    // What no alert will show is not copied: the baseline of a detector may be a third of all
    // records.
    std::shared_ptr<RecordCopy> copy;
    if (is_shown || copies_all_ || (alerts && want_evidence_)) {
      copy = std::make_shared<RecordCopy>();
      copy->record = record;
      copy->offset = offset;
      copy->cloudtrail = source.cloudtrail;
      copy->time = time;
      copy->identity = identity;
      copy->source = batch_.source->name;
      copy->json = std::string(event.json());
      const EntryId event_id = event.first(program_.plan().system().event_id);
      if (source.cloudtrail && event_id != no_entry) {
        copy->event_id = std::string(event.text(event_id));
      }
    }
    for (const RuleId rule : rules) {
      Match& match = outcome_.result.matches.emplace_back();
      match.rule = rule;
      match.alerts = alerts;
      match.sequence = record;
      if (time) {  // not both words at once: see no_time of engine/base/time.cc
        match.time = *time;
      }
      match.identity = identity;
      match.record = copy;
      if (want_evidence_ && flag(ruleset.alerts_alone, rule, true)) {
        match.evidence = program_.evidence(rule, event, scratch_);
      }
    }
    if (feeds) {
      if (outcome_.result.feed == nullptr) {
        outcome_.result.feed = std::make_shared<Feed>();
        outcome_.result.feed->reserve(feed_expected_);
      }
      feed_builder_.add(
          event, rules, time, identity, record, is_shown ? copy : nullptr, *outcome_.result.feed);
      FeedRecord& fed = outcome_.result.feed->records.back();
      fed.offset = offset;
      fed.latest = outcome_.result.latest_time;
    }
    if (copy != nullptr) {
      outcome_.copies.push_back(std::move(copy));
    }
  }

  const Batch& batch_;
  const Program& program_;
  bool want_evidence_;
  bool copies_all_;
  bool wants_time_;
  const FeedPlan& feeds_;
  const Feed::Size& feed_expected_;
  FeedBuilder& feed_builder_;
  RecordDecoder& decoder_;
  ExtentChoice& extent_;
  Scratch& scratch_;
  Outcome& outcome_;
  std::vector<RuleId> matched_;
  bool timed_ = false;  // one record of a batch is enough
};

// Lines that the filter has looked at, and what it passed of them: it goes some lines ahead, so
// that each of the two, filter and decoder, has its code and what it predicts at hand.
class LinesAhead {
 public:
  LinesAhead(std::string_view bytes, Filter& filter) : bytes_(bytes), filter_(filter) {}

  // Looks at lines from `at` on, the first of which the filter wants. Returns where to go on.
  std::size_t look(std::size_t at, bool& wants_more) {
    passed_ = 0;
    rejected_ = 0;
    for (std::size_t lines = 0; lines < lines_max && passed_ < passed_max; ++lines) {
      const Filter::Line line = filter_.next(bytes_.data() + at, bytes_.data() + bytes_.size());
      if (line.rejected) {
        ++rejected_;
      } else {
        lines_[passed_++] = {at, rejected_, filter_.take_latest_time()};
        rejected_ = 0;
      }
      at = static_cast<std::size_t>(line.end - bytes_.data()) + 1;
      wants_more = at < bytes_.size() && filter_.wants_next();
      if (!wants_more) {
        break;
      }
    }
    return at;
  }

  void decode(RecordDecoder& decoder, const FieldPlan& plan, BatchVisitor& visitor) const {
    for (std::size_t i = 0; i < passed_; ++i) {
      visitor.on_rejected(lines_[i].rejected_before, lines_[i].latest_before);
      // Most of what passes matches.
      decoder.use_extent(FieldPlan::Extent::whole);
      decoder.decode_line(bytes_, lines_[i].at, plan, visitor);
    }
    visitor.on_rejected(rejected_, filter_.take_latest_time());
  }

 private:
  static constexpr std::size_t lines_max = 128;
  static constexpr std::size_t passed_max = 16;
  struct Passed {
    std::size_t at;
    std::uint64_t rejected_before;  // since the one that passed last
    std::optional<TimeNs> latest_before;
  };
  std::string_view bytes_;
  Filter& filter_;
  std::array<Passed, passed_max> lines_;
  std::size_t passed_ = 0;
  std::uint64_t rejected_ = 0;  // behind the last that passed
};

void decode_lines(const Batch& batch,
                  RecordDecoder& decoder,
                  const FieldPlan& plan,
                  Filter& filter,
                  const ExtentChoice& extent,
                  BatchVisitor& visitor) {
  const std::string_view bytes = batch.bytes;
  std::size_t at = 0;
  if (batch.stream_offset == 0 && bytes.substr(0, 3) == "\xef\xbb\xbf") {
    at = 3;  // a byte order mark is no part of a document
  }
  LinesAhead lines(bytes, filter);
  bool wants_filter = at < bytes.size() && filter.wants_next();
  while (at < bytes.size()) {
    if (wants_filter) {
      at = lines.look(at, wants_filter);
      lines.decode(decoder, plan, visitor);
      decoder.use_extent(extent.next());
    } else {
      at = decoder.decode_line(bytes, at, plan, visitor) + 1;
      wants_filter = at < bytes.size() && filter.wants_next();
    }
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
        std::make_unique<Filter>(*ruleset_->program, options, filter_mode_, wants_time());
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
  Decoder& decoder = decoder_for(batch.source->decode);
  BatchVisitor visitor(batch,
                       want_evidence_,
                       copies_all_,
                       wants_time(),
                       *feed_plan_,
                       feed_expected_,
                       *feed_builder_,
                       *decoder.decoder,
                       extent_,
                       *scratch_,
                       outcome);
  decoder.decoder->use_geo(batch.geo.get());
  decoder.decoder->use_extent(extent_.next());
  if (batch.lines) {
    decode_lines(batch, *decoder.decoder, program.plan(), *decoder.filter, extent_, visitor);
  } else {
    decode_frames(batch, *decoder.decoder, program.plan(), visitor);
  }
  decoder.decoder->note_fields_seen(result.counters.fields_seen);
  result.counters.candidates = program.statistics(*scratch_).candidates - candidates_before;
  matches_expected_ = result.matches.size();
  copies_expected_ = outcome.copies.size();
  feed_expected_ = result.feed == nullptr ? Feed::Size{} : result.feed->size();
  return outcome;
}

}  // namespace tocsin
