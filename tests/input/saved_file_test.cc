// SPDX-License-Identifier: Apache-2.0
#include "engine/input/saved_file.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/input/known_files.h"
#include "engine/input/name_time.h"

namespace tocsin {
namespace {

SavedFile example() {
  SavedFile file;
  file.id = {7, 1234567890123, 1'700'000'000'123'456'789};
  file.path = "/var/log/with space\tand % and \xc3\xa4\n.json";
  file.offset = 123456;
  file.size = 234567;
  file.head = sample_of("head");
  file.short_head = content_hash("short");
  file.marker = sample_of("marker");
  file.codec = Codec::gzip;
  file.done = true;
  file.framer = "baa0,0,0,0,0";
  file.stream_id = content_hash("stream");
  return file;
}

TEST_CASE("a row is one line of plain text and is read back as it was") {
  const SavedFile file = example();
  const std::string text = row_text(file);
  CHECK(text.find_first_of("\t\n") == std::string::npos);
  const std::optional<SavedFile> back = parse_row_text(text);
  REQUIRE(back.has_value());
  CHECK(row_text(*back) == text);
  CHECK((back->id == file.id));
  CHECK(back->path == file.path);
  CHECK(back->offset == file.offset);
  CHECK((back->marker == file.marker));
  CHECK((back->stream_id == file.stream_id));
  CHECK(back->done);
  CHECK_FALSE(back->gone);
}

TEST_CASE("a damaged row is refused wherever it is cut or changed in kind") {
  const std::string text = row_text(example());
  for (std::size_t cut = 0; cut + 1 < text.size(); ++cut) {
    const std::optional<SavedFile> back = parse_row_text(text.substr(0, cut));
    // A shorter path is still a path: only the last field may be cut unseen.
    CHECK((!back.has_value() || cut > text.rfind(' ')));
  }
  CHECK_FALSE(parse_row_text("f2" + text.substr(2)).has_value());
  CHECK_FALSE(parse_row_text(text + " more").has_value());
}

TEST_CASE("later rows win, empty ones remove, others are counted") {
  std::size_t malformed = 0;
  const auto rows = parse_rows("a\t1\nb\t2\n\na\t3\nb\t\nnonsense\n\tx\n", malformed);
  CHECK(rows.size() == 1);
  CHECK(rows.at("a") == "3");
  CHECK(malformed == 2);
}

TEST_CASE("known files are found by identity and by head, and the oldest is forgotten") {
  KnownFiles known(2);
  SavedFile file = example();
  file.head = sample_of(std::string(100, 'x'));
  CHECK_FALSE(known.add(file).has_value());
  file.offset = 2;
  CHECK_FALSE(known.add(file).has_value());
  CHECK(known.with_id(file.id).size() == 2);
  CHECK(known.get(known.with_head(file.short_head).front()).offset == 2);
  file.offset = 3;
  const std::optional<SavedFile> forgotten = known.add(file);
  REQUIRE(forgotten.has_value());
  CHECK(forgotten->offset == 123456);
  CHECK(known.take(known.with_id(file.id).front()).offset == 3);
  CHECK(known.all().size() == 1);
  CHECK(known.with_head(file.short_head).size() == 1);
}

TEST_CASE("the time in a file's name") {
  struct Row {
    std::string path, expected;
  };
  const std::vector<Row> rows{
      {"/x/1_CloudTrail_us-east-1_20260102T0305Z_abcd.json.gz", "2026-01-02T03:05:00Z"},
      {"app-20260102-0305.log", "2026-01-02T03:05:00Z"},
      {"app-2026-01-02.log", "2026-01-02T00:00:00Z"},
      {"app.log-20260102", "2026-01-02T00:00:00Z"},
      {"20260102T9999.log", "2026-01-02T00:00:00Z"},
      {"app-20261399.log", ""},
      {"123456789012_x.log", ""},
      {"/2026-01-02/app.log", ""},
      {"app.log", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    const std::optional<TimeNs> time = name_time(row.path);
    CHECK((time ? format_rfc3339(*time) : "") == row.expected);
  }
}

}  // namespace
}  // namespace tocsin
