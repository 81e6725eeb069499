// SPDX-License-Identifier: Apache-2.0
// The input of scan. claim() opens file after file and hands out, in this order of preference: a
// range of a plain file of lines, a small compressed file as a whole (both are read by the worker,
// in load()), or a batch that it read itself.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/limits.h"
#include "engine/input/decompress.h"
#include "engine/input/fd.h"
#include "engine/input/file_list.h"
#include "engine/input/glob.h"
#include "engine/input/inputs.h"
#include "engine/input/range_reader.h"
#include "engine/input/serial_reader.h"

namespace tocsin {

namespace {

constexpr std::size_t head_bytes = 64u << 10;
// How much of a file's head is read to find out whether it is one of lines; its first document may
// be long.
constexpr std::size_t head_bytes_max = 1u << 20;
// A compressed file is inflated whole by a worker if its output is expected to be below this ...
constexpr std::uint64_t whole_output_bytes = 64u << 20;
// ... or, where that is unknown or a lie (several members), if the file itself is small.
constexpr std::uint64_t whole_unknown_bytes = 1u << 20;

// What load() needs of a claim. The file stays open until the last of its claims is done.
struct Claimed {
  std::shared_ptr<const Fd> file;
  SourceInfo info;
  std::uint64_t size = 0;
  bool whole = false;      // compressed: inflate all of it
  std::size_t number = 0;  // whole: of the file in the list
};

struct Tools {
  WholeInflater inflater;
  std::vector<char> compressed;
};

class ScanInput final : public Input {
 public:
  ScanInput(FileInputOptions options, std::vector<ListedFile> files, Fd wake)
      : options_(std::move(options)), files_(std::move(files)), wake_(std::move(wake)) {
    options_.batch_bytes =
        std::clamp<std::size_t>(options_.batch_bytes, 1, limits::record_bytes_max);
    for (const ListedFile& file : files_) {
      bytes_total_ += file.stat.kind == FileKind::regular ? file.stat.size : 0;
    }
  }

  ClaimStatus claim(Batch& batch) override;
  void load(Batch& batch) override;
  void wait(DurationNs timeout_ns) override;
  void wake() override {
    const std::uint64_t one = 1;
    // A full counter wakes as well: what the write returns does not matter.
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  }
  std::uint64_t bytes_total() const override { return bytes_total_; }
  std::uint64_t bytes_done() const override { return bytes_done_.load(std::memory_order_relaxed); }

 private:
  bool open_next(Batch& batch);
  void open_stdin();
  bool open_regular(const ListedFile& listed,
                    std::shared_ptr<const Fd> file,
                    const FileStat& stat,
                    Batch& batch);
  bool open_compressed(std::shared_ptr<const Fd> file, const FileStat& stat, Batch& batch);
  void open_serial(std::shared_ptr<const Fd> file, bool seekable, std::uint64_t begin);
  bool takes_whole(const Fd& file, std::uint64_t size) const;
  std::optional<ClaimStatus> claim_serial(Batch& batch);
  bool claim_range(Batch& batch);
  bool open_large();
  void load_whole(const Claimed& claimed, Batch& batch);
  void notice(InputNotice::Kind kind,
              std::string_view code,
              std::string message,
              const std::string& path,
              std::uint64_t bytes = 0) const;
  void notice_nuls(const Framer& framer, const std::string& path) const;
  void notice_end(StreamStatus status, Codec codec, int error, const std::string& path) const;

  FileInputOptions options_;
  std::vector<ListedFile> files_;
  Fd wake_;
  std::size_t next_file_ = 0;
  std::set<FileId> seen_;
  std::uint64_t bytes_total_ = 0;
  std::atomic<std::uint64_t> bytes_done_{0};

  // The file that is being handed out, if any.
  SourceInfo info_;
  std::shared_ptr<const Fd> file_;
  std::optional<RangeReader> ranges_;
  std::optional<SerialReader> serial_;
  std::uint64_t counted_ = 0;  // of its bytes in bytes_done_
  std::vector<char> head_;

  // Claims of whole files that load() is not done with, and those that turned out to be too large
  // for it: they are read piece by piece behind all others.
  std::mutex large_mutex_;
  std::size_t loading_ = 0;
  std::set<std::size_t> large_;

