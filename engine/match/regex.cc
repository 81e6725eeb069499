// SPDX-License-Identifier: Apache-2.0
#include "engine/match/regex.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include "engine/base/fold.h"
#include "engine/base/limits.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::size_t literal_bytes_min = 4;
// Past this many literals one of them is in most texts anyway.
constexpr std::size_t literals_max = 64;

// Regex::flags().
constexpr unsigned any_case = 1;
constexpr unsigned dot_is_any = 2;

RE2::Options options_of(unsigned flags) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(limits::regex_memory_bytes_max));
  options.set_case_sensitive((flags & any_case) == 0);
  options.set_dot_nl((flags & dot_is_any) != 0);
  return options;
}

unsigned flags_of(std::string_view text) {
  return (text.find('i') == std::string_view::npos ? 0 : any_case) |
         (text.find('s') == std::string_view::npos ? 0 : dot_is_any);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  out += shorten(printable(text), 40);
  out += '\'';
  return out;
}

bool is_back_reference(std::string_view arg) {
  return arg.size() >= 2 && arg[0] == '\\' &&
         ((arg[1] >= '1' && arg[1] <= '9') || arg[1] == 'k' || arg[1] == 'g');
}

bool is_look_around(std::string_view arg) {
  return arg.starts_with("(?=") || arg.starts_with("(?!") || arg.starts_with("(?<");
}

std::string explain(const RE2& program, std::string_view pattern) {
  const std::string& arg = program.error_arg();
  switch (program.error_code()) {
    case RE2::ErrorPatternTooLarge:
      return "the regular expression is too large: its repetitions need more than " +
             with_thousands(limits::regex_memory_bytes_max) + " bytes";
    case RE2::ErrorRepeatSize:
      return "the repetition " + quoted(arg) +
             " is refused: RE2 takes counts up to 1,000, the smaller one first, nested counts "
             "multiplied";
    case RE2::ErrorRepeatArgument:
      return "nothing stands before the repetition " + quoted(arg);
    case RE2::ErrorRepeatOp:
      return "the repetition " + quoted(arg) +
             " is refused: RE2 has no possessive repetition, and two in a row mean nothing";
    case RE2::ErrorMissingParen:
    case RE2::ErrorUnexpectedParen:
    case RE2::ErrorMissingBracket:
    case RE2::ErrorBadPerlOp:
    case RE2::ErrorBadNamedCapture:
      if (is_look_around(arg)) {
        return "look-around " + quoted(arg) + " is outside of RE2's syntax";
      }
      break;
    case RE2::ErrorBadEscape:
      if (is_back_reference(arg)) {
        return "the back-reference " + quoted(arg) + " is outside of RE2's syntax";
      }
      break;
    case RE2::ErrorBadUTF8:
      return "the regular expression is not valid UTF-8";
    default:  // RE2's enum
      break;
  }
  for (const std::string_view start : {"(?=", "(?!", "(?<=", "(?<!"}) {
    if (pattern.find(start) != std::string_view::npos) {
      return "look-around " + quoted(std::string(start)) + " is outside of RE2's syntax";
    }
  }
  return "RE2 refuses the regular expression: " + printable(program.error());
}

// The longest run of ASCII in a required text is required too; only there are RE2's lower case and
// our fold surely one.
std::string ascii_part(const std::string& atom) {
  std::string best;
  std::string run;
  for (const char c : atom) {
    if (static_cast<unsigned char>(c) < 0x80) {
      run += c;
      if (run.size() > best.size()) {
        best = run;
      }
    } else {
      run.clear();
    }
  }
  return fold(std::string_view(best));
}

bool could_match(const re2::FilteredRE2& filter, const std::vector<int>& atoms) {
  std::vector<int> potentials;
  filter.AllPotentials(atoms, &potentials);
  return !potentials.empty();
}

