// SPDX-License-Identifier: Apache-2.0
// TailFile: one file that tail follows, whatever its name is now.
// Thread rule: one thread. Cost: some hundred bytes each; the descriptor is lent (see TailInput).
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/framer.h"
#include "engine/flow/input.h"
#include "engine/input/byte_source.h"
#include "engine/input/fd.h"
#include "engine/input/file_list.h"
#include "engine/input/identity.h"
#include "engine/input/saved_file.h"
#include "engine/input/serial_reader.h"

namespace tocsin {

// A look through a whole compressed file: is it complete?
struct PackedProbe {
  ByteSource bytes;
  std::string head;  // decompressed
};

struct TailFile {
  enum class State : std::uint8_t {
    plain,  // followed
    held,   // begins as another one that is followed: perhaps a copy of it that is being made
    packed_waiting,  // compressed, and not known to be complete
    packed_held,     // complete; its content is that of one that is followed
    packed_reading,
    done,
  };

  FileId id;
  std::string path;
  ListedFile listing;  // how it is opened
  FileStat stat;       // when last looked at
  State state = State::plain;
  bool listed = false;   // some path leads to it
  bool gone = false;     // none does any more
  bool closing = false;  // gone, and quiet for long enough: its last line is given without newline
  bool queued = false;
  bool backlog = false;  // was there at the first look

  std::optional<Hash128> indexed;  // the short head that it is found by

  std::shared_ptr<const Fd> fd;
  std::list<TailFile*>::iterator recent;  // valid while fd is set

  std::shared_ptr<const SourceInfo> source;
  std::optional<Hash128> stream_id;  // known from before
  bool begun = false;                // a batch was made
  Framer framer;
  std::uint64_t offset = 0;
  std::size_t pending = 0;  // bytes behind offset that hold no whole document
  std::string marker;       // the last bytes before offset
  Sample head;
  Hash128 short_head;
  Codec codec = Codec::none;

  std::uint64_t known_size = 0;  // the greatest size at which the content was still this one
  std::uint64_t seen_end = 0;    // all up to here was looked at ...
  TimeNs seen_modified = 0;      // ... when the file was last changed then
  DurationNs changed_at = 0;     // of the input's own time
  DurationNs gone_at = 0;
  DurationNs held_at = 0;
  std::uint64_t held_size = 0;  // when last looked at; it may still grow
  bool identified = false;      // there were bytes enough to know it as a copy

  std::unique_ptr<PackedProbe> probe;
  std::string packed_head;
  std::unique_ptr<SerialReader> serial;
};

std::string folder_of(const std::string& path);

// Behind the last newline before `size`, or 0; `size` if the last line is larger than a record may
// be.
std::uint64_t last_line_start(const Fd& fd, std::uint64_t size);

SavedFile save(const TailFile& file);

// Moves the offset by the last `consumed` of `bytes`, which end at the new offset and hold the old
// marker or all before it.
void advance(TailFile& file,
             std::string_view bytes,
             std::size_t consumed,
             std::size_t marker_bytes);

// Makes the head's hash grow with what was consumed.
void grow_head(TailFile& file, std::size_t head_bytes);
void set_head(TailFile& file, std::string_view head);

// Reads the marker of `saved` from `fd`; nullopt: the content is not that of `saved` up to its
// offset.
std::optional<std::string> verify(const Fd& fd, std::uint64_t size, const SavedFile& saved);

// Is the content of `copy` (as far as it and `original` reach) that of `original`? The offset up to
// which it is; 0: no.
std::uint64_t common_content(const Fd& copy,
                             std::uint64_t copy_size,
                             const Fd& original,
                             std::uint64_t read_to);

}  // namespace tocsin
