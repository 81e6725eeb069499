// SPDX-License-Identifier: Apache-2.0
#include "engine/event/framer.h"

#include <algorithm>

#include "engine/event/framer_impl.h"

namespace tocsin {

using framing::beginning_bytes_max;
using framing::byte_order_mark;
using framing::Container;
using framing::document_bytes_max;
using framing::find_newline;
using framing::first_document_bytes_max;
using framing::is_open;
using framing::none;
using framing::skip_blanks;

void Framer::Impl::add(
    Feed& feed, std::size_t begin, std::size_t length, bool oversized, bool broken) {
  feed.frames.push_back({feed.offset + begin,
                         static_cast<std::uint32_t>(begin),
                         static_cast<std::uint32_t>(length),
                         oversized,
                         broken});
}

void Framer::Impl::whole_frame(Feed& feed, std::size_t begin, std::size_t length) {
  add(feed, begin, length, false, false);
  credit = std::min(framing::rescan_credit_max, credit + framing::rescan_credit_per_byte * length);
}

// `known_end`: how far the first document reaches for certain; where it ends, if that is nearer
// than the limit.
void Framer::Impl::note_first(std::string_view text, std::size_t known_end) {
  if (!has_first) {
    first.assign(text.substr(0, std::min(known_end, first_document_bytes_max)));
    has_first = true;
  }
}

bool Framer::Impl::skip_nuls(Feed& feed) {
  const std::string_view text = feed.text();
  const std::size_t nuls = std::min(text.find_first_not_of('\0'), text.size());
  nul_bytes += nuls;
  feed.at += nuls;
  return nuls > 0;
}

std::size_t Framer::Impl::feed(Feed& feed) {
  if (feed.offset == 0 && phase == Phase::between && mode == Mode::undecided) {
    const std::size_t known = std::min(feed.bytes.size(), byte_order_mark.size());
    if (known > 0 && feed.bytes.substr(0, known) == byte_order_mark.substr(0, known)) {
      if (known < byte_order_mark.size() && !feed.end) {
        return 0;
      }
      feed.at = known;
    }
  }
  while (step(feed)) {
  }
  return feed.at;
}

bool Framer::Impl::step(Feed& feed) {
  switch (phase) {
    case Phase::between:
      return mode == Mode::lines ? next_line(feed) : next_document(feed);
    case Phase::document:
      return document(feed);
    case Phase::whole:
      return decide(feed);
    case Phase::garbage:
      return garbage(feed);
    case Phase::elements:
      return next_element(feed);
    case Phase::element:
      return element(feed);
    case Phase::skip_document:
    case Phase::skip_element:
    case Phase::skip_rest:
      return skip(feed);
    case Phase::skip_line:
      return skip_line(feed);
    case Phase::skip_broken:
      return skip_broken(feed);
  }
  return false;
}

// --- lines ---

bool Framer::Impl::next_line(Feed& feed) {
  while (feed.at < feed.bytes.size()) {
    if (feed.bytes[feed.at] == '\0' && scanned == 0 && skip_nuls(feed)) {
      continue;
    }
    const std::string_view text = feed.text();
    const std::size_t newline = find_newline(text, scanned);
    const std::size_t length = newline == none ? text.size() : newline;
    if (length > document_bytes_max) {
      return large_line(feed);
    }
    if (newline == none && !feed.end) {
      scanned = text.size();
      return false;
    }
    scanned = 0;
    const std::size_t trimmed = length > 0 && text[length - 1] == '\r' ? length - 1 : length;
    if (trimmed > 0) {
      note_first(text, trimmed);
      add(feed, feed.at, trimmed, false, false);
    }
    feed.at += newline == none ? length : length + 1;
  }
  return false;
}

bool Framer::Impl::large_line(Feed& feed) {
  const std::string_view text = feed.text();
  scanned = 0;
  note_first(text, first_document_bytes_max);
  const std::string_view beginning = text.substr(0, document_bytes_max);
  const std::size_t blanks = skip_blanks(beginning, 0);
  if (blanks < beginning.size() && is_open(beginning[blanks])) {
    if (const std::optional<Container> container =
            framing::container_of(beginning.substr(blanks))) {
      feed.at += blanks + container->inside;
      object = container->object;
      in_line = true;
      phase = Phase::elements;
      return true;
    }
  }
  add(feed, feed.at, beginning_bytes_max, true, false);
  phase = Phase::skip_line;
  return true;
}

bool Framer::Impl::skip_line(Feed& feed) {
  const std::size_t newline = find_newline(feed.text(), 0);
  if (newline == none) {
    feed.at = feed.bytes.size();
    return false;
  }
  feed.at += newline + 1;
  phase = Phase::between;
  return true;
}

// --- the class ---

Framer::Framer() : impl_(std::make_unique<Impl>()) {}
Framer::~Framer() = default;
Framer::Framer(Framer&&) noexcept = default;
Framer& Framer::operator=(Framer&&) noexcept = default;

std::size_t Framer::feed(std::string_view bytes,
                         std::uint64_t stream_offset,
                         bool end,
                         std::vector<Frame>& frames) {
  Impl::Feed feed{bytes, stream_offset, end, frames};
  return impl_->feed(feed);
}

Framer::Mode Framer::mode() const {
  return impl_->mode;
}
std::uint64_t Framer::skipped_nul_bytes() const {
  return impl_->nul_bytes;
}
void Framer::reset() {
  *impl_ = Impl();
}
void Framer::resume(Mode mode) {
  impl_->mode = mode;
}
std::string_view Framer::first_document() const {
  return impl_->first;
}

void Framer::join(Mode mode, bool at_line_start) {
  impl_->mode = mode;
  impl_->line_start = at_line_start;
  if (mode != Mode::lines) {
    impl_->phase = Impl::Phase::skip_broken;
    impl_->had_broken = true;
  } else if (!at_line_start) {
    impl_->phase = Impl::Phase::skip_line;
  }
}

std::string Framer::save() const {
  // Bytes that were not consumed are given again: what was found out about them is found out again.
  Impl::Phase phase = impl_->phase;
  if (phase == Impl::Phase::document || phase == Impl::Phase::whole ||
      phase == Impl::Phase::garbage) {
    phase = Impl::Phase::between;
  } else if (phase == Impl::Phase::element) {
    phase = Impl::Phase::elements;
  }
  const unsigned flags = (impl_->in_line ? 1u : 0u) | (impl_->object ? 2u : 0u) |
                         (impl_->had_broken ? 4u : 0u) | (impl_->line_start ? 8u : 0u);
  std::string text;
  text += static_cast<char>('a' + static_cast<int>(impl_->mode));
  text += static_cast<char>('a' + static_cast<int>(phase));
  text += static_cast<char>('a' + static_cast<int>(flags));
  return text + impl_->scan.save();
}

bool Framer::restore(std::string_view text) {
  reset();
  const auto letter = [text](std::size_t at) {
    return at < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[at])) - 'a'
                            : ~0u;
  };
  if (letter(0) > static_cast<unsigned>(Mode::spanning) ||
      letter(1) > static_cast<unsigned>(Impl::Phase::skip_broken) || letter(2) > 15u ||
      !impl_->scan.load(text.substr(3))) {
    reset();
    return false;
  }
  impl_->mode = static_cast<Mode>(letter(0));
  impl_->phase = static_cast<Impl::Phase>(letter(1));
  impl_->in_line = (letter(2) & 1u) != 0;
  impl_->object = (letter(2) & 2u) != 0;
  impl_->had_broken = (letter(2) & 4u) != 0;
  impl_->line_start = (letter(2) & 8u) != 0;
  return true;
}

}  // namespace tocsin
