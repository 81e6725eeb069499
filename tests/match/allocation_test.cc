// SPDX-License-Identifier: Apache-2.0
// match() allocates nothing once it has seen a few records. This program's operator new counts.
#include <atomic>
#include <cstdlib>
#include <new>

#include <doctest/doctest.h>

#include "tests/match/fixture.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

// Not inlined: GCC would take the pairs for mismatched ones.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace tocsin::testing {
namespace {

TEST_CASE("matching allocates nothing in steady state") {
  ProgramBuilder builder;
  std::vector<ExprId> list;
  for (int i = 0; i < 500; ++i) {
    list.push_back(builder.predicate(text("f", "Value" + std::to_string(i))).value());
  }
  const ExprId values = builder.any_of(list);
  builder.rule(values, {}, {});
  for (int i = 0; i < 50; ++i) {
    const std::string n = std::to_string(i);
    for (const Predicate& predicate : {text("g", "*literal" + n + "*"),
                                       text("", "*keyword" + n + "*"),
                                       regex("h", "re" + n + "[0-9]+"),
                                       number("n", n),
                                       cidr("ip", "10." + n + ".0.0/16"),
                                       text("h", "a" + n + "*b?c"),
                                       part("t", TimePart::minute, n)}) {
      const ExprId children[] = {builder.predicate(predicate).value(), builder.negate(values)};
      builder.rule(builder.all_of(children), {"", i % 2 == 0 ? "aws" : "", ""}, {});
    }
  }
  const auto program = builder.build();
  const char* const records[] = {
      R"({"f":"VALUE7","g":"x Literal12 \u00e9","ip":"10.7.0.1"})",
      R"({"f":"other","g":["x literal3","Literal44"],"h":"re77 RE88","n":[7,"8"],"t":"2024-02-29T18:05:59Z"})",
      R"({"deep":{"er":[1,"Keyword33",{"x":"keyword4\n"}]},"h":"a7xxbyc"})",
      R"({})",
  };
  std::vector<std::unique_ptr<Record>> events;
  for (const char* json : records) {
    events.push_back(std::make_unique<Record>(program->plan(), json));
  }
  SourceClass known;
  known.kind = SourceClass::Kind::known;
  known.product = "aws";
  known.service = "cloudtrail";
  known.event_source = "iam";
  known.category = "management";
  Scratch scratch(*program);
  std::size_t matched = 0;
  std::uint64_t before = 0;
  for (int round = 0; round < 50; ++round) {
    if (round == 10) {
      before = allocations.load();
    }
    for (const auto& record : events) {
      for (const SourceClass& source : {any_source(), SourceClass{}, known}) {
        // Read anew: texts are decoded and folded again.
        record->read(program->plan());
        matched += program->match(record->event(), source, scratch).size();
      }
    }
  }
  const std::uint64_t counted = allocations.load() - before;
  CHECK(matched > 500);
  CHECK(counted == 0);
}

}  // namespace
}  // namespace tocsin::testing
