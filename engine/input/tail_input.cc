// SPDX-License-Identifier: Apache-2.0
#include "engine/input/tail_input.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/limits.h"

namespace tocsin {

namespace {

// A step of the clock counts as at most this.
constexpr DurationNs clock_step_max_ns = second_ns;
// A look that inotify asks for comes no sooner than this after the last one.
constexpr DurationNs hinted_look_ns = 50'000'000;
// While inotify sees every folder, files that nothing is heard of are looked at so many times less
// often.
constexpr DurationNs watched_look_factor = 10;
// A file is asked for news every poll_ns for this long after its last change.
constexpr DurationNs hot_ns = 10 * second_ns;
// After a wake-up nothing is heard for so long, so that a writer of single lines does not wake us
// for each.
constexpr int deaf_ms = 4;
// How often the numbers for metrics are brought up to date.
constexpr DurationNs status_interval_ns = second_ns;
// Descriptors that are left to the rest of the program.
constexpr std::size_t spare_descriptors = 128;
constexpr std::size_t open_files_max = 4096;
// Files that are not followed any more, but recognised.
constexpr std::size_t known_files_max = 20'000;

std::size_t open_budget() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return open_files_max;
  }
  const auto allowed = static_cast<std::size_t>(limit.rlim_cur);
  return std::clamp<std::size_t>(allowed > spare_descriptors ? allowed - spare_descriptors : 1,
                                 std::max<std::size_t>(1, allowed / 4),
                                 open_files_max);
}

}  // namespace

TailInput::TailInput(FileInputOptions options,
                     TailOptions tail,
                     const std::string& positions,
                     Fd wake)
    : options_(std::move(options)),
      tail_(tail),
      list_(options_),
      wake_(std::move(wake)),
      known_(known_files_max),
      open_max_(open_budget()) {
  options_.batch_bytes = std::clamp<std::size_t>(options_.batch_bytes, 1, limits::record_bytes_max);
  load_positions(positions);
}

TailInput::~TailInput() = default;

void TailInput::load_positions(const std::string& positions) {
  std::size_t malformed = 0;
  for (const auto& [key, text] : parse_rows(positions, malformed)) {
    if (key == started_key) {
      first_start_ = false;
    } else if (std::optional<SavedFile> saved = parse_row_text(text)) {
      first_start_ = false;
      known_.add(std::move(*saved));
    } else {
      ++malformed;
    }
  }
  if (malformed > 0) {
    first_start_ = false;  // what is there is read, rather than taken for known
    notice(InputNotice::Kind::warning,
           "position-damaged",
           std::to_string(malformed) +
               " positions cannot be read: their files are read from the beginning",
           options_.id);
  }
  append_row(started_key, "1", rows_);
}

void TailInput::notice(InputNotice::Kind kind,
                       std::string_view code,
                       std::string message,
                       const std::string& path,
                       std::uint64_t bytes) {
  if (options_.notice) {
    options_.notice({kind, std::string(code), path, std::move(message), bytes});
  }
}

void TailInput::notice_once(InputNotice::Kind kind,
                            const char* code,
                            std::string message,
                            const std::string& path) {
  if (told_.emplace(code, path).second) {
    notice(kind, code, std::move(message), path);
  }
}

SourceInfo TailInput::info_of(const std::string& path) const {
  return {options_.id, path, options_.decode, {}};
}

// --- time ---

void TailInput::tick() {
  if (!options_.now) {
    elapsed_ += tail_.poll_ns;
    return;
  }
  const TimeNs now = options_.now();
  if (last_now_ != 0) {
    elapsed_ += std::clamp<DurationNs>(now - last_now_, 0, clock_step_max_ns);
  }
  last_now_ = now;
}

DurationNs TailInput::next_due() const {
  const bool asleep = watcher_.sees_all() && !hinted_;
  const DurationNs look_after = hinted_ ? std::min(hinted_look_ns, tail_.rescan_ns)
                                        : tail_.rescan_ns * (asleep ? watched_look_factor : 1);
  return std::min(looked_at_ + look_after, polled_at_ + tail_.poll_ns) - elapsed_;
}

void TailInput::start() {
  tick();
  look();
  looked_at_ = elapsed_;
  note_status();
}

// Looks for news, as far as it is time to.
void TailInput::look_around() {
  tick();
  hinted_ = watcher_.drain([this](const std::string& path) {
    const auto found = by_path_.find(path);
    if (found != by_path_.end()) {
      found->second->changed_at = elapsed_;
      enqueue(*found->second);
    }
  }) || hinted_;
  const DurationNs since_look = elapsed_ - looked_at_;
  const DurationNs look_after = tail_.rescan_ns * (watcher_.sees_all() ? watched_look_factor : 1);
  if (!looked_ || since_look >= look_after ||
      (hinted_ && since_look >= std::min(hinted_look_ns, tail_.rescan_ns))) {
    hinted_ = false;
    look();
    looked_at_ = elapsed_;
  }
  if (elapsed_ - polled_at_ >= tail_.poll_ns) {
    polled_at_ = elapsed_;
    poll_files();
  }
}

