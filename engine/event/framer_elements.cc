// SPDX-License-Identifier: Apache-2.0
// Containers ({"Records":[...]}, arrays) that are larger than a record may be, element by element.
#include <algorithm>

#include "engine/event/framer_impl.h"

namespace tocsin {

using framing::beginning_bytes_max;
using framing::document_bytes_max;
using framing::end_of_string;
using framing::find_newline;
using framing::is_blank;
using framing::is_close;
using framing::is_open;
using framing::none;
using framing::skip_blanks;
using framing::without_trailing_blanks;

std::optional<framing::Container> framing::container_of(std::string_view text) {
  if (text.front() == '[') {
    return Container{1, false};
  }
  std::int64_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_open(text[at])) {
      ++depth;
    } else if (is_close(text[at])) {
      --depth;
    } else if (text[at] == '"') {
      const std::size_t end = end_of_string(text, at);
      if (end == none) {
        return std::nullopt;
      }
      if (depth == 1 && text.substr(at, end - at) == "\"Records\"") {
        std::size_t next = skip_blanks(text, end);
        if (next < text.size() && text[next] == ':') {
          next = skip_blanks(text, next + 1);
          if (next < text.size() && text[next] == '[') {
            return Container{next + 1, true};
          }
        }
      }
      at = end - 1;
    }
  }
  return std::nullopt;
}

// The bytes that may belong to the container: up to the line's end if it is one line. `last`:
// nothing follows them.
std::string_view Framer::Impl::window(Feed& feed, bool& last) const {
  last = feed.end;
  if (!in_line) {
    return feed.text();
  }
  if (feed.newline != none && feed.newline <= feed.at) {
    feed.newline = find_newline(feed.bytes, feed.at);
  }
  if (feed.newline == none) {
    return feed.text();
  }
  last = true;
  return feed.bytes.substr(feed.at, feed.newline - feed.at);
}

// The container's bytes end before it does.
bool Framer::Impl::end_of_window(Feed& feed) {
  phase = in_line ? Phase::skip_line : Phase::between;
  in_line = false;
  return feed.at < feed.bytes.size();
}

// Its array was closed.
void Framer::Impl::after_container() {
  if (in_line) {
    phase = Phase::skip_line;
  } else if (object) {
    scan.start(1);
    phase = Phase::skip_rest;
  } else {
    phase = Phase::between;
  }
  in_line = false;
}

bool Framer::Impl::next_element(Feed& feed) {
  bool last = false;
  const std::string_view text = window(feed, last);
  std::size_t at = 0;
  while (at < text.size() && (is_blank(text[at]) || text[at] == ',')) {
    ++at;
  }
  feed.at += at;
  if (at == text.size()) {
    return last && end_of_window(feed);
  }
  const char c = text[at];
  if (is_open(c)) {
    scan.start(0);
    phase = Phase::element;
    return true;
  }
  if (c == ']') {
    ++feed.at;
    after_container();
    return true;
  }
  if (c == '}') {
    had_broken = true;
    return end_of_window(feed);
  }
  return scalar_element(feed, text.substr(at), last);
}

bool Framer::Impl::scalar_element(Feed& feed, std::string_view text, bool last) {
  std::size_t end = 0;
  if (text.front() == '"') {
    end = end_of_string(text, 0);
  } else {
    end = text.find_first_of(",]}");
  }
  if (std::min(end, text.size()) > document_bytes_max) {
    add(feed, feed.at, beginning_bytes_max, true, false);
    phase = in_line ? Phase::skip_line : Phase::skip_broken;
    line_start = false;
    in_line = false;
    return true;
  }
  if (end != none) {
    whole_frame(feed, feed.at, without_trailing_blanks(text.substr(0, end)));
    feed.at += end;
    return true;
  }
  if (!last) {
    return false;
  }
  add(feed, feed.at, without_trailing_blanks(text), false, true);
  feed.at += text.size();
  return end_of_window(feed);
}

bool Framer::Impl::element(Feed& feed) {
  bool last = false;
  const std::string_view text = window(feed, last);
  const BracketScan::Result result = scan.run(text.substr(0, document_bytes_max + 1));
  if (result.stop == BracketScan::Stop::broken) {
    return broken_document(feed, text, result.at);
  }
  if (result.at > document_bytes_max) {
    add(feed, feed.at, beginning_bytes_max, true, false);
    scan.start(0);
    phase = Phase::skip_element;
    return true;
  }
  if (result.stop == BracketScan::Stop::closed) {
    whole_frame(feed, feed.at, result.at);
    feed.at += result.at;
    phase = Phase::elements;
    return true;
  }
  if (!last) {
    return false;
  }
  if (!in_line) {
    return broken_document(feed, text, text.size());
  }
  add(feed, feed.at, without_trailing_blanks(text), false, true);
  feed.at += text.size();
  return end_of_window(feed);
}

bool Framer::Impl::skip(Feed& feed) {
  bool last = false;
  const std::string_view text = window(feed, last);
  const BracketScan::Result result = scan.run(text);
  feed.at += result.at;
  switch (result.stop) {
    case BracketScan::Stop::closed:
      phase = phase == Phase::skip_element ? Phase::elements : Phase::between;
      return true;
    case BracketScan::Stop::broken:
      had_broken = true;
      phase = Phase::between;
      return true;
    case BracketScan::Stop::more:
      break;
  }
  scan.rebase(text);
  return last && end_of_window(feed);
}

}  // namespace tocsin
