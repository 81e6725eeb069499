// SPDX-License-Identifier: Apache-2.0
// Drives a tail input as a run does, on a clock of its own: every idle claim moves it by one poll
// interval.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/input/inputs.h"
#include "engine/input/saved_file.h"
#include "tests/input/folder.h"

namespace tocsin::testing {

class Tail {
 public:
  struct Settings {
    bool from_beginning = false;
    std::size_t batch_bytes = limits::batch_bytes;
    std::string positions;
    std::vector<std::string> exclude;
    bool follow_links = false;
  };

  explicit Tail(std::vector<std::string> paths) : Tail(std::move(paths), Settings()) {}
  Tail(std::vector<std::string> paths, const Settings& settings) {
    FileInputOptions options;
    options.paths = std::move(paths);
    options.exclude = settings.exclude;
    options.batch_bytes = settings.batch_bytes;
    options.follow_links = settings.follow_links;
    options.notice = [this](const InputNotice& notice) { notices.push_back(notice); };
    options.now = [this] { return now_; };
    TailOptions tail;
    tail.from_beginning = settings.from_beginning;
    tail.poll_ns = poll_ns;
    tail.rescan_ns = poll_ns;
    tail.rotate_wait_ns = 20 * poll_ns;
    tail.compressed_stall_ns = 40 * poll_ns;
    Result<std::unique_ptr<Input>> made =
        make_tail_input(std::move(options), tail, settings.positions);
    REQUIRE(made.has_value());
    input_ = std::move(*made);
    std::size_t malformed = 0;
    positions_ = parse_rows(settings.positions, malformed);
  }

  // Claims until nothing came for `idle` poll intervals.
  void run(int idle = 12) {
    while (idle > 0) {
      idle -= step() ? 0 : 1;
    }
  }
  // Long enough for what is gone to be given up.
  void run_past_rotation() { run(80); }

  // One claim; true: a batch.
  bool step() {
    batch_.clear();
    const ClaimStatus status = input_->claim(batch_);
    finished = status == ClaimStatus::finished;
    if (status != ClaimStatus::batch) {
      now_ += poll_ns;
      return false;
    }
    input_->load(batch_);
    collect(batch_, records);
    std::size_t malformed = 0;
    const std::string all = positions() + batch_.position;
    positions_ = parse_rows(all, malformed);
    CHECK(malformed == 0);
    return true;
  }

  // What a store would have committed.
  std::string positions() const {
    std::string rows;
    for (const auto& [key, text] : positions_) {
      append_row(key, text, rows);
    }
    return rows;
  }

  std::vector<std::string> take() {
    std::vector<std::string> list = texts(records);
    records.clear();
    return list;
  }

  std::vector<std::string> notice_codes() const { return codes(notices); }
  bool noticed(const std::string& code) const {
    const std::vector<std::string> list = codes(notices);
    return std::find(list.begin(), list.end(), code) != list.end();
  }
  void step_clock(DurationNs by) { now_ += by; }
  Input& input() { return *input_; }

  static constexpr DurationNs poll_ns = 100'000'000;
  std::vector<Record> records;
  std::vector<InputNotice> notices;
  bool finished = false;

 private:
  TimeNs now_ = 1'700'000'000 * second_ns;
  std::unique_ptr<Input> input_;
  Batch batch_;
  std::map<std::string, std::string> positions_;
};

}  // namespace tocsin::testing
