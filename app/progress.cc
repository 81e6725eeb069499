// SPDX-License-Identifier: Apache-2.0
#include "app/progress.h"

#include <algorithm>
#include <cstdio>

#include "app/console.h"
#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr DurationNs refresh_ns = second_ns / 5;
constexpr std::size_t rules_listed_max = 20;

double seconds(DurationNs duration) {
  return static_cast<double>(duration) / static_cast<double>(second_ns);
}

std::string fixed(double number, int digits) {
  char out[64];
  std::snprintf(out, sizeof(out), "%.*f", digits, number);
  return out;
}

std::string rate(std::uint64_t bytes, std::uint64_t records, DurationNs elapsed) {
  const double time = std::max(seconds(elapsed), 1e-9);
  return fixed(static_cast<double>(bytes) / time / 1e6, 0) + " MB/s, " +
         with_thousands(static_cast<std::uint64_t>(static_cast<double>(records) / time)) +
         " records/s";
}

}  // namespace

Progress::Progress(bool enabled, const Input& input)
    : enabled_(enabled), input_(input), started_(steady_now()) {}

Progress::~Progress() {
  if (enabled_ && shown_ != 0) {
    std::fputs("\r\x1b[K", stderr);
  }
}

void Progress::add(const RunCounters& batch) {
  total_.add(batch);
  if (!enabled_) {
    return;
  }
  const TimeNs now = steady_now();
  if (now - std::max(shown_, started_) < refresh_ns) {
    return;
  }
  shown_ = now;
  std::string line = "\r\x1b[K" + with_thousands(total_.events) + " records, " +
                     rate(total_.bytes, total_.events, now - started_);
  const std::uint64_t all = input_.bytes_total();
  const std::uint64_t done = input_.bytes_done();
  if (all > 0 && done > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(all));
    const double left = seconds(now - started_) * (1 - share) / std::max(share, 1e-9);
    line += ", " + fixed(share * 100, 0) + " %, " + fixed(left, 0) + " s left";
  }
  std::fputs(line.c_str(), stderr);
}

std::string summary(const Session& session,
                    const RunOutcome& outcome,
                    const AlertCounters& alerts) {
  const RunCounters& run = outcome.run;
  std::string out =
      "rules    " + load_summary(session.rules) + "; " + routing_summary(session) + "\n";
  for (const FilterUse& filter : session.rules.filters) {
    out += "filter   \"" + printable(filter.title) + "\" touches " + counted(filter.rules, "rule") +
           "\n";
  }
  out += "records  " + with_thousands(run.events);
  const auto also = [&](std::uint64_t number, const char* what) {
    if (number > 0) {
      out += ", " + with_thousands(number) + " " + what;
    }
  };
  also(run.malformed, "malformed");
  also(run.oversized, "oversized");
  also(run.repaired, "repaired");
  also(run.skipped, "skipped (digests, control messages)");
  also(run.unclassified, "of no known log source");
  if (run.malformed + run.oversized > 0 && session.options.dead_letter.empty()) {
    out += " (--dead-letter FILE keeps what could not be read)";
  }
  out += "\nalerts   " + with_thousands(alerts.alerts);
  std::string levels;
  for (std::size_t level = level_count; level-- > 0;) {
    if (alerts.by_level[level] > 0) {
      levels += (levels.empty() ? "" : ", ") + with_thousands(alerts.by_level[level]) + " " +
                std::string(to_text(static_cast<Level>(level)));
    }
  }
  out += levels.empty() ? "" : ": " + levels;
  also(alerts.duplicates, "second copies not repeated");
  also(alerts.without_time, "without a usable time, which no correlation can place");
  out += '\n';
  std::vector<std::pair<std::string, std::uint64_t>> rules(alerts.by_rule.begin(),
                                                           alerts.by_rule.end());
  std::stable_sort(
      rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (std::size_t i = 0; i < std::min(rules.size(), rules_listed_max); ++i) {
    const auto& [title, level] = alerts.titles.at(rules[i].first);
    std::string number = with_thousands(rules[i].second);
    number.insert(0, number.size() < 9 ? 9 - number.size() : 0, ' ');
    out += number + "  " + printable(title) + " (" + std::string(to_text(level)) + ")\n";
  }
  if (rules.size() > rules_listed_max) {
    out += "         ... and " + with_thousands(rules.size() - rules_listed_max) + " more rules\n";
  }
  out += unseen_rules(*session.rules.ruleset, routing_of(session), run, session.options.verbose);
  return out + "time     " + fixed(seconds(outcome.elapsed_ns), 2) + " s, " +
         rate(run.bytes, run.events, outcome.elapsed_ns) + "\n";
}

std::string stats_json(const Session& session,
                       const RunOutcome& outcome,
                       const AlertCounters& alerts) {
  const RunCounters& run = outcome.run;
  std::string out = "{";
  const auto number = [&](const char* name, std::uint64_t value) {
    out += (out.size() > 1 ? ",\"" : "\"") + std::string(name) + "\":" + std::to_string(value);
  };
  number("events", run.events);
  number("malformed", run.malformed);
  number("oversized", run.oversized);
  number("repaired", run.repaired);
  number("unvalidated", run.unvalidated);
  number("skipped", run.skipped);
  number("duplicates", alerts.duplicates);
  number("bytes", run.bytes);
  out += ",\"seconds\":" + fixed(seconds(outcome.elapsed_ns), 6);
  out += ",\"rules\":{\"loaded\":" + std::to_string(session.rules.loaded) +
         ",\"rejected\":" + std::to_string(session.rules.rejected) + "}";
  number("alerts", alerts.alerts);
  out += ",\"by_rule\":{";
  bool first = true;
  for (const auto& [rule, count] : alerts.by_rule) {
    out += first ? "" : ",";
    first = false;
    append_json_string(rule, out);
    out += ':' + std::to_string(count);
  }
  return out + "}}";
}

}  // namespace tocsin
