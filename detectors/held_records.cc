// SPDX-License-Identifier: Apache-2.0
#include "detectors/held_records.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <queue>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "detectors/feed_state.h"
#include "engine/base/prefetch.h"
#include "engine/base/wire.h"

namespace tocsin {

namespace {

constexpr std::size_t buffer_bytes = 256u << 10;
// Records whose memory is fetched before they are visited.
constexpr std::size_t records_ahead = 16;
constexpr unsigned digit_bits = 11;
constexpr std::size_t digits = std::size_t{1} << digit_bits;

// In the order of times, those before 1970 included.
std::uint64_t ordered(TimeNs time) {
  return static_cast<std::uint64_t>(time) ^ (std::uint64_t{1} << 63);
}

Result<int> open_unnamed_file() {
  std::error_code error;
  std::string path = (std::filesystem::temp_directory_path(error) / "tocsin-sort-XXXXXX").string();
  if (error) {
    return fail("there is no folder for temporary files: " + error.message());
  }
  const int file = mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) {
    return fail("cannot make " + path + ": " + std::strerror(errno));
  }
  unlink(path.c_str());  // it goes with us
  return file;
}

Result<void> write_at(int file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return fail(std::strerror(errno));
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

}  // namespace

// Reads one run, a record at a time. Each is its size, in eight bytes, and so many bytes.
class HeldRecords::RunReader {
 public:
  RunReader(int file, const Run& run) : file_(file), at_(run.begin), end_(run.end) {}

  const Feed& feed() const { return feed_; }
  const FeedRecord& record() const { return feed_.records.front(); }

  // False: the run is over.
  Result<bool> next() {
    if (at_ == end_ && used_ == buffer_.size()) {
      return false;
    }
    Result<std::string_view> head = take(8);
    if (!head) {
      return Unexpected<Error>{head.error()};
    }
    std::uint64_t size = 0;
    std::memcpy(&size, head->data(), 8);
    Result<std::string_view> bytes = take(static_cast<std::size_t>(size));
    if (!bytes) {
      return Unexpected<Error>{bytes.error()};
    }
    WireReader reader(*bytes);
    if (!load_feed_record(reader, feed_) || !reader.at_end()) {
      return fail("a sorted run is damaged");
    }
    return true;
  }

 private:
  // The next bytes; valid until the next call.
  Result<std::string_view> take(std::size_t size) {
    while (buffer_.size() - used_ < size) {
      buffer_.erase(0, used_);
      used_ = 0;
      const std::size_t had = buffer_.size();
      const auto wanted = static_cast<std::size_t>(
          std::min<std::uint64_t>(std::max<std::uint64_t>(buffer_bytes, size - had), end_ - at_));
      buffer_.resize(had + wanted);
      const ssize_t got = pread(file_, buffer_.data() + had, wanted, static_cast<off_t>(at_));
      if (got < 0 && errno == EINTR) {
        buffer_.resize(had);
        continue;
      }
      if (got <= 0) {
        return fail("a sorted run cannot be read back: " +
                    std::string(got < 0 ? std::strerror(errno) : "it ends too early"));
      }
      buffer_.resize(had + static_cast<std::size_t>(got));
      at_ += static_cast<std::uint64_t>(got);
    }
    const std::string_view bytes(buffer_.data() + used_, size);
    used_ += size;
    return bytes;
  }

