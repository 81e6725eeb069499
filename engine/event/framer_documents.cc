// SPDX-License-Identifier: Apache-2.0
// Documents that may span lines and follow one another.
#include <algorithm>

#include "engine/event/framer_impl.h"
#include "engine/event/json_elements.h"

namespace tocsin {

using framing::beginning_bytes_max;
using framing::blanks_max;
using framing::Container;
using framing::document_bytes_max;
using framing::find_line_bracket;
using framing::find_newline;
using framing::first_document_bytes_max;
using framing::is_blank;
using framing::is_close;
using framing::is_open;
using framing::none;
using framing::without_trailing_blanks;

namespace {

// What a record of CloudTrail begins with: where the next element is looked for behind a broken
// one.
constexpr std::string_view record_start = "{\"eventVersion\"";
// Failed scans may cost this many times the text's size together.
constexpr std::size_t resync_passes_max = 4;

// The next start of a record at or behind `from`, behind a comma; `comma`: where that is.
std::size_t next_record(std::string_view text, std::size_t from, std::size_t& comma) {
  for (std::size_t at = text.find(record_start, from); at != none;
       at = text.find(record_start, at + 1)) {
    comma = at;
    while (comma > from && is_blank(text[comma - 1])) {
      --comma;
    }
    if (comma > from && text[--comma] == ',') {
      return at;
    }
  }
  return none;
}

}  // namespace

bool Framer::Impl::next_document(Feed& feed) {
  const std::string_view text = feed.text();
  std::size_t at = 0;
  std::size_t line = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\0') {
      ++nul_bytes;
      line = at + 1;
    } else if (c == '\n') {
      line = at + 1;
    } else if (!is_blank(c) &&
               !((mode == Mode::spanning || had_broken) && (c == ',' || is_close(c)))) {
      break;
    }
    ++at;
  }
  const bool keep_blanks = mode == Mode::undecided && at - line <= blanks_max;
  if (at == text.size()) {
    feed.at += keep_blanks && !feed.end ? line : at;
    return false;
  }
  const std::size_t begin = keep_blanks ? line : at;
  lead = at - begin;
  feed.at += begin;
  if (is_open(text[at])) {
    scan.start(0);
    phase = Phase::document;
  } else if (mode == Mode::undecided && !had_broken) {
    mode = Mode::lines;  // no JSON at all: at least one bad line costs no more than itself
    lead = 0;
  } else {
    feed.at += lead;
    lead = 0;
    phase = Phase::garbage;
  }
  return true;
}

bool Framer::Impl::document(Feed& feed) {
  const std::string_view text = feed.text().substr(std::min(lead, feed.text().size()));
  if (text.empty()) {
    return false;
  }
  const BracketScan::Result result = scan.run(text.substr(0, document_bytes_max + 1));
  if (result.stop == BracketScan::Stop::broken) {
    return broken_document(feed, text, result.at);
  }
  const bool closed = result.stop == BracketScan::Stop::closed;
  if (closed || text.size() >= first_document_bytes_max) {
    note_first(text, result.at);
  }
  if (result.at > document_bytes_max) {
    return large_document(feed, text);
  }
  if (!closed) {
    return feed.end && broken_document(feed, text, text.size());
  }
  // Where a bracket is missing, one of another kind is taken for it.
  if ((text.front() == '{') != (text[result.at - 1] == '}')) {
    return broken_document(feed, text, result.at);
  }
  if (mode == Mode::undecided) {
    size = result.at;
    phase = Phase::whole;
    return true;
  }
  whole_frame(feed, feed.at, result.at);
  feed.at += result.at;
  phase = Phase::between;
  return true;
}

// The document is visibly broken at `at`: what was swallowed since its first line that could begin
// another is looked through again, so that a broken document costs its neighbours nothing.
bool Framer::Impl::broken_document(Feed& feed, std::string_view text, std::size_t at) {
  std::size_t cut = std::min(scan.first_line_bracket(), at);
  if (at - cut > credit) {
    cut = at;
  }
  credit -= at - cut;
  note_first(text, at >= first_document_bytes_max ? at : cut);
  feed.at += lead;
  lead = 0;
  add_broken(feed, text.substr(0, cut));
  feed.at += cut;
  had_broken = true;
  phase = Phase::between;
  return true;
}