void TailInput::keep_up() {
  look_around();
}

ClaimStatus TailInput::claim(Batch& batch) {
  look_around();
  if (claim_file(batch) || claim_pipe(batch) || claim_rows(batch)) {
    batch.received_at = last_now_;
    batch.position = std::move(rows_);
    rows_.clear();
    rows_at_once_ = false;
    return ClaimStatus::batch;
  }
  const bool only_pipes = !pipe_paths_.empty() && pipe_paths_.size() == options_.paths.size();
  const bool ended =
      std::all_of(pipes_.begin(), pipes_.end(), [](const Pipe& pipe) { return pipe.ended; });
  return only_pipes && ended ? ClaimStatus::finished : ClaimStatus::idle;
}

void TailInput::wait(DurationNs timeout_ns) {
  const bool busy = !ready_.empty() || !backlog_.empty();
  const DurationNs due =
      busy ? 0 : std::clamp<DurationNs>(std::min(timeout_ns, next_due()), 0, minute_ns);
  // Rounded up: a wait of less than a millisecond would be none.
  const int total_ms = static_cast<int>((due + 999'999) / 1'000'000);
  const int deaf = std::min(deaf_ms, total_ms);
  std::vector<struct pollfd> wanted{{wake_.get(), POLLIN, 0}};
  for (const Pipe& pipe : pipes_) {
    wanted.push_back({pipe.ended ? -1 : pipe.fd->get(), POLLIN, 0});
  }
  int ready = ::poll(wanted.data(), wanted.size(), deaf);
  if (ready == 0 && total_ms > deaf) {
    wanted.push_back({watcher_.fd(), POLLIN, 0});
    ready = ::poll(wanted.data(), wanted.size(), total_ms - deaf);
  }
  if (ready > 0 && (wanted.front().revents & POLLIN) != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
  }
}

void TailInput::wake() {
  const std::uint64_t one = 1;
  // A full counter wakes as well: what the write returns does not matter.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

// --- whose turn it is ---

void TailInput::enqueue(TailFile& file) {
  if (!file.queued) {
    file.queued = true;
    (file.backlog ? backlog_ : ready_).push_back(&file);
  }
}

// What inotify does not tell: files that change are asked every poll_ns, all others when the
// folders are looked through.
void TailInput::poll_files() {
  for (const auto& entry : files_) {
    TailFile& file = *entry.second;
    const bool waits = file.state == TailFile::State::held ||
                       file.state == TailFile::State::packed_waiting ||
                       file.state == TailFile::State::packed_held;
    if (file.gone || waits || (file.fd != nullptr && elapsed_ - file.changed_at < hot_ns)) {
      enqueue(file);
    }
  }
  take_gone();
  if (elapsed_ - noted_at_ >= status_interval_ns) {
    noted_at_ = elapsed_;
    note_status();
  }
}

void TailInput::note_status() {
  InputStatus now;
  now.input = options_.id;
  now.files = files_.size() + pipes_.size();
  now.files_open = open_.size() + pipes_.size();
  now.rotations = rotations_;
  now.restarts = restarts_;
  for (const auto& entry : files_) {
    const TailFile& file = *entry.second;
    const bool plain = file.codec == Codec::none && file.state == TailFile::State::plain;
    const std::uint64_t size = std::max(file.stat.size, file.known_size);
    now.bytes_behind += plain && size > file.offset ? size - file.offset : 0;
  }
  const std::lock_guard lock(status_mutex_);
  status_ = std::move(now);
}

void TailInput::status(std::vector<InputStatus>& out) const {
  const std::lock_guard lock(status_mutex_);
  out.push_back(status_);
}

std::string TailInput::positions() const {
  std::string rows;
  append_row(started_key, "1", rows);
  for (const KnownFiles::Number number : known_.all()) {
    append_row(row_key(known_.get(number).id), row_text(known_.get(number)), rows);
  }
  for (const auto& entry : files_) {
    append_row(row_key(entry.first), row_text(save(*entry.second)), rows);
  }
  return rows;
}

// One turn of one file: files that grow and the backlog alternate; the backlog is read file after
// file, in its order.
bool TailInput::claim_file(Batch& batch) {
  std::size_t turns = ready_.size() + backlog_.size();
  for (; turns > 0; --turns) {
    backlog_turn_ = !backlog_turn_;
    const bool from_backlog = ready_.empty() || (backlog_turn_ && !backlog_.empty());
    std::deque<TailFile*>& queue = from_backlog ? backlog_ : ready_;
    if (queue.empty()) {
      break;
    }
    TailFile& file = *queue.front();
    queue.pop_front();
    file.queued = false;
    bool made = false;
    switch (file.state) {
      case TailFile::State::plain:
        made = read_plain(file, batch);
        break;
      case TailFile::State::held:
        settle_held(file);
        break;
      case TailFile::State::packed_waiting:
        probe_packed(file);
        break;
      case TailFile::State::packed_held:
        start_packed(file);
        break;
      case TailFile::State::packed_reading:
        made = read_packed(file, batch);
        break;
      case TailFile::State::done:
        break;
    }
    if (made) {
      complete(file, batch);
    }
    const bool more = may_have_more(file) || made;
    if (more && from_backlog && !file.queued) {
      file.queued = true;
      backlog_.push_front(&file);
    } else if (more) {
      enqueue(file);
    } else {
      file.backlog = false;
    }
    if (made) {
      return true;
    }
  }
  return false;
}

bool TailInput::may_have_more(const TailFile& file) const {
  return file.state == TailFile::State::packed_reading || file.probe != nullptr;
}

void TailInput::complete(TailFile& file, Batch& batch) {
  batch.source = file.source;
  batch.first_of_source = !file.begun;
  file.begun = true;
  file.changed_at = elapsed_;
  if (file.codec == Codec::none) {
    grow_head(file, tail_.head_bytes);
  }
  index_head(file);
  mark_changed(file);
}

bool TailInput::claim_pipe(Batch& batch) {
  for (Pipe& pipe : pipes_) {
    if (pipe.ended) {
      continue;
    }
    const std::uint64_t before = pipe.reader.bytes().raw_bytes();
    const SerialReader::Status status = pipe.reader.next(batch);
    bytes_done_ += pipe.reader.bytes().raw_bytes() - before;
    if (pipe.reader.final_status() != StreamStatus::ok) {
      pipe.ended = true;
      if (pipe.reader.final_status() != StreamStatus::end) {
        notice(InputNotice::Kind::unreadable,
               status_code(pipe.reader.final_status(), pipe.reader.bytes().codec()),
               std::string(status_text(pipe.reader.final_status())),
               pipe.path);
      }
    }
    if (status == SerialReader::Status::batch) {
      return true;
    }
  }
  return false;
}

// A batch without records: what changed must be committed though nothing was read, or a stream has
// ended.
bool TailInput::claim_rows(Batch& batch) {
  if (ended_.empty() && !(rows_at_once_ && !rows_.empty())) {
    return false;
  }
  if (ended_.empty()) {
    batch.source = std::make_shared<SourceInfo>(info_of(options_.id));
  } else {
    batch.source = std::move(ended_.back());
    ended_.pop_back();
  }
  batch.last_of_source = true;
  return true;
}

void TailInput::mark_changed(const TailFile& file) {
  append_row(row_key(file.id), row_text(save(file)), rows_);
}

// --- descriptors ---

void TailInput::lend(TailFile& file, std::shared_ptr<const Fd> fd) {
  close(file);
  while (open_.size() >= open_max_) {
    // One that is gone cannot be opened again: it keeps its descriptor until it is dropped.
    const auto victim = std::find_if(open_.begin(), open_.end(), [](const TailFile* other) {
      return !other->gone && other->state != TailFile::State::packed_reading;
    });
    if (victim == open_.end()) {
      break;
    }
    close(**victim);
  }
  file.fd = std::move(fd);
  file.recent = open_.insert(open_.end(), &file);
}

void TailInput::close(TailFile& file) {
  if (file.fd != nullptr) {
    open_.erase(file.recent);
    file.fd.reset();
  }
}

// False: it cannot be read now.
bool TailInput::ensure_open(TailFile& file) {
  if (file.fd != nullptr) {
    open_.splice(open_.end(), open_, file.recent);
    return true;
  }
  if (file.gone) {
    return false;
  }
  FileStat stat;
  int error = 0;
  auto fd = std::make_shared<const Fd>(open_listed(file.listing, stat, error));
  if (!*fd) {
    if (error != ENOENT && error != 0) {
      notice_once(InputNotice::Kind::unreadable, "unreadable", system_error_text(error), file.path);
    }
    hinted_ = true;  // it was moved: look where to
    return false;
  }
  ListedFile now = file.listing;
  now.stat = stat;
  if (!(effective_id(now) == file.id)) {
    hinted_ = true;
    return false;
  }
  lend(file, std::move(fd));
  return true;
}

Result<std::unique_ptr<Input>> make_tail_input(FileInputOptions options,
                                               TailOptions tail,
                                               std::string positions) {
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) {
    return fail("no event descriptor can be made: " + system_error_text(errno));
  }
  if (options.paths.empty()) {
    return fail("no path to follow");
  }
  auto input = std::make_unique<TailInput>(std::move(options), tail, positions, std::move(wake));
  input->start();
  return std::unique_ptr<Input>(std::move(input));
}

}  // namespace tocsin