  int file_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::string buffer_;
  std::size_t used_ = 0;
  Feed feed_;
};

HeldRecords::~HeldRecords() {
  if (file_ >= 0) {
    close(file_);
  }
}

void HeldRecords::add(const std::shared_ptr<const Feed>& feed,
                      const std::vector<std::uint32_t>& records) {
  if (records.empty()) {
    return;
  }
  const auto number = static_cast<std::uint32_t>(feeds_.size());
  for (const std::uint32_t record : records) {
    const FeedRecord& held = feed->records[record];
    refs_.push_back({*held.time, held.sequence, number, record});
  }
  feeds_.push_back(feed);
  bytes_ += feed->bytes() + records.size() * sizeof(Ref);
  if (bytes_ > bytes_max_ && problem_.empty()) {
    spill();
  }
}

// Records come in the order of their sequences, so that it is enough to sort them by time and to
// keep the order of equal times: digit by digit, of the digits in which times differ at all.
void HeldRecords::sort() {
  const auto by_sequence = [](const Ref& a, const Ref& b) { return a.sequence < b.sequence; };
  if (!std::is_sorted(refs_.begin(), refs_.end(), by_sequence)) {
    std::sort(refs_.begin(), refs_.end(), by_sequence);
  }
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t most = 0;
  for (const Ref& ref : refs_) {
    least = std::min(least, ordered(ref.time));
    most = std::max(most, ordered(ref.time));
  }
  std::vector<Ref> sorted;
  for (unsigned shift = 0; shift < 64 && !refs_.empty() && (most - least) >> shift != 0;
       shift += digit_bits) {
    const auto digit = [&](const Ref& ref) {
      return static_cast<std::size_t>((ordered(ref.time) - least) >> shift) & (digits - 1);
    };
    std::array<std::size_t, digits + 1> begin{};
    for (const Ref& ref : refs_) {
      ++begin[digit(ref) + 1];
    }
    if (std::count(begin.begin(), begin.end(), refs_.size()) > 0) {
      continue;  // all alike: whole seconds have many such digits
    }
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    sorted.resize(refs_.size());
    for (const Ref& ref : refs_) {
      sorted[begin[digit(ref)]++] = ref;
    }
    refs_.swap(sorted);
  }
}

void HeldRecords::spill() {
  if (file_ < 0) {
    const Result<int> file = open_unnamed_file();
    if (!file) {
      problem_ = file.error().message;
      return;
    }
    file_ = *file;
  }
  sort();
  Run run{file_size_, file_size_};
  if (const Result<void> written = write_run(run); !written) {
    problem_ = "cannot write what is to be sorted: " + written.error().message;
    return;
  }
  file_size_ = run.end;
  runs_.push_back(run);
  refs_.clear();
  feeds_.clear();
  bytes_ = 0;
}

Result<void> HeldRecords::write_run(Run& run) {
  std::string buffer;
  std::string one;
  for (const Ref& ref : refs_) {
    one.clear();
    WireWriter writer(one);
    const Feed& feed = *feeds_[ref.feed];
    const FeedRecord& record = feed.records[ref.record];
    save_feed_record(feed, record, record.record.get(), writer);
    const std::uint64_t size = one.size();
    buffer.append(reinterpret_cast<const char*>(&size), 8);
    buffer += one;
    if (buffer.size() >= buffer_bytes) {
      if (Result<void> written = write_at(file_, buffer, run.end); !written) {
        return written;
      }
      run.end += buffer.size();
      buffer.clear();
    }
  }
  Result<void> written = write_at(file_, buffer, run.end);
  run.end += buffer.size();
  return written;
}

Result<void> HeldRecords::for_each(const Visit& visit) {
  sort();
  if (runs_.empty()) {
    for (std::size_t at = 0; at < refs_.size(); ++at) {
      fetch(at + records_ahead);
      const Feed& feed = *feeds_[refs_[at].feed];
      visit(feed, feed.records[refs_[at].record]);
    }
    return {};
  }
  std::vector<RunReader> readers;
  for (const Run& run : runs_) {
    readers.emplace_back(file_, run);
  }
  // What comes next of each run, and of memory, whose number is behind those of the runs.
  using Head = std::tuple<TimeNs, std::uint64_t, std::size_t>;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  std::size_t next_ref = 0;
  const auto advance = [&](std::size_t from) -> Result<void> {
    if (from == readers.size()) {
      if (next_ref < refs_.size()) {
        heads.emplace(refs_[next_ref].time, refs_[next_ref].sequence, from);
      }
      return {};
    }
    const Result<bool> more = readers[from].next();
    if (!more) {
      return Unexpected<Error>{more.error()};
    }
    if (*more) {
      heads.emplace(*readers[from].record().time, readers[from].record().sequence, from);
    }
    return {};
  };
  Result<void> done;
  for (std::size_t from = 0; from <= readers.size() && done; ++from) {
    done = advance(from);
  }
  while (!heads.empty() && done) {
    const std::size_t from = std::get<2>(heads.top());
    heads.pop();
    if (from == readers.size()) {
      const Ref& ref = refs_[next_ref++];
      visit(*feeds_[ref.feed], feeds_[ref.feed]->records[ref.record]);
    } else {
      visit(readers[from].feed(), readers[from].record());
    }
    done = advance(from);
  }
  return done;
}

// Records in the order of time are all over the memory.
void HeldRecords::fetch(std::size_t ref) const {
  if (ref < refs_.size()) {
    const FeedRecord* record = feeds_[refs_[ref].feed]->records.data() + refs_[ref].record;
    prefetch(record);
    prefetch(reinterpret_cast<const char*>(record) + sizeof(FeedRecord) - 1);
  }
}

void HeldRecords::clear() {
  refs_ = {};
  feeds_ = {};
  runs_ = {};
  bytes_ = 0;
}

}  // namespace tocsin