// Of a container that is broken, what is whole is handed on, element by element: what stands before
// the break, and what begins as a record behind it.
void Framer::Impl::add_broken(Feed& feed, std::string_view text) {
  std::size_t kept = 0;  // behind the last element that was handed on
  std::size_t next = none;
  if (phase == Phase::document) {
    const std::optional<Container> container = framing::container_of(text);
    next = container ? container->inside : none;
  }
  std::size_t budget = resync_passes_max * text.size();
  bool had_break = false;
  while (next < text.size()) {
    if (is_blank(text[next]) || text[next] == ',') {
      ++next;
      continue;
    }
    std::size_t stop = next;
    const std::size_t end = is_open(text[next]) ? scan_json_value(text, next, stop) : none;
    if (end != none) {
      whole_frame(feed, feed.at + next, end - next);
      next = end;
      kept = next;
      continue;
    }
    std::size_t comma = 0;
    const std::size_t record = stop - next <= budget ? next_record(text, next + 1, comma) : none;
    if (record == none) {
      break;
    }
    budget -= stop - next;
    const std::size_t begin = kept > 0 ? next : 0;  // without the comma before it
    add(feed,
        feed.at + begin,
        without_trailing_blanks(text.substr(begin, comma - begin)),
        false,
        true);
    had_break = true;
    next = record;
    kept = record;
  }
  if (kept > 0) {
    kept = next;  // without the comma
  }
  const std::string_view rest = text.substr(kept);
  if (!had_break || rest.find_first_not_of(" \t\r\n]}") != none) {
    add(feed, feed.at + kept, without_trailing_blanks(rest), false, true);
  }
}

bool Framer::Impl::large_document(Feed& feed, std::string_view text) {
  feed.at += lead;
  lead = 0;
  const std::string_view beginning = text.substr(0, document_bytes_max);
  if (const std::optional<Container> container = framing::container_of(beginning)) {
    mode = Mode::spanning;  // reads lines too, where its elements are followed by such
    feed.at += container->inside;
    object = container->object;
    in_line = false;
    phase = Phase::elements;
    return true;
  }
  add(feed, feed.at, beginning_bytes_max, true, false);
  if (mode == Mode::undecided && find_newline(beginning, 0) == none) {
    phase = Phase::skip_line;
    return true;
  }
  mode = Mode::spanning;
  scan.start(0);
  phase = Phase::skip_document;
  return true;
}

// The first whole document ends at its line's end: lines. Else documents may span lines.
bool Framer::Impl::decide(Feed& feed) {
  const std::string_view text = feed.text();
  const std::size_t end = lead + size;
  std::size_t at = end;
  while (at < text.size() && text[at] != '\n' && is_blank(text[at])) {
    ++at;
  }
  if (at == text.size() && !feed.end && at - end <= blanks_max) {
    return false;
  }
  phase = Phase::between;
  const bool at_line_end = at == text.size() ? feed.end : text[at] == '\n';
  if (at_line_end && find_newline(text.substr(0, end), 0) == none) {
    mode = Mode::lines;  // next_line() takes it
  } else {
    mode = Mode::spanning;
    whole_frame(feed, feed.at + lead, size);
    feed.at += end;
  }
  lead = 0;
  return true;
}

bool Framer::Impl::garbage(Feed& feed) {
  const std::string_view text = feed.text();
  const std::size_t newline = find_line_bracket(text, 0);
  if (newline == none && !feed.end && text.size() <= beginning_bytes_max) {
    return false;
  }
  const std::size_t length = std::min({newline, text.size(), beginning_bytes_max});
  note_first(text, length);
  had_broken = true;
  add(feed, feed.at, without_trailing_blanks(text.substr(0, length)), false, true);
  // A newline that ends what was looked at must be seen again with the byte behind it.
  feed.at += length;
  line_start = false;
  phase = Phase::skip_broken;
  if (length > 0 && text[length - 1] == '\n') {
    --feed.at;
  }
  return true;
}

bool Framer::Impl::skip_broken(Feed& feed) {
  const std::string_view text = feed.text();
  if (text.empty()) {
    return false;
  }
  if (line_start && is_open(text.front())) {
    phase = Phase::between;
    return true;
  }
  line_start = false;
  const std::size_t newline = find_line_bracket(text, 0);
  if (newline != none) {
    feed.at += newline + 1;
    phase = Phase::between;
    return true;
  }
  const bool keep_newline = text.back() == '\n' && !feed.end;
  feed.at = feed.bytes.size() - (keep_newline ? 1 : 0);
  return false;
}

}  // namespace tocsin
