// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_input.h"

#include <chrono>
#include <utility>

namespace tocsin::testing {

MemoryInput::MemoryInput(std::vector<MemorySource> sources, MemoryInputOptions options)
    : sources_(std::move(sources)), options_(std::move(options)) {
  for (const MemorySource& source : sources_) {
    auto info = std::make_shared<SourceInfo>();
    info->input = "memory";
    info->name = source.name;
    info->decode = source.decode;
    info->stream_id = content_hash(source.name);
    infos_.push_back(std::move(info));
  }
}

ClaimStatus MemoryInput::claim(Batch& batch) {
  if (source_ == sources_.size()) {
    return options_.endless ? ClaimStatus::idle : ClaimStatus::finished;
  }
  if (options_.on_claim) {
    options_.on_claim(next_number_);
  }
  const std::string& text = sources_[source_].text;
  std::size_t end = at_;
  for (std::size_t lines = 0; lines < options_.batch_lines && end < text.size(); ++lines) {
    const std::size_t newline = text.find('\n', end);
    end = newline == std::string::npos ? text.size() : newline + 1;
  }
  batch.number = next_number_++;
  batch.source = infos_[source_];
  batch.stream_offset = at_;
  batch.lines = true;
  batch.first_of_source = at_ == 0;
  batch.last_of_source = end == text.size();
  batch.position = std::to_string(source_) + ":" + std::to_string(end);
  batch.claim_begin = at_;
  batch.claim_end = end;
  batch.claim = std::make_shared<std::size_t>(source_);
  done_ += end - at_;
  at_ = end;
  if (batch.last_of_source) {
    ++source_;
    at_ = 0;
  }
  return ClaimStatus::batch;
}

void MemoryInput::load(Batch& batch) {
  const std::string& text = sources_[*static_cast<std::size_t*>(batch.claim.get())].text;
  const char* begin = text.data() + batch.claim_begin;
  const std::size_t size = batch.claim_end - batch.claim_begin;
  batch.buffer.assign(begin, begin + size);
  batch.buffer.resize(size + limits::padding_bytes, '\0');
  batch.bytes = {batch.buffer.data(), size};
}

void MemoryInput::wait(DurationNs timeout_ns) {
  std::unique_lock lock(mutex_);
  woken_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [&] { return wake_; });
  wake_ = false;
}

void MemoryInput::wake() {
  const std::lock_guard lock(mutex_);
  wake_ = true;
  woken_.notify_all();
}

std::uint64_t MemoryInput::bytes_total() const {
  std::uint64_t total = 0;
  for (const MemorySource& source : sources_) {
    total += source.text.size();
  }
  return total;
}

}  // namespace tocsin::testing
