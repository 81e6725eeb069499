// SPDX-License-Identifier: Apache-2.0
#include "rules/parse_ahead.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "rules/document_cache.h"

namespace tocsin {
namespace {

constexpr std::size_t files_per_chunk = 16;
constexpr std::size_t chunks_ahead = 4;  // and one for each helper

ParsedFile parse(const RuleFile& file, const ParseOptions& options) {
  ParsedFile out;
  out.file = std::make_shared<LoadedFile>();
  LoadedFile& loaded = *out.file;
  std::optional<std::string> text = read_rule_file(file, loaded.diagnostics);
  out.readable = text.has_value();
  loaded.source = SourceText::make(file.path, text ? std::move(*text) : std::string());
  if (out.readable) {
    out.collection = options.cache != nullptr
                         ? options.cache->read(loaded.source, loaded.diagnostics)
                         : read_collection(loaded.source, loaded.diagnostics);
  }
  return out;
}

}  // namespace

ParseAhead::ParseAhead(std::vector<RuleFile> files, const ParseOptions& options)
    : files_(std::move(files)), options_(options) {
  const std::size_t useful = std::min<std::size_t>(std::max(options.threads, 1u), chunk_count());
  for (std::size_t i = 1; i < useful; ++i) {
    helpers_.emplace_back([this] { help(); });
  }
}

ParseAhead::~ParseAhead() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  for (std::thread& helper : helpers_) {
    helper.join();
  }
}

ParsedFile ParseAhead::next() {
  const std::size_t at = taken_ % files_per_chunk;
  if (at == 0) {
    current_ = next_chunk();
  }
  ++taken_;
  return std::move(current_[at]);
}

std::size_t ParseAhead::chunk_count() const {
  return (files_.size() + files_per_chunk - 1) / files_per_chunk;
}

bool ParseAhead::may_begin() const {
  // Not helpers_.size(): the first helpers run before the last is there.
  return first_ + begun_.size() < chunk_count() && begun_.size() < chunks_ahead + options_.threads;
}

void ParseAhead::help() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || may_begin(); });
    if (stopped_) {
      return;
    }
    parse_one(lock);
  }
}

void ParseAhead::parse_one(std::unique_lock<std::mutex>& lock) {
  const std::size_t number = first_ + begun_.size();
  begun_.emplace_back();
  lock.unlock();
  std::vector<ParsedFile> parsed = parse_chunk(number);
  lock.lock();
  Chunk& chunk = begun_[number - first_];
  chunk.files = std::move(parsed);
  chunk.done = true;
  changed_.notify_all();
}

std::vector<ParsedFile> ParseAhead::parse_chunk(std::size_t number) const {
  const std::size_t begin = number * files_per_chunk;
  const std::size_t end = std::min(begin + files_per_chunk, files_.size());
  std::vector<ParsedFile> out;
  out.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    out.push_back(parse(files_[i], options_));
  }
  return out;
}

std::vector<ParsedFile> ParseAhead::next_chunk() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (begun_.empty() || !begun_.front().done) {
    if (may_begin()) {
      parse_one(lock);
    } else {
      changed_.wait(lock);
    }
  }
  std::vector<ParsedFile> out = std::move(begun_.front().files);
  begun_.pop_front();
  ++first_;
  lock.unlock();
  changed_.notify_all();
  return out;
}

}  // namespace tocsin
