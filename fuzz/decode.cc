// SPDX-License-Identifier: Apache-2.0
// A document with its envelopes, in every format: each record's parts lie in bounds, and its time
// and identity are the same from the text and from the event.
#include "engine/event/decode.h"

#include <string>
#include <vector>

#include "fuzz/targets.h"

namespace tocsin::fuzz {
namespace {

class Checker final : public RecordVisitor {
 public:
  void on_event(Event& event, const SourceClass& source, bool, std::uint64_t) override {
    const bool cloudtrail = source.kind == SourceClass::Kind::known && source.product == "aws";
    const std::string json(event.json());
    for (const EntryId entry : event.scalars()) {
      fuzz_check(event.text(entry).size() <= json.size() * 4 + 4, "a text out of bounds");
    }
    const Padded padded(json);
    fuzz_check(record_identity(event, cloudtrail, {}, 7) ==
                   record_identity(padded.view(), cloudtrail, {}, 7),
               "two identities of one record");
    fuzz_check(event_time(event) == event_time(padded.view()), "two times of one record");
  }
  void on_problem(RecordProblem,
                  std::string_view bytes,
                  std::uint64_t,
                  std::string_view reason) override {
    fuzz_check(bytes.size() <= limits::record_bytes_max, "a problem with too many bytes");
    fuzz_check(!reason.empty(), "a problem without a reason");
  }
  void on_skipped(std::string_view what, std::uint64_t) override {
    fuzz_check(!what.empty(), "skipped without a reason");
  }
};

}  // namespace

void decode(std::string_view bytes) {
  const std::vector<std::string> paths = {"eventName", "a.b", "tocsin.principal", "userAgent"};
  const FieldPlan plan(paths);
  const Padded document(bytes);
  for (const InputFormat format : {InputFormat::automatic, InputFormat::json}) {
    for (const bool strict : {false, true}) {
      DecodeOptions options;
      options.format = format;
      options.strict_json = strict;
      RecordDecoder decoder(options);
      Checker checker;
      decoder.decode(document.view(), 0, plan, checker);
    }
  }
}

}  // namespace tocsin::fuzz
