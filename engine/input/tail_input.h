// SPDX-License-Identifier: Apache-2.0
// TailInput: follows growing files for ever. What stat says is the truth; inotify only tells when
// to ask early.
//
//   tail_input.cc   claim, wait: whose turn it is, when to look again; descriptors
//   tail_look.cc    which files there are: new, renamed, rotated, copied, gone; positions of an
//   earlier run tail_read.cc    a plain file: its new documents; truncated, rewritten, ended
//   tail_packed.cc  a compressed file: whether it is complete; where to go on in it
//
// Thread rule: as flow/input.h. Time is the receive time, made steady: a clock that is set moves no
// interval by more than a second. Cost of idle files: one stat each per look; none while inotify
// sees their folder (but for one look in ten).
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/input/file_list.h"
#include "engine/input/inputs.h"
#include "engine/input/known_files.h"
#include "engine/input/tail_file.h"
#include "engine/input/trail.h"
#include "engine/input/watcher.h"

namespace tocsin {

class TailInput final : public Input {
 public:
  TailInput(FileInputOptions options, TailOptions tail, const std::string& positions, Fd wake);
  ~TailInput() override;

  // Finds what exists: from here on, what appears is new. Called once, before the first claim.
  void start();
  ClaimStatus claim(Batch& batch) override;
  void load(Batch&) override {}
  void wait(DurationNs timeout_ns) override;
  void wake() override;
  void keep_up() override;
  std::uint64_t bytes_total() const override { return 0; }
  std::uint64_t bytes_done() const override { return bytes_done_.load(std::memory_order_relaxed); }
  void status(std::vector<InputStatus>& out) const override;
  std::string positions() const override;

 private:
  // A pipe, or stdin: read as it comes, without positions.
  struct Pipe {
    std::string path;
    std::shared_ptr<const Fd> fd;
    SerialReader reader;
    bool ended = false;
  };

  // --- tail_input.cc ---
  void tick();
  void look_around();
  void load_positions(const std::string& positions);
  bool claim_file(Batch& batch);
  bool claim_pipe(Batch& batch);
  bool claim_rows(Batch& batch);
  void complete(TailFile& file, Batch& batch);
  void poll_files();
  void note_status();
  void enqueue(TailFile& file);
  bool may_have_more(const TailFile& file) const;
  bool ensure_open(TailFile& file);
  void lend(TailFile& file, std::shared_ptr<const Fd> fd);
  void close(TailFile& file);
  void mark_changed(const TailFile& file);
  SourceInfo info_of(const std::string& path) const;
  DurationNs next_due() const;
  void notice(InputNotice::Kind kind,
              std::string_view code,
              std::string message,
              const std::string& path,
              std::uint64_t bytes = 0);
  void notice_once(InputNotice::Kind kind,
                   const char* code,
                   std::string message,
                   const std::string& path);

  // --- tail_look.cc ---
  void look();
  void take_listed(std::vector<ListedFile>& listed, std::vector<ListedFile>& unknown);
  void take_unknown(std::vector<ListedFile>& unknown);
  void open_pipe(const ListedFile& listed);
  FileId effective_id(const ListedFile& listed);
  TailFile* adopt(const ListedFile& listed, const FileId& id);
  void identify_plain(TailFile& file, const std::string& head, bool exists_at_start);
  bool resume_known(TailFile& file,
                    const std::vector<KnownFiles::Number>& candidates,
                    bool same_file);
  void resume(TailFile& file, const SavedFile& saved, std::string marker);
  TailFile* original_of(TailFile& copy);
  std::vector<TailFile*> alike(const TailFile& copy) const;
  bool resume_truncated(TailFile& copy);
  bool has_rewritten_original(const TailFile& copy);
  std::vector<const Trails::Ended*> longer_than(const TailFile& copy) const;
  bool resume_shorter(TailFile& copy);
  void settle_held(TailFile& file);
  void part_from(TailFile& copy, const TailFile& original);
  void forget_row(const FileId& id);
  void skip_existing(TailFile& file);
  void find_vanished();
  bool find_renamed(TailFile& file);
  void take_gone();
  void drop(TailFile& file);
  void remember(SavedFile saved);
  void index_head(TailFile& file);
  void forget_head(TailFile& file);

  // --- tail_read.cc ---
  enum class Found : std::uint8_t { batch, nothing, again };
  bool read_plain(TailFile& file, Batch& batch);
  Found read_once(TailFile& file, Batch& batch, std::size_t& chunk);
  void restart(TailFile& file, std::string_view code, std::string message);
  void fill(TailFile& file, Batch& batch, std::size_t begin, std::size_t consumed);

  // --- tail_packed.cc ---
  void become_packed(TailFile& file);
  void probe_packed(TailFile& file);
  void end_probe(TailFile& file, StreamStatus status);
  void start_packed(TailFile& file);
  bool resume_packed(TailFile& file, const SavedFile& saved);
  void start_reading(TailFile& file, const SavedFile* saved);
  bool read_packed(TailFile& file, Batch& batch);

  FileInputOptions options_;
  TailOptions tail_;
  FileList list_;
  Watcher watcher_;
  Fd wake_;

  std::map<FileId, std::unique_ptr<TailFile>> files_;
  std::multimap<Hash128, TailFile*> by_head_;
  std::unordered_map<std::string, TailFile*> by_path_;
  KnownFiles known_;
  Trails trails_;
  std::deque<TailFile*> ready_;
  std::deque<TailFile*> backlog_;
  bool backlog_turn_ = false;
  std::list<TailFile*> open_;  // least recently read first
  std::size_t open_max_;
  std::vector<Pipe> pipes_;
  std::set<std::string> pipe_paths_;
  std::map<std::uint64_t, bool> remote_devices_;
  std::set<std::pair<std::string, std::string>> told_;

  bool first_start_ = true;  // no positions were given
  bool looked_ = false;
  bool hinted_ = false;
  std::string rows_;           // changed, not yet given with a batch
  bool rows_at_once_ = false;  // ... and not to wait for one
  std::vector<std::shared_ptr<const SourceInfo>> ended_;

  TimeNs last_now_ = 0;
  DurationNs elapsed_ = 0;  // the input's own, steady time
  DurationNs looked_at_ = 0;
  DurationNs polled_at_ = 0;
  DurationNs noted_at_ = 0;
  std::atomic<std::uint64_t> bytes_done_{0};
  std::uint64_t rotations_ = 0;
  std::uint64_t restarts_ = 0;
  mutable std::mutex status_mutex_;
  InputStatus status_;  // as of the last look
};

}  // namespace tocsin
