// SPDX-License-Identifier: Apache-2.0
#include "engine/match/filter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/time.h"
#include "engine/event/json.h"
#include "engine/event/key_marks.h"
#include "engine/match/ascii.h"
#include "engine/match/filter_plan.h"
#include "engine/match/program_data.h"

namespace tocsin {
namespace {

using compiled::FilterKey;
using compiled::FilterLiteral;
using compiled::FilterPlan;
using compiled::KeyLookup;
using compiled::KeyRole;
using compiled::ProgramData;

// Automatic mode: of so many lines in a row at most so many may pass; else it rests, then looks
// again.
constexpr std::uint32_t sample_lines = 1024;
constexpr std::uint32_t passing_lines_max = sample_lines * 6 / 10;
constexpr std::uint32_t rest_lines = 32 * sample_lines;

// A longer value of a key that is searched for literals is left to the full path.
constexpr std::size_t folded_bytes_max = 1024;

// "2026-01-02T03:04:05Z": texts of this form are ordered as their times are.
constexpr std::size_t plain_time_bytes = 20;

// What is asked of records before it may be said that they match nothing.
struct Target {
  const FilterPlan* plan = nullptr;
  bool needs_cloudtrail = false;  // of another shape: several records, or another log source
  bool needs_category = false;    // some rule is for a category that CloudTrail has not
  std::string reason;             // why `plan` may not be used though it is usable
};

bool unwraps(const DecodeOptions& options) {
  return options.format != InputFormat::json &&
         (!options.log_source ||
          (options.log_source->product == "aws" && options.log_source->service == "cloudtrail"));
}

Target target_of(const ProgramData& program, const DecodeOptions& options, bool wants_time) {
  Target target;
  const std::size_t every = 0;
  const std::size_t cloudtrail = 1;
  if (options.any_log_source) {
    target.plan = &program.general_filters[every];
    target.needs_cloudtrail = unwraps(options);
  } else if (options.log_source && !unwraps(options)) {
    SourceClass source;
    source.kind = SourceClass::Kind::known;
    source.category = options.log_source->category;
    source.product = options.log_source->product;
    source.service = options.log_source->service;
    target.plan = &program.filter_of(program.audience_of(source));
  } else {
    const bool usual = !options.log_source || compiled::meets_cloudtrail(*options.log_source);
    target.plan = &program.general_filters[usual ? cloudtrail : every];
    target.needs_cloudtrail = true;
    target.needs_category =
        usual && program.general[cloudtrail].rule_count() != program.general[every].rule_count();
  }
  if (options.strict_json) {
    target.reason = "--strict-json validates every record";
  } else if (wants_time && !target.needs_cloudtrail) {
    target.reason = "a correlation needs the time of every record";
  }
  return target;
}

// null satisfies nothing that is asked of a value, but that the key is there.
bool is_harmless_null(const FilterKey& key, std::string_view text) {
  constexpr std::string_view null = "null";
  return text.starts_with(null) && text.size() > null.size() &&
         (text[null.size()] == ',' || text[null.size()] == '}') && !key.presence &&
         !key.has_hash(compiled::ends_hash({}));
}

bool is_usual_category(std::string_view value) {
  return value == "Management" || value == "Data" || value == "Insight" ||
         value == "NetworkActivity";
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

}  // namespace

struct Filter::Impl {
  enum class Verdict : std::uint8_t { reject, pass };
  // A record as it is being judged.
  struct Judged {
    std::string_view line;
    unsigned evidence = 0;
    std::string_view time;
  };

  // Where a key stands in a line: its first byte.
  static constexpr std::uint32_t places_max = 8;
  struct Seen {
    std::uint32_t count = 0;
    std::uint32_t places[places_max + 1];
  };

