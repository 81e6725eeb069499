// SPDX-License-Identifier: Apache-2.0
#include "app/build_identity.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <link.h>
#include <sys/stat.h>

#include "engine/base/hash.h"
#include "engine/base/wire.h"

namespace tocsin {
namespace {

constexpr std::size_t note_alignment = 4;

std::size_t aligned(std::size_t size) {
  return (size + note_alignment - 1) / note_alignment * note_alignment;
}

// The linker's note in a segment of notes; empty: there is none.
std::string_view build_id(std::string_view notes) {
  ElfW(Nhdr) note;
  while (notes.size() >= sizeof note) {
    std::memcpy(&note, notes.data(), sizeof note);
    const std::size_t text_at = sizeof note + aligned(note.n_namesz);
    const std::size_t size = text_at + aligned(note.n_descsz);
    if (size > notes.size()) {
      break;
    }
    if (note.n_type == NT_GNU_BUILD_ID && notes.substr(sizeof note, 3) == "GNU") {
      return notes.substr(text_at, note.n_descsz);
    }
    notes.remove_prefix(size);
  }
  return {};
}

std::string_view build_id(const dl_phdr_info& object) {
  for (std::size_t i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    if (segment.p_type == PT_NOTE) {
      const auto* const begin = reinterpret_cast<const char*>(object.dlpi_addr + segment.p_vaddr);
      const std::string_view id = build_id({begin, static_cast<std::size_t>(segment.p_memsz)});
      if (!id.empty()) {
        return id;
      }
    }
  }
  return {};
}

// False: its file is not there.
bool write_file(const char* path, WireWriter& out) {
  struct stat status {};
  if (::stat(path, &status) != 0) {
    return false;
  }
  for (const std::int64_t number : {static_cast<std::int64_t>(status.st_dev),
                                    static_cast<std::int64_t>(status.st_ino),
                                    static_cast<std::int64_t>(status.st_size),
                                    static_cast<std::int64_t>(status.st_mtim.tv_sec),
                                    static_cast<std::int64_t>(status.st_mtim.tv_nsec),
                                    static_cast<std::int64_t>(status.st_ctim.tv_sec),
                                    static_cast<std::int64_t>(status.st_ctim.tv_nsec)}) {
    out.signed_number(number);
  }
  return true;
}

struct Found {
  std::string bytes;
  bool complete = true;
};

int add_object(dl_phdr_info* object, std::size_t /*size*/, void* context) {
  Found& found = *static_cast<Found*>(context);
  WireWriter out(found.bytes);
  const std::string_view id = build_id(*object);
  out.text(id);
  const bool is_program = object->dlpi_name == nullptr || object->dlpi_name[0] == '\0';
  if (id.empty() && !write_file(is_program ? "/proc/self/exe" : object->dlpi_name, out)) {
    found.complete = false;
  }
  return 0;
}

}  // namespace

std::string build_identity() {
  Found found;
  ::dl_iterate_phdr(add_object, &found);
  return found.complete ? to_hex(content_hash(found.bytes)) : std::string();
}

}  // namespace tocsin