std::vector<std::string> find_literals(const std::string& pattern, const RE2::Options& options) {
  re2::FilteredRE2 filter(static_cast<int>(literal_bytes_min));
  int id = 0;
  std::vector<std::string> atoms;
  if (filter.Add(pattern, options, &id) != RE2::NoError) {
    return {};
  }
  filter.Compile(&atoms);
  if (atoms.empty() || atoms.size() > literals_max || could_match(filter, {})) {
    return {};
  }
  std::vector<int> all(atoms.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::string> literals;
  std::string necessary;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    literals.push_back(ascii_part(atoms[i]));
    std::vector<int> others = all;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    if (literals.back().size() > necessary.size() && !could_match(filter, others)) {
      necessary = literals.back();
    }
  }
  if (necessary.size() >= literal_bytes_min) {
    return {necessary};
  }
  // No single one is necessary: some one of them all is.
  const bool usable = std::all_of(literals.begin(), literals.end(), [](const std::string& literal) {
    return literal.size() >= literal_bytes_min;
  });
  return usable ? literals : std::vector<std::string>();
}

}  // namespace

Regex::Regex(std::string source, unsigned flags) : source_(std::move(source)), flags_(flags) {}

Regex::~Regex() = default;

Result<std::unique_ptr<const Regex>> Regex::compile(std::string_view pattern,
                                                    std::string_view flags) {
  if (pattern.size() > limits::regex_pattern_bytes_max) {
    return fail("the regular expression is longer than " +
                with_thousands(limits::regex_pattern_bytes_max) + " bytes");
  }
  // RE2 has no option for this flag outside of its POSIX syntax.
  std::string source = flags.find('m') == std::string_view::npos ? "" : "(?m)";
  source += pattern;
  std::unique_ptr<Regex> regex(new Regex(std::move(source), flags_of(flags)));
  const RE2& program = regex->compile_now();
  if (!program.ok()) {
    return fail(explain(program, pattern));
  }
  regex->literals_ = find_literals(regex->source_, program.options());
  return std::unique_ptr<const Regex>(std::move(regex));
}

std::unique_ptr<const Regex> Regex::restore(std::string_view source,
                                            unsigned flags,
                                            std::vector<std::string> literals) {
  std::unique_ptr<Regex> regex(new Regex(std::string(source), flags));
  regex->literals_ = std::move(literals);
  return regex;
}

const RE2& Regex::compile_now() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!program_) {
    program_ = std::make_unique<RE2>(source_, options_of(flags_));
    known_.store(program_.get(), std::memory_order_release);
  }
  return *program_;
}

bool Regex::search(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), program());
}

std::optional<std::string> Regex::replace_all(std::string_view text,
                                              std::string_view rewrite,
                                              std::size_t bytes_max) const {
  const re2::StringPiece subject(text.data(), text.size());
  const re2::StringPiece form(rewrite.data(), rewrite.size());
  const RE2& compiled = program();
  std::array<re2::StringPiece, 10> groups;
  const int group_count = 1 + RE2::MaxSubmatch(form);
  std::string out;
  std::size_t copied = 0;
  std::size_t at = 0;
  while (at <= text.size() &&
         compiled.Match(subject, at, text.size(), RE2::UNANCHORED, groups.data(), group_count)) {
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    const std::size_t end = begin + static_cast<std::size_t>(groups[0].size());
    out.append(text.substr(copied, begin - copied));
    compiled.Rewrite(&out, form, groups.data(), group_count);
    copied = end;
    at = end;
    if (groups[0].empty()) {
      // Over one code point, which stays.
      at += at < text.size() ? 1u : 0u;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) {
        ++at;
      }
      at += end == text.size() ? 1u : 0u;
    }
    if (out.size() > bytes_max) {
      return std::nullopt;
    }
  }
  out.append(text.substr(std::min(copied, text.size())));
  return out.size() > bytes_max ? std::nullopt : std::optional(std::move(out));
}

bool Regex::takes(std::string_view rewrite) const {
  std::string ignored;
  return program().CheckRewriteString(re2::StringPiece(rewrite.data(), rewrite.size()), &ignored);
}

}  // namespace tocsin
