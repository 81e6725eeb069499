// SPDX-License-Identifier: Apache-2.0
#include "app/run_inputs.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "app/console.h"
#include "engine/input/glob.h"
#include "engine/input/inputs.h"

namespace tocsin {
namespace {

FileInputOptions file_options(const InputConfig& config, const Options& options, Notices& notices) {
  FileInputOptions files;
  files.id = config.id;
  files.paths = config.paths;
  files.exclude = config.exclude;
  files.follow_links = config.follow_links;
  files.skipped_folder = config.state;
  files.decode = decode_options(config, options);
  files.notice = [&notices, id = config.id](const InputNotice& notice) {
    notices.take(id, notice);
  };
  files.now = &wall_clock_now;
  return files;
}

TailOptions tail_options(const InputConfig& config) {
  TailOptions tail;
  tail.from_beginning = config.from_beginning;
  tail.poll_ns = config.poll_ns.value_or(tail.poll_ns);
  tail.rescan_ns = config.rescan_ns.value_or(tail.rescan_ns);
  tail.rotate_wait_ns = config.rotate_wait_ns.value_or(tail.rotate_wait_ns);
  tail.compressed_stall_ns = config.compressed_stall_ns.value_or(tail.compressed_stall_ns);
  return tail;
}

// A folder that holds the state folder is read but for that; what lies in it is not read at all.
Result<void> check_apart_from_state(const InputConfig& input) {
  std::error_code error;
  const std::filesystem::path state = input.state.empty()
                                          ? std::filesystem::path()
                                          : std::filesystem::weakly_canonical(input.state, error);
  if (state.empty() || error) {
    return {};
  }
  for (const std::string& path : input.paths) {
    const std::filesystem::path named =
        std::filesystem::weakly_canonical(is_glob(path) ? glob_root(path) : path, error);
    const bool inside =
        !error &&
        std::mismatch(state.begin(), state.end(), named.begin(), named.end()).first == state.end();
    if (inside) {
      return fail("input " + input.id + " reads " + path + ", which lies in the state folder " +
                  input.state + ": tocsin would read what it writes; give the logs another folder");
    }
  }
  return {};
}

}  // namespace

DecodeOptions decode_options(const InputConfig& input, const Options& options) {
  DecodeOptions decode;
  decode.format = input.format;
  decode.strict_json = options.strict_json;
  decode.any_log_source = input.any_log_source;
  decode.log_source = input.log_source;
  return decode;
}

Result<std::unique_ptr<Input>> open_input(const InputConfig& config,
                                          const Options& options,
                                          RunMode mode,
                                          Notices& notices,
                                          std::string positions) {
  FileInputOptions files = file_options(config, options, notices);
  if (const Result<void> apart = check_apart_from_state(config); !apart) {
    return Unexpected<Error>{apart.error()};
  }
  if (mode == RunMode::scan) {
    return make_scan_input(std::move(files));
  }
  return make_tail_input(std::move(files), tail_options(config), std::move(positions));
}

std::vector<InputPlan> plan_inputs(const std::vector<InputConfig>& before,
                                   const std::vector<InputConfig>& after,
                                   const Options& options,
                                   Notices& notices) {
  std::vector<InputPlan> plan;
  for (const InputConfig& config : after) {
    InputPlan wanted{config.id, {}};
    const bool known = std::find(before.begin(), before.end(), config) != before.end();
    if (!known) {
      wanted.make = [config, &options, &notices](std::string positions) {
        return open_input(config, options, RunMode::tail, notices, std::move(positions));
      };
    }
    plan.push_back(std::move(wanted));
  }
  return plan;
}

}  // namespace tocsin