  Verdict judge(std::string_view line);
  bool may_fold_to_ascii(std::string_view line) const;
  static bool literal_stands(const FilterLiteral& literal, std::size_t hit, std::string_view line);
  bool note_hits(std::string_view line);
  bool values_allow(std::string_view line);
  bool roles_allow(Judged& judged);
  static std::optional<bool> text_of(const FilterKey& key,
                                     std::uint32_t place,
                                     std::size_t& at,
                                     std::string_view line);
  static std::optional<bool> odd_value_allows(const FilterKey& key,
                                              std::size_t& at,
                                              std::string_view line);
  bool value_allows(const FilterKey& key, std::string_view value);
  bool literals_allow(const FilterKey& key, std::string_view value);
  bool role_allows(const FilterKey& key, std::string_view value, Judged& judged) const;
  bool take_time(std::string_view text);
  bool is_quote(std::size_t at) const;
  bool is_directly_in_record(std::uint32_t place) const;
  void find_depths(const char* begin, std::uint32_t place);
  void find_depths(const char* begin);
  std::size_t closing_quote(std::size_t from, std::size_t size) const;

  const ProgramData* program = nullptr;
  Target target;
  KeyLookup lookup;
  std::vector<std::uint8_t> wanted;       // indices of the plan's keys
  std::vector<std::uint8_t> with_values;  // those of them whose value decides
  std::vector<std::uint8_t> in_roles;     // ... that have a role
  std::vector<Seen> seen;                 // by key
  unsigned evidence_needed = 0;
  bool wants_time = false;
  bool active = false;
  bool adapts = false;
  std::uint32_t lines = 0;
  std::uint32_t passed = 0;
  std::uint32_t resting = 0;
  char latest_text[plain_time_bytes] = {};
  std::optional<TimeNs> latest;
  KeyPass pass = nullptr;
  DepthPass depth_pass = nullptr;
  KeyMarks marks;
};

bool Filter::supported(Path path) {
#if defined(__x86_64__)
  switch (path) {
    case Path::avx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
             __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
             __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("popcnt") != 0;
    case Path::avx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
             __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("popcnt") != 0;
    case Path::baseline:
      break;
  }
#endif
  return path == Path::baseline;
}

Filter::Path Filter::best_path() {
  const std::string kernel = json_kernel();
  if (kernel == "icelake" && supported(Path::avx512)) {
    return Path::avx512;
  }
  return (kernel == "icelake" || kernel == "haswell") && supported(Path::avx2) ? Path::avx2
                                                                               : Path::baseline;
}

Filter::Filter(const Program& program,
               const DecodeOptions& options,
               FilterMode mode,
               bool wants_time,
               Path path)
    : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  self.program = program.impl_.get();
  self.target = target_of(*self.program, options, wants_time);
  self.wants_time = wants_time;
  self.active = mode != FilterMode::off && self.target.plan->usable() &&
                self.target.reason.empty() && (mode == FilterMode::on || pays(path));
  self.adapts = mode == FilterMode::automatic;
  self.pass = key_pass_baseline;
  self.depth_pass = depth_pass_baseline;
#if defined(__x86_64__)
  if (path == Path::avx512) {
    self.pass = key_pass_avx512;
    self.depth_pass = depth_pass_avx512;
  } else if (path == Path::avx2) {
    self.pass = key_pass_avx2;
    self.depth_pass = depth_pass_avx2;
  }
#else
  static_cast<void>(path);
#endif
  if (!self.active) {
    return;
  }
  const std::vector<FilterKey>& keys = self.target.plan->keys();
  self.seen.resize(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool evidence = keys[i].role != KeyRole::none && keys[i].role != KeyRole::category &&
                          keys[i].role != KeyRole::time;
    if (keys[i].decides || (evidence && self.target.needs_cloudtrail) ||
        (keys[i].role == KeyRole::category && self.target.needs_category) ||
        (keys[i].role == KeyRole::time && wants_time)) {
      self.wanted.push_back(static_cast<std::uint8_t>(i));
      if (keys[i].decides || keys[i].role == KeyRole::category) {
        self.with_values.push_back(static_cast<std::uint8_t>(i));
      }
      if (keys[i].role != KeyRole::none && keys[i].role != KeyRole::category) {
        self.in_roles.push_back(static_cast<std::uint8_t>(i));
      }
    }
  }
  self.lookup = KeyLookup(*self.target.plan, self.wanted);
  const auto bit = [](KeyRole role) { return 1u << static_cast<unsigned>(role); };
  if (self.target.needs_cloudtrail) {
    self.evidence_needed =
        bit(KeyRole::version) | bit(KeyRole::region) | bit(KeyRole::name) | bit(KeyRole::source);
    self.evidence_needed |= wants_time ? bit(KeyRole::time) : 0;
  }
}

Filter::~Filter() = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;

FilterChoice Filter::choice(const Program& program, const DecodeOptions& options, bool wants_time) {
  const Target target = target_of(*program.impl_, options, wants_time);
  FilterChoice choice;
  choice.usable = target.plan->usable() && target.reason.empty();
  choice.reason = target.reason.empty() ? target.plan->refusal() : target.reason;
  choice.rule = target.plan->refused_by();
  for (const FilterKey& key : target.plan->keys()) {
    if (key.decides) {
      choice.keys.push_back(key.text.substr(0, key.text.size() - 1));
    }
  }
  for (const FilterLiteral& literal : target.plan->literals()) {
    choice.keys.push_back('"' + literal.text + '"');
  }
  return choice;
}

bool Filter::wants_next() {
  Impl& self = *impl_;
  if (!self.active) {
    return false;
  }
  if (self.resting > 0) {
    --self.resting;
    return false;
  }
  return true;
}

Filter::Line Filter::next(const char* begin, const char* end) {
  Impl& self = *impl_;
  Line line;
  line.end = self.pass(begin, end, self.lookup.anchors(), self.marks);
  line.has_backslash = self.marks.has_backslash;
  line.rejected =
      self.judge({begin, static_cast<std::size_t>(line.end - begin)}) == Impl::Verdict::reject;
  if (self.adapts) {
    self.passed += line.rejected ? 0 : 1;
    if (++self.lines == sample_lines) {
      self.resting = self.passed > passing_lines_max ? rest_lines : 0;
      self.lines = 0;
      self.passed = 0;
    }
  }
  return line;
}

std::optional<TimeNs> Filter::take_latest_time() {
  return std::exchange(impl_->latest, std::nullopt);
}

Filter::Impl::Verdict Filter::Impl::judge(std::string_view line) {
  // An object, and not one whose first key may be Records.
  if (line.size() < 3 || line[0] != '{' || line[1] != '"' || line[2] == 'R' || marks.given_up ||
      marks.has_odd_escape || (marks.has_bare_space && !target.plan->literals().empty()) ||
      (marks.has_non_ascii && may_fold_to_ascii(line)) || !note_hits(line) || !values_allow(line)) {
    return Verdict::pass;
  }
  Judged judged;
  judged.line = line;
  if (!in_roles.empty()) {
    find_depths(line.data());
    if (!roles_allow(judged)) {
      return Verdict::pass;
    }
  }
  if ((judged.evidence & evidence_needed) != evidence_needed) {
    return Verdict::pass;
  }
  return wants_time && !take_time(judged.time) ? Verdict::pass : Verdict::reject;
}

// Two characters beyond ASCII fold to letters of it: long s and the Kelvin sign.
bool Filter::Impl::may_fold_to_ascii(std::string_view line) const {
  return target.plan->has_non_ascii() || line.find("\xc5\xbf") != line.npos ||
         line.find("\xe2\x84\xaa") != line.npos;
}

// Does a literal whose anchor was found there stand there? Then the record may match.
bool Filter::Impl::literal_stands(const FilterLiteral& literal,
                                  std::size_t hit,
                                  std::string_view line) {
  if (hit < literal.anchor_at) {
    return false;
  }
  const std::size_t begin = hit - literal.anchor_at;
  const std::size_t end = begin + literal.text.size();
  if (end > line.size() ||
      compiled::same_folded(line.data() + begin, literal.text.data(), literal.text.size()) ==
          compiled::Same::no) {
    return false;
  }
  constexpr std::string_view around = "\":,[]{} \t\r";
  return !literal.whole || ((begin == 0 || around.find(line[begin - 1]) != around.npos) &&
                            (end == line.size() || around.find(line[end]) != around.npos));
}

// What is seen of each key is noted first and looked at then, key by key: the order of keys in
// records changes, and branches that follow it are mispredicted. False: the record may match.
bool Filter::Impl::note_hits(std::string_view line) {
  const FilterKey* const keys = target.plan->keys().data();
  for (const std::uint8_t key : wanted) {
    seen[key].count = 0;
  }
  for (std::uint32_t i = 0; i < marks.hit_count; ++i) {
    const std::uint32_t hit = marks.hits[i];
    for (std::uint8_t one = lookup.first(line.data() + hit); one != KeyLookup::nothing;
         one = lookup.next(one)) {
      if (one >= KeyLookup::first_literal) {
        if (literal_stands(target.plan->literals()[one - KeyLookup::first_literal], hit, line)) {
          return false;
        }
        continue;
      }
      const FilterKey& key = keys[one];
      const std::uint32_t begin = hit - key.anchor_at;
      const bool inside = hit > key.anchor_at;
      const char before = line[inside ? begin - 1 : 0];
      const bool is_key = inside & ((before == '"') | ((before == '.') & key.flat)) &
                          key.stands_at(line.data() + (inside ? begin : 0));
      Seen& places = seen[one];
      places.places[places.count] = begin;
      places.count += is_key ? 1 : 0;
      if (places.count > places_max) {
        return false;
      }
    }
  }
  return true;
}

// Where the text of the string begins that a key has as its value. A verdict: it has no string.
std::optional<bool> Filter::Impl::text_of(const FilterKey& key,
                                          std::uint32_t place,
                                          std::size_t& at,
                                          std::string_view line) {
  at = place + key.size;
  if (line[at] != ':' || line[at + 1] != '"') {  // behind the line there is padding
    return odd_value_allows(key, at, line);
  }
  at += 2;
  return std::nullopt;
}

// False: the record must be looked at in full.
bool Filter::Impl::values_allow(std::string_view line) {
  const FilterKey* const keys = target.plan->keys().data();
  for (const std::uint8_t number : with_values) {
    const FilterKey& key = keys[number];
    const Seen& one = seen[number];
    for (std::uint32_t i = 0; i < one.count; ++i) {
      std::size_t at = 0;
      if (const std::optional<bool> verdict = text_of(key, one.places[i], at, line)) {
        if (!*verdict) {
          return false;
        }
        continue;
      }
      const std::string_view value(line.data() + at, closing_quote(at, line.size()) - at);
      // With another category than those a record may be for other rules: but is it the record's?
      if (key.role == KeyRole::category && !is_usual_category(value)) {
        find_depths(line.data(), one.places[i]);
        if (is_directly_in_record(one.places[i])) {
          return false;
        }
      }
      if (key.decides && !value_allows(key, value)) {
        return false;
      }
    }
  }
  return true;
}

// Of a simple line the depths are not known yet.
void Filter::Impl::find_depths(const char* begin, std::uint32_t place) {
  if (marks.simple) {
    depth_pass(begin, place / KeyMarks::block_bytes + 1, marks);
  }
}

// As far as keys stand that have a role.
void Filter::Impl::find_depths(const char* begin) {
  std::uint32_t last = 0;
  for (const std::uint8_t number : in_roles) {
    const Seen& one = seen[number];
    last = std::max(last, one.count == 0 ? 0 : one.places[one.count - 1]);
  }
  find_depths(begin, last);
}

// Is the key there one of the record's own?
bool Filter::Impl::is_directly_in_record(std::uint32_t place) const {
  return is_quote(place - 1) && marks.depth_at(place) == 1;
}

// Takes the evidence of what the record is. False: it must be looked at in full.
bool Filter::Impl::roles_allow(Judged& judged) {
  const std::string_view line = judged.line;
  const FilterKey* const keys = target.plan->keys().data();
  for (const std::uint8_t number : in_roles) {
    const FilterKey& key = keys[number];
    const Seen& one = seen[number];
    for (std::uint32_t i = 0; i < one.count; ++i) {
      const std::uint32_t place = one.places[i];
      std::size_t at = 0;
      if (const std::optional<bool> verdict = text_of(key, place, at, line)) {
        if (!*verdict) {
          return false;
        }
        continue;
      }
      if (!is_directly_in_record(place)) {
        continue;
      }
      judged.evidence |= 1u << static_cast<unsigned>(key.role);
      if (key.reads_role &&
          !role_allows(key, {line.data() + at, closing_quote(at, line.size()) - at}, judged)) {
        return false;
      }
    }
  }
  return true;
}

// What follows a key that is not ':' and a quote. A verdict, or nullopt: a string follows, and `at`
// is moved to its text.
std::optional<bool> Filter::Impl::odd_value_allows(const FilterKey& key,
                                                   std::size_t& at,
                                                   std::string_view line) {
  const auto skip_spaces = [&] {
    while (at < line.size() && is_space(line[at])) {
      ++at;
    }
  };
  skip_spaces();
  if (at == line.size() || line[at] != ':') {
    return true;  // it was a value
  }
  ++at;
  skip_spaces();
  if (at == line.size()) {
    return false;
  }
  if (line[at] != '"') {
    return !key.decides || is_harmless_null(key, line.substr(at));
  }
  ++at;
  return std::nullopt;
}

// Does a string begin or end there?
bool Filter::Impl::is_quote(std::size_t at) const {
  return (marks.quotes[at / KeyMarks::block_bytes] >> (at % KeyMarks::block_bytes) & 1) != 0;
}

std::size_t Filter::Impl::closing_quote(std::size_t from, std::size_t size) const {
  std::size_t block = from / KeyMarks::block_bytes;
  const std::size_t shift = from % KeyMarks::block_bytes;
  // The next 64 bytes, wherever they begin in their block: nearly every value ends there.
  const std::uint64_t quotes = marks.quotes[block] >> shift | marks.quotes[block + 1]
                                                                  << 1 << (63 - shift);
  if (quotes != 0) {
    return from + static_cast<std::size_t>(__builtin_ctzll(quotes));
  }
  for (++block; block * KeyMarks::block_bytes < size; ++block) {
    if (marks.quotes[block] != 0) {
      return block * KeyMarks::block_bytes +
             static_cast<std::size_t>(__builtin_ctzll(marks.quotes[block]));
    }
  }
  return size;
}

bool Filter::Impl::value_allows(const FilterKey& key, std::string_view value) {
  if (key.presence || (marks.has_backslash && value.find('\\') != value.npos) ||
      (key.equal_bytes_max >= value.size() &&
       key.has_hash(compiled::filter_hash(value.data(), value.size())))) {
    return false;
  }
  return !key.literals || value.size() < key.literal_bytes_min || literals_allow(key, value);
}

bool Filter::Impl::literals_allow(const FilterKey& key, std::string_view value) {
  char folded[folded_bytes_max];
  if (value.size() > sizeof folded) {
    return false;
  }
  std::transform(value.begin(), value.end(), folded, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  bool found = false;
  key.index.scan({folded, value.size()}, [&found](compiled::PredicateId) { found = true; });
  return !found;
}

// Of a string directly in the record.
bool Filter::Impl::role_allows(const FilterKey& key, std::string_view value, Judged& judged) const {
  const bool escaped = marks.has_backslash && value.find('\\') != value.npos;
  if (key.role == KeyRole::source) {
    return !escaped && !value.starts_with("aws:") &&
           !program->foreign_services.has_service_of(value);
  }
  if (key.role == KeyRole::time) {
    judged.time = judged.time.empty() ? value : judged.time;
    return !escaped;
  }
  return true;
}

// False: it has another form, or is no time.
bool Filter::Impl::take_time(std::string_view text) {
  if (text.size() != plain_time_bytes || text.back() != 'Z' || text[10] != 'T') {
    return false;
  }
  if (latest && std::memcmp(text.data(), latest_text, plain_time_bytes) <= 0) {
    return true;
  }
  const std::optional<TimeNs> time = parse_time(text);
  if (!time) {
    return false;
  }
  latest = time;
  std::memcpy(latest_text, text.data(), plain_time_bytes);
  return true;
}

}  // namespace tocsin
