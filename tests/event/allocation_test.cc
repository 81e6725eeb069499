// SPDX-License-Identifier: Apache-2.0
// In steady state the decoder allocates nothing: counted with this program's own operator new.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/event/decode.h"
#include "tests/event/event_support.h"

namespace {
std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

void* counted_or_throw(std::size_t size) {
  void* memory = counted(size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
}  // namespace

// All forms, for a sanitizer checks that memory is freed by the form that it came from.
void* operator new(std::size_t size) {
  return counted_or_throw(size);
}
void* operator new[](std::size_t size) {
  return counted_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace tocsin {
namespace {

// Uses everything a rule may use.
class Toucher : public RecordVisitor {
 public:
  void on_event(Event& event, const SourceClass& source, bool, std::uint64_t) override {
    bytes += source.category.size();
    for (const FieldId field : event.present()) {
      for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
        bytes += event.text(entry).size() + event.folded(entry).size();
      }
    }
    for (const EntryId entry : event.scalars()) {
      bytes += event.folded(entry).size();
    }
    ++events;
  }
  void on_problem(RecordProblem, std::string_view, std::uint64_t, std::string_view) override {}
  void on_skipped(std::string_view, std::uint64_t) override {}

  std::size_t bytes = 0;
  std::size_t events = 0;
};

TEST_CASE("decoding allocates nothing once it has seen the records") {
  std::vector<std::string> lines = testing::shared_lines("data/cloudtrail-dev.ndjson");
  if (lines.size() > 400) {
    lines.resize(400);
  }
  lines.push_back(
      R"({"eventVersion":"1","awsRegion":"r","eventName":"\u00c9\ud800","eventSource":)"
      R"("s3.amazonaws.com","eventCategory":"NetworkActivity","requestParameters":{}})");
  lines.push_back("{\"userAgent\":\"\xff\",\"sourceIPAddress\":\"198.51.100.7\"}");
  const FieldPlan plan = testing::plan_of({"userIdentity.arn",
                                           "requestParameters",
                                           "userAgent",
                                           "errorCode",
                                           "tocsin.principal",
                                           "tocsin.source.ip"});
  std::string together = "{\"Records\":[";
  std::vector<testing::Padded> records;
  for (const std::string& line : lines) {
    records.emplace_back(line);
    if (line.find('\xff') == line.npos) {
      together += (together.back() == '[' ? "" : ",") + line;
    }
  }
  records.emplace_back(together + "]}");
  for (const bool strict : {false, true}) {
    CAPTURE(strict);
    DecodeOptions options;
    options.strict_json = strict;
    RecordDecoder decoder(options);
    Toucher toucher;
    const auto decode_all = [&] {
      for (const testing::Padded& record : records) {
        decoder.decode(record, 0, plan, toucher);
      }
    };
    decode_all();
    const std::size_t events = toucher.events;
    const std::size_t before = allocations;
    decode_all();
    CHECK(allocations - before == 0);
    CHECK(toucher.events == 2 * events);
    CHECK(events == 2 * lines.size() - 1);
    CHECK(toucher.bytes > 0);
  }
}

}  // namespace
}  // namespace tocsin