  std::mutex tools_mutex_;
  std::vector<std::unique_ptr<Tools>> tools_;
};

void ScanInput::notice(InputNotice::Kind kind,
                       std::string_view code,
                       std::string message,
                       const std::string& path,
                       std::uint64_t bytes) const {
  if (options_.notice) {
    options_.notice({kind, std::string(code), path, std::move(message), bytes});
  }
}

void ScanInput::notice_end(StreamStatus status,
                           Codec codec,
                           int error,
                           const std::string& path) const {
  if (status == StreamStatus::read_error) {
    notice(InputNotice::Kind::unreadable, "unreadable", system_error_text(error), path);
  } else if (status != StreamStatus::end) {
    notice(InputNotice::Kind::unreadable,
           status_code(status, codec),
           std::string(status_text(status)),
           path);
  }
}

// A hole is skipped where records follow; a stream that is nothing else was most likely never
// written, or overwritten, and passes for an empty log.
void ScanInput::notice_nuls(const Framer& framer, const std::string& path) const {
  if (framer.skipped_nul_bytes() > 0 && framer.first_document().empty()) {
    notice(InputNotice::Kind::unreadable,
           "only-nuls",
           "it holds no record, only NUL bytes: it was never written, or its content is lost",
           path,
           framer.skipped_nul_bytes());
  }
}

ClaimStatus ScanInput::claim(Batch& batch) {
  while (true) {
    if (ranges_ && claim_range(batch)) {
      break;
    }
    if (serial_) {
      const std::optional<ClaimStatus> status = claim_serial(batch);
      if (status == ClaimStatus::idle) {
        return ClaimStatus::idle;
      }
      if (status) {
        break;
      }
    }
    if (next_file_ == files_.size()) {
      {
        const std::lock_guard lock(large_mutex_);
        if (loading_ > 0) {
          return ClaimStatus::idle;
        }
      }
      if (!open_large()) {
        return ClaimStatus::finished;
      }
      continue;
    }
    if (open_next(batch)) {
      break;
    }
  }
  if (options_.now) {
    batch.received_at = options_.now();
  }
  return ClaimStatus::batch;
}

// True: `batch` is claimed (a compressed file as a whole).
bool ScanInput::open_next(Batch& batch) {
  const ListedFile& listed = files_[next_file_++];
  info_ = {options_.id, listed.path, options_.decode, {}};
  counted_ = 0;
  if (listed.path == "-") {
    open_stdin();
    return false;
  }
  FileStat stat;
  int error = 0;
  auto file = std::make_shared<const Fd>(open_listed(listed, stat, error));
  if (!*file) {
    notice(InputNotice::Kind::unreadable,
           "unreadable",
           error == 0 ? "it is no longer the file it was when the folder was read"
                      : system_error_text(error),
           listed.path);
    return false;
  }
  if (stat.kind == FileKind::folder || !seen_.insert(stat.id).second) {
    return false;  // read under another name
  }
  if (stat.kind != FileKind::regular || (stat.size == 0 && listed.named)) {
    // What the user names himself may be a pipe, or a file of /proc, which says it is empty.
    open_serial(std::move(file), false, 0);
    return false;
  }
  return open_regular(listed, std::move(file), stat, batch);
}

void ScanInput::open_stdin() {
  auto file = std::make_shared<const Fd>(::dup(STDIN_FILENO));
  if (!*file) {
    notice(InputNotice::Kind::unreadable, "unreadable", system_error_text(errno), "-");
    return;
  }
  open_serial(std::move(file), false, 0);
}

bool ScanInput::open_regular(const ListedFile& listed,
                             std::shared_ptr<const Fd> file,
                             const FileStat& stat,
                             Batch& batch) {
  Framer framer;
  std::vector<Frame> frames;
  std::size_t consumed = 0;
  for (std::size_t wanted = head_bytes; framer.mode() == Framer::Mode::undecided; wanted *= 4) {
    head_.resize(std::max(head_.size(), wanted));
    const std::ptrdiff_t got = pread_all(file->get(), head_.data(), wanted, 0);
    if (got < 0) {
      notice(InputNotice::Kind::unreadable, "unreadable", system_error_text(errno), listed.path);
      return false;
    }
    const std::size_t known = static_cast<std::size_t>(got);
    if (codec_of({head_.data(), known}) != Codec::none) {
      return open_compressed(std::move(file), stat, batch);
    }
    const bool end = known < wanted;
    consumed += framer.feed({head_.data() + consumed, known - consumed}, consumed, end, frames);
    if (end || wanted >= head_bytes_max) {
      break;
    }
  }
  if (framer.mode() == Framer::Mode::lines && !frames.empty() && !frames.front().broken) {
    const std::uint64_t begin = framer.skipped_nul_bytes() > 0 ? frames.front().offset : 0;
    ranges_.emplace(
        file, identify(info_, framer.first_document()), begin, stat.size, options_.batch_bytes);
    file_ = std::move(file);
    bytes_done_ += begin;
  } else {
    open_serial(std::move(file), true, 0);
  }
  return false;
}

bool ScanInput::takes_whole(const Fd& file, std::uint64_t size) const {
  if (size > limits::inflate_whole_bytes_max) {
    return false;
  }
  char last[4] = {};
  if (size < sizeof last ||
      pread_all(file.get(), last, sizeof last, size - sizeof last) != sizeof last) {
    return true;
  }
  const std::uint64_t expected =
      expected_size({head_.data(), std::min<std::size_t>(head_.size(), size)}, {last, 4}, size);
  return expected <= whole_output_bytes && (expected > size || size <= whole_unknown_bytes);
}

bool ScanInput::open_compressed(std::shared_ptr<const Fd> file,
                                const FileStat& stat,
                                Batch& batch) {
  if (!takes_whole(*file, stat.size)) {
    open_serial(std::move(file), true, 0);
    return false;
  }
  batch.claim =
      std::make_shared<Claimed>(Claimed{std::move(file), info_, stat.size, true, next_file_ - 1});
  {
    const std::lock_guard lock(large_mutex_);
    ++loading_;
  }
  // Its stream id is known when load() has inflated it.
  batch.source = std::make_shared<const SourceInfo>(info_);
  batch.first_of_source = true;
  batch.last_of_source = true;
  bytes_done_ += stat.size;
  return true;
}

// The next of the files that are larger than they seemed; false: there is none. No claim of a whole
// file is being loaded any more, so their order is that of the list, whatever the threads did.
bool ScanInput::open_large() {
  if (large_.empty()) {
    return false;
  }
  const ListedFile& listed = files_[*large_.begin()];
  large_.erase(large_.begin());
  info_ = {options_.id, listed.path, options_.decode, {}};
  counted_ = 0;
  FileStat stat;
  int error = 0;
  auto file = std::make_shared<const Fd>(open_listed(listed, stat, error));
  if (!*file) {
    notice_end(StreamStatus::read_error, Codec::none, error, listed.path);
    return true;
  }
  open_serial(std::move(file), true, 0);
  return true;
}

void ScanInput::open_serial(std::shared_ptr<const Fd> file, bool seekable, std::uint64_t begin) {
  file_ = file;
  serial_.emplace(ByteSource(std::move(file), seekable, begin, false), info_, options_.batch_bytes);
}

bool ScanInput::claim_range(Batch& batch) {
  switch (ranges_->claim(batch)) {
    case RangeReader::Status::batch:
      batch.claim = std::make_shared<Claimed>(Claimed{file_, info_, 0, false, 0});
      bytes_done_ += batch.claim_end - batch.claim_begin;
      return true;
    case RangeReader::Status::end:
      file_.reset();
      break;
    case RangeReader::Status::large_line: {
      Framer framer;
      framer.resume(Framer::Mode::lines);
      serial_.emplace(ByteSource(file_, true, ranges_->position(), true),
                      ranges_->source(),
                      std::move(framer),
                      ranges_->position(),
                      options_.batch_bytes);
      break;
    }
  }
  ranges_.reset();
  return false;
}

// nullopt: there is no more of it.
std::optional<ClaimStatus> ScanInput::claim_serial(Batch& batch) {
  const SerialReader::Status status = serial_->next(batch);
  bytes_done_ += serial_->bytes().raw_bytes() - counted_;
  counted_ = serial_->bytes().raw_bytes();
  if (status == SerialReader::Status::would_block) {
    return ClaimStatus::idle;
  }
  if (serial_->final_status() != StreamStatus::ok) {
    notice_end(
        serial_->final_status(), serial_->bytes().codec(), serial_->bytes().error(), info_.name);
    notice_nuls(serial_->framer(), info_.name);
    serial_.reset();
    file_.reset();
  }
  return status == SerialReader::Status::batch ? std::optional(ClaimStatus::batch) : std::nullopt;
}

void ScanInput::load(Batch& batch) {
  const auto* claimed = static_cast<const Claimed*>(batch.claim.get());
  if (claimed == nullptr) {
    return;  // claim() read it
  }
  if (claimed->whole) {
    load_whole(*claimed, batch);
    return;
  }
  int error = 0;
  const std::uint64_t missing = load_range(*claimed->file, batch, error);
  if (error != 0) {
    notice(InputNotice::Kind::unreadable,
           "unreadable",
           system_error_text(error),
           claimed->info.name,
           missing);
  } else if (missing > 0) {
    notice(InputNotice::Kind::lost,
           "file-shrank",
           "it became shorter while it was read",
           claimed->info.name,
           missing);
  }
}

void ScanInput::load_whole(const Claimed& claimed, Batch& batch) {
  std::unique_ptr<Tools> tools;
  {
    const std::lock_guard lock(tools_mutex_);
    if (!tools_.empty()) {
      tools = std::move(tools_.back());
      tools_.pop_back();
    }
  }
  if (tools == nullptr) {
    tools = std::make_unique<Tools>();
  }
  const std::size_t size = static_cast<std::size_t>(claimed.size);
  tools->compressed.resize(std::max(tools->compressed.size(), size));
  const std::ptrdiff_t got = pread_all(claimed.file->get(), tools->compressed.data(), size, 0);
  if (got < 0) {
    notice_end(StreamStatus::read_error, Codec::none, errno, claimed.info.name);
  }
  const std::size_t known = static_cast<std::size_t>(std::max<std::ptrdiff_t>(got, 0));
  const Inflated inflated =
      tools->inflater.inflate({tools->compressed.data(), known}, whole_output_bytes, batch.buffer);
  const bool too_large =
      inflated.status == StreamStatus::too_large || inflated.status == StreamStatus::too_dense;
  if (too_large) {
    std::vector<char>().swap(batch.buffer);
    bytes_done_ -= claimed.size;
  } else {
    if (got >= 0) {
      notice_end(inflated.status, inflated.codec, 0, claimed.info.name);
    }
    make_room(batch.buffer, inflated.size);
    pad(batch.buffer, inflated.size);
    batch.bytes = {batch.buffer.data(), inflated.size};
    Framer framer;
    framer.feed(batch.bytes, 0, true, batch.frames);
    notice_nuls(framer, claimed.info.name);
    batch.source = identify(claimed.info, framer.first_document());
  }
  {
    const std::lock_guard lock(tools_mutex_);
    tools_.push_back(std::move(tools));
  }
  {
    const std::lock_guard lock(large_mutex_);
    --loading_;
    if (too_large) {
      large_.insert(claimed.number);
    }
  }
  wake();  // who waits for the last of the files may go on
}

void ScanInput::wait(DurationNs timeout_ns) {
  // Only a pipe makes claim() idle.
  struct pollfd wanted[2] = {{wake_.get(), POLLIN, 0}, {file_ ? file_->get() : -1, POLLIN, 0}};
  const DurationNs milliseconds = std::clamp<DurationNs>(timeout_ns / 1'000'000, 0, 60'000);
  if (::poll(wanted, 2, static_cast<int>(milliseconds)) > 0 && (wanted[0].revents & POLLIN) != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
  }
}

}  // namespace

Result<std::unique_ptr<Input>> make_scan_input(FileInputOptions options) {
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) {
    return fail("no event descriptor can be made: " + system_error_text(errno));
  }
  FileList list(options);
  std::vector<ListedFile> files = list.list();
  if (!list.missing().empty()) {
    const std::string& path = list.missing().front();
    return fail(path + ": " +
                (is_glob(path) ? "nothing matches" : "there is no such file or folder"));
  }
  if (files.empty() && !options.paths.empty() && options.notice) {
    options.notice(
        {InputNotice::Kind::warning, "no-files", options.paths.front(), "no file to read", 0});
  }
  return std::unique_ptr<Input>(
      std::make_unique<ScanInput>(std::move(options), std::move(files), std::move(wake)));
}

}  // namespace tocsin
