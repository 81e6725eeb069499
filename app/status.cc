// SPDX-License-Identifier: Apache-2.0
#include "app/status.h"

#include <fstream>

#include <unistd.h>

#include "engine/base/text.h"

namespace tocsin {
namespace {

// Bytes of memory that are resident; 0: not known.
std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return file ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

std::string ago(TimeNs then, TimeNs now) {
  return std::to_string(now > then ? (now - then) / second_ns : 0) + " s ago";
}

std::string row(const char* name, const std::string& text) {
  std::string out(name);
  out.resize(10, ' ');
  return out + text + "\n";
}

class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  void number(const std::string& name, std::uint64_t value) {
    key(name);
    out_ += std::to_string(value);
  }
  void text(const char* name, std::string_view value) {
    key(name);
    append_json_string(value, out_);
  }
  void boolean(const char* name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
  }
  void key(std::string_view name) {
    out_ += first_ ? "" : ",";
    first_ = false;
    append_json_string(name, out_);
    out_ += ':';
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

void input_json(const std::string& id, const InputNumbers& input, std::string& out) {
  JsonObject object(out);
  object.text("id", id);
  object.number("records", input.counters.events);
  object.number("bytes", input.counters.bytes);
  object.number("malformed", input.counters.malformed);
  object.number("oversized", input.counters.oversized);
  object.number("files", input.files.files);
  object.number("files_open", input.files.files_open);
  object.number("bytes_behind", input.files.bytes_behind);
  std::uint64_t lost = 0;
  for (const auto& [code, bytes] : input.lost_bytes) {
    lost += bytes;
  }
  object.number("lost_bytes", lost);
  if (input.last_record_at != 0) {
    object.text("last_record", format_rfc3339(input.last_record_at));
  }
  object.end();
}

void lane_json(const LaneStatus& lane, std::string& out) {
  JsonObject object(out);
  object.text("name", lane.receiver);
  object.number("delivered", lane.delivered);
  object.number("pending", lane.pending);
  object.number("failed", lane.failed);
  object.number("shed", lane.shed);
  object.text("last_error", lane.in_trouble ? lane.last_error : "");
  object.end();
}

}  // namespace

std::string status_text(const Numbers& numbers, const std::string& unhealthy, TimeNs now) {
  std::string out;
  out += row("tocsin",
             std::string(TOCSIN_VERSION) + ", process " + std::to_string(getpid()) + ", up " +
                 std::to_string((now - numbers.started_at) / second_ns) + " s, " +
                 with_thousands(resident_bytes() / (1u << 20)) + " MB");
  out += row("health", unhealthy.empty() ? "well" : "UNWELL: " + unhealthy);
  out += row("rules",
             with_thousands(numbers.rules.loaded) + " loaded, " +
                 with_thousands(numbers.rules.rejected) + " rejected, " +
                 with_thousands(numbers.rules.kept) + " kept in an earlier version");
  if (numbers.reload.last_at != 0) {
    out += row("reload", ago(numbers.reload.last_at, now) + ": " + numbers.reload.last_result);
  }
  for (const auto& [id, input] : numbers.inputs) {
    out += row("input",
               printable(id) + ": " + with_thousands(input.counters.events) + " records, " +
                   with_thousands(input.counters.malformed + input.counters.oversized) +
                   " not evaluated, " + with_thousands(input.files.files) + " files, " +
                   with_thousands(input.files.bytes_behind) + " bytes behind" +
                   (input.last_record_at == 0 ? ", no record yet"
                                              : ", last " + ago(input.last_record_at, now)));
    for (const auto& [code, bytes] : input.lost_bytes) {
      out += row("", with_thousands(bytes) + " bytes lost [" + code + "]");
    }
  }
  out += row("alerts",
             with_thousands(numbers.alerts) + ", " + with_thousands(numbers.duplicates) +
                 " second copies not repeated");
  for (const auto& [rule, count] : numbers.counted) {
    out += row("",
               with_thousands(count) + " of rule " + printable(rule) +
                   " past its quota: counted, not stored");
  }
  const DetectorCounters& detectors = numbers.correlations.detectors;
  out += row("detectors",
             with_thousands(detectors.keys) + " groups, " + with_thousands(detectors.evicted_keys) +
                 " evicted, " + with_thousands(detectors.late) + " late records");
  for (const LaneStatus& lane : numbers.lanes) {
    out += row("receiver",
               printable(lane.receiver) + ": " + with_thousands(lane.delivered) + " delivered, " +
                   with_thousands(lane.pending) + " pending, " +
                   with_thousands(lane.failed + lane.shed) + " given up" +
                   (lane.in_trouble ? "; " + printable(lane.last_error) : ""));
  }
  return out;
}

std::string status_json(const Numbers& numbers, const std::string& unhealthy, TimeNs now) {
  std::string out;
  JsonObject object(out);
  object.text("version", TOCSIN_VERSION);
  object.number("pid", static_cast<std::uint64_t>(getpid()));
  object.number("uptime_seconds",
                static_cast<std::uint64_t>((now - numbers.started_at) / second_ns));
  object.number("resident_bytes", resident_bytes());
  object.boolean("healthy", unhealthy.empty());
  object.text("unhealthy", unhealthy);
  object.key("rules");
  JsonObject rules(out);
  rules.number("loaded", numbers.rules.loaded);
  rules.number("rejected", numbers.rules.rejected);
  rules.number("kept", numbers.rules.kept);
  rules.end();
  object.key("reload");
  JsonObject reload(out);
  reload.number("done", numbers.reload.done);
  reload.number("refused", numbers.reload.refused);
  reload.text("last", numbers.reload.last_result);
  reload.end();
  object.key("inputs");
  out += '[';
  for (const auto& [id, input] : numbers.inputs) {
    out += out.back() == '[' ? "" : ",";
    input_json(id, input, out);
  }
  out += ']';
  object.number("alerts", numbers.alerts);
  object.number("duplicates", numbers.duplicates);
  object.key("over_quota");
  JsonObject counted(out);
  for (const auto& [rule, count] : numbers.counted) {
    counted.number(rule, count);
  }
  counted.end();
  object.number("detector_keys", numbers.correlations.detectors.keys);
  object.number("detector_evicted_keys", numbers.correlations.detectors.evicted_keys);
  object.key("receivers");
  out += '[';
  for (const LaneStatus& lane : numbers.lanes) {
    out += out.back() == '[' ? "" : ",";
    lane_json(lane, out);
  }
  out += ']';
  object.end();
  return out + "\n";
}

}  // namespace tocsin
