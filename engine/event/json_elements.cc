// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_elements.h"

#include <algorithm>

#include "engine/event/json_text.h"

namespace tocsin {
namespace {

// What a record of CloudTrail begins with: where the next element is looked for behind a broken
// one.
constexpr std::string_view record_start = "{\"eventVersion\"";
// Failed scans may cost this many times the document's size together, so that hostile documents
// stay linear.
constexpr std::size_t resync_passes_max = 4;

class Splitter {
 public:
  Splitter(std::string_view document, std::vector<JsonReader::Element>& elements)
      : document_(document), elements_(elements), budget_(document.size() * resync_passes_max) {}

  bool split(std::string_view key) {
    const std::size_t size = elements_.size();
    skip_space();
    if (!key.empty() && !open_member(key)) {
      return false;
    }
    if (!eat('[')) {
      return false;
    }
    bool empty = eat(']');
    for (;;) {
      if ((!empty && !array()) || ends(key)) {
        return true;
      }
      empty = false;
      if (at_ == document_.size()) {
        take_rest();
        return true;
      }
      if (!key.empty() && next_member()) {
        elements_.resize(size);
        return false;
      }
      // More elements behind a bracket too many: what is broken is counted once.
      if (document_[at_] == ',' && (elements_.empty() || !elements_.back().broken)) {
        elements_.push_back({document_.substr(at_, 1), 0, 0, false, true});
      }
      if (!resync(at_)) {
        return true;
      }
      eat(',');
    }
  }

 private:
  bool open_member(std::string_view key) {
    if (!eat('{') || !document_.substr(at_).starts_with('"') ||
        !document_.substr(at_ + 1).starts_with(key)) {
      return false;
    }
    at_ += 1 + key.size();
    return eat('"') && eat(':');
  }

  // Behind the array: does the document end as it should?
  bool ends(std::string_view key) { return (key.empty() || eat('}')) && at_ == document_.size(); }

  // Is there another member behind the array? Then it is another document shape.
  bool next_member() const {
    return document_[at_] == ',' && trim_json_space(document_.substr(at_ + 1, 64)).starts_with('"');
  }

  // Elements up to and with the closing bracket; what cannot be told apart is one broken element.
  // False: that took the rest.
  bool array() {
    for (;;) {
      if (at_ < document_.size() && (document_[at_] == ',' || document_[at_] == ']')) {
        elements_.push_back({document_.substr(at_, 1), 0, 0, false, true});
      } else if (!element()) {
        return false;
      }
      if (eat(',')) {
        continue;
      }
      if (eat(']')) {
        return true;
      }
      // Something stands between two elements that should not.
      if (!resync(at_)) {
        return false;
      }
    }
  }

  bool element() {
    const std::size_t begin = at_;
    std::size_t stop = begin;
    const std::size_t end = scan_json_value(document_, begin, stop);
    if (end != document_.npos) {
      elements_.push_back({document_.substr(begin, end - begin), 0, 0, false, false});
      at_ = end;
      skip_space();
      return true;
    }
    const std::size_t cost = stop - begin;
    if (cost > budget_) {
      take_rest();
      return false;
    }
    budget_ -= cost;
    return resync(begin);
  }

  // Takes everything from `begin` to the next start of a record as one broken element; at_ is then
  // at a comma. False: there is none, the rest is taken.
  bool resync(std::size_t begin) {
    for (std::size_t next = document_.find(record_start, begin + 1); next != document_.npos;
         next = document_.find(record_start, next + 1)) {
      std::size_t comma = next;
      while (comma > begin && is_json_space(document_[comma - 1])) {
        --comma;
      }
      if (comma > begin && document_[comma - 1] == ',') {
        at_ = comma - 1;
        if (at_ != begin) {
          elements_.push_back({document_.substr(begin, at_ - begin), 0, 0, false, true});
        }
        return true;
      }
    }
    at_ = begin;
    take_rest();
    return false;
  }

  void take_rest() {
    elements_.push_back({document_.substr(at_), 0, 0, false, true});
    at_ = document_.size();
  }

  void skip_space() {
    while (at_ < document_.size() && is_json_space(document_[at_])) {
      ++at_;
    }
  }

  // `c`, and the white space behind it.
  bool eat(char c) {
    if (at_ == document_.size() || document_[at_] != c) {
      return false;
    }
    ++at_;
    skip_space();
    return true;
  }

  std::string_view document_;
  std::vector<JsonReader::Element>& elements_;
  std::size_t at_ = 0;
  std::size_t budget_;
};

}  // namespace

MemberScan::MemberScan(std::string_view record) : record_(record) {
  skip_space();
  at_ = at_ < record_.size() && record_[at_] == '{' ? at_ + 1 : record_.size();
}

void MemberScan::skip_space() {
  while (at_ < record_.size() && is_json_space(record_[at_])) {
    ++at_;
  }
}

bool MemberScan::next(std::string_view& key, std::string_view& value) {
  skip_space();
  if (at_ < record_.size() && record_[at_] == ',') {
    ++at_;
    skip_space();
  }
  if (at_ >= record_.size() || record_[at_] != '"') {
    return false;
  }
  const std::size_t quote = find_json_quote(record_, at_ + 1);
  if (quote >= record_.size()) {
    return false;
  }
  key = record_.substr(at_ + 1, quote - at_ - 1);
  at_ = quote + 1;
  skip_space();
  if (at_ >= record_.size() || record_[at_] != ':') {
    return false;
  }
  ++at_;
  skip_space();
  std::size_t stop = 0;
  const std::size_t end = scan_json_value(record_, at_, stop);
  if (end == record_.npos) {
    return false;
  }
  value = record_.substr(at_, end - at_);
  at_ = end;
  return true;
}

std::size_t scan_json_value(std::string_view document, std::size_t at, std::size_t& stop) {
  const auto fail = [&stop](std::size_t where) {
    stop = where;
    return std::string_view::npos;
  };
  std::vector<bool> arrays;  // of the open containers: is it an array?
  do {
    if (at >= document.size()) {
      return fail(at);
    }
    const char c = document[at];
    if (c == '"') {
      at = find_json_quote(document, at + 1);
      if (at >= document.size()) {
        return fail(document.size());
      }
      ++at;
    } else if (is_json_open(c)) {
      arrays.push_back(c == '[');
      ++at;
    } else if (is_json_close(c)) {
      if (arrays.empty() || arrays.back() != (c == ']')) {
        return fail(at);
      }
      arrays.pop_back();
      ++at;
    } else if (arrays.empty()) {
      // A bare word that is the value itself.
      while (at < document.size() && !is_json_space(document[at]) &&
             !is_json_operator(document[at])) {
        ++at;
      }
    } else {
      ++at;
    }
  } while (!arrays.empty());
  return at;
}

bool split_tolerantly(std::string_view document,
                      std::string_view key,
                      std::vector<JsonReader::Element>& elements) {
  return Splitter(document, elements).split(key);
}

}  // namespace tocsin
