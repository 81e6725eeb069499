// SPDX-License-Identifier: Apache-2.0
#include "engine/match/program.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "engine/base/hash.h"
#include "engine/match/evaluate.h"
#include "engine/match/program_data.h"

namespace tocsin {
namespace compiled {
namespace {

// Enough for any record that is no attack; more only allocates.
constexpr std::size_t hits_reserved = 4096;

// Compared in place, by a few words: asked of every record.
template <std::size_t size>
bool is_literal(std::string_view text, const char (&literal)[size]) {
  return text.size() == size - 1 && std::memcmp(text.data(), literal, size - 1) == 0;
}

// What eventCategory is in lower case (CloudTrail record contents reference); empty: an input with
// a fixed log source.
bool is_cloudtrail_category(std::string_view category) {
  return is_literal(category, "management") || is_literal(category, "data") || category.empty() ||
         is_literal(category, "insight") || is_literal(category, "networkactivity");
}

}  // namespace

bool is_foreign_service(const LogSource& rule) {
  return rule.product.empty() && !rule.service.empty() && rule.service != "cloudtrail";
}

bool meets_cloudtrail(const LogSource& rule) {
  return (rule.product.empty() || rule.product == "aws") && is_cloudtrail_category(rule.category) &&
         !is_foreign_service(rule);
}

const Audience& ProgramData::audience_of(const SourceClass& source) const {
  if (source.kind == SourceClass::Kind::known) {
    if (is_literal(source.product, "aws") && is_cloudtrail_category(source.category) &&
        (is_literal(source.service, "cloudtrail") || !foreign_services.has(source.service)) &&
        !foreign_services.has_service_of(source.event_source)) {
      return general[1];
    }
    for (const FixedAudience& candidate : fixed) {
      if (source.event_source.empty() && candidate.source.category == source.category &&
          candidate.source.product == source.product &&
          candidate.source.service == source.service) {
        return candidate.audience;
      }
    }
  }
  return general[0];
}

const FilterPlan& ProgramData::filter_of(const Audience& audience) const {
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    if (&fixed[i].audience == &audience) {
      return fixed_filters[i];
    }
  }
  return general_filters[&audience == &general[1] ? 1 : 0];
}

ScratchData::ScratchData(const ProgramData& data)
    : program(&data),
      memo(data.pools.predicates.size()),
      tested(data.pools.predicates.size()),
      rule_epochs(data.rules.size()),
      slot_states(data.slots.size()) {
  suspects.reserve(data.short_keywords.size() + 64);
  hits.reserve(std::min(memo.size(), hits_reserved));
  candidates.reserve(data.rules.size());
  matches.reserve(data.rules.size());
}

void ScratchData::next_record() {
  if (++epoch == 1u << 31) {
    std::fill(memo.begin(), memo.end(), 0u);
    std::fill(rule_epochs.begin(), rule_epochs.end(), 0u);
    std::fill(slot_states.begin(), slot_states.end(), SlotState{});
    epoch = 1;
  }
  hits.clear();
}

const Route& route_of(const SourceClass& source, ScratchData& scratch) {
  const std::string_view second_service = source.second_service();
  std::uint64_t hash = 0;
  for (const std::string_view part :
       {source.category, source.product, source.service, second_service}) {
    hash = seeded_hash(part, hash);
  }
  Route& route = scratch.routes[hash % scratch.routes.size()];
  if (route.used && route.category == source.category && route.product == source.product &&
      route.service == source.service && route.second_service == second_service) {
    return route;
  }
  route.used = true;
  route.category = source.category;
  route.product = source.product;
  route.service = source.service;
  route.second_service = second_service;
  const std::vector<LogSource>& log_sources = scratch.program->log_sources;
  route.applies.resize(log_sources.size());
  for (std::size_t i = 0; i < log_sources.size(); ++i) {
    route.applies[i] = applies(log_sources[i], source) ? 1 : 0;
  }
  return route;
}

}  // namespace compiled

Scratch::Scratch(const Program& program) : impl_(std::make_unique<Impl>(*program.impl_)) {}
Scratch::~Scratch() = default;
Scratch::Scratch(Scratch&&) noexcept = default;

Program::Program(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Program::~Program() = default;

const FieldPlan& Program::plan() const {
  return impl_->plan;
}
std::size_t Program::rule_count() const {
  return impl_->rules.size();
}
std::size_t Program::predicate_count() const {
  return impl_->pools.predicates.size();
}

const LogSource& Program::log_source(RuleId rule) const {
  return impl_->log_sources[impl_->rules[index(rule)].log_source];
}

bool Program::needs_nothing(RuleId rule) const {
  return impl_->rules[index(rule)].needs_nothing;
}

void Program::measure(Scratch& scratch, std::uint64_t (*clock)()) const {
  scratch.impl_->clock = clock;
  scratch.impl_->profile.assign(impl_->rules.size(), RuleProfile{});
}

std::span<const RuleProfile> Program::profile(const Scratch& scratch) const {
  return scratch.impl_->profile;
}

MatchStatistics Program::statistics(const Scratch& scratch) const {
  return scratch.impl_->statistics;
}

std::vector<std::string> Program::fields(RuleId rule) const {
  std::vector<std::string> out;
  const ExprId condition = impl_->rules[index(rule)].condition;
  for (const compiled::PredicateId id : predicates_of(impl_->expressions.written, condition)) {
    const compiled::CompiledPredicate& predicate = impl_->pools[id];
    out.push_back(predicate.field == no_field ? std::string() : impl_->plan.path(predicate.field));
    if (predicate.test == compiled::Test::field) {
      out.push_back(impl_->plan.path(FieldId{predicate.operand.offset}));
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::span<const RuleId> Program::match(Event& event,
                                       const SourceClass& source,
                                       Scratch& scratch) const {
  compiled::ScratchData& data = *scratch.impl_;
  assert(data.program == impl_.get());
  assert(&event.plan() == &plan());
  compiled::Evaluation evaluation(*impl_, data, event);
  data.matches.clear();
  const compiled::Audience& audience = impl_->audience_of(source);
  // The fields that decide are those of CloudTrail's audience.
  if (&audience != &impl_->general[1] && !event.complete()) {
    return {};
  }
  evaluation.find_candidates(audience, source.kind == SourceClass::Kind::unknown);
  if (data.candidates.empty() || !event.complete()) {
    return {};
  }
  const bool known = source.kind == SourceClass::Kind::known;
  const bool cloudtrail = known && compiled::is_literal(source.product, "aws") &&
                          compiled::is_literal(source.service, "cloudtrail");
  const compiled::Route* route = nullptr;
  for (const RuleId rule : data.candidates) {
    const compiled::Candidate& candidate = impl_->candidates[index(rule)];
    // Most rules are for CloudTrail as a whole: what else there is takes looking up.
    if (known && !(cloudtrail && candidate.meets_every_cloudtrail)) {
      route = route != nullptr ? route : &compiled::route_of(source, data);
      if (route->applies[candidate.log_source] == 0) {
        continue;
      }
    }
    ++data.statistics.candidates;
    const std::uint64_t before = data.clock == nullptr ? 0 : data.clock();
    const bool holds = evaluation.holds(candidate);
    if (data.clock != nullptr) {
      RuleProfile& profile = data.profile[index(rule)];
      profile.ticks += data.clock() - before;
      ++profile.candidates;
      profile.matches += holds ? 1 : 0;
    }
    if (holds) {
      data.matches.push_back(rule);
    }
  }
  std::sort(data.matches.begin(), data.matches.end());
  return data.matches;
}

}  // namespace tocsin
