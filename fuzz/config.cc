// SPDX-License-Identifier: Apache-2.0
// Whatever stands in tocsin.yaml, reading it ends, with each problem at a place. Files that it
// names are not read: nobody but the operator writes it, and a fuzzer would open devices.
#include "app/config.h"

#include "fuzz/memory_file.h"
#include "fuzz/targets.h"

namespace tocsin::fuzz {

void config(std::string_view bytes) {
  if (bytes.find("file") != std::string_view::npos) {
    return;
  }
  MemoryFile file;
  Diagnostics diagnostics;
  const Config read = read_config(file.write(bytes), diagnostics);
  for (const Diagnostic& problem : diagnostics.list()) {
    fuzz_check(!format_text(problem, false).empty(), "a problem without text");
    fuzz_check(problem.source_line.find("://") == std::string::npos, "a problem shows a URL");
  }
  for (const ReceiverConfig& receiver : read.receivers) {
    fuzz_check(diagnostics.errors() > 0 || !receiver.name.empty(), "a receiver without a name");
  }
}

}  // namespace tocsin::fuzz
