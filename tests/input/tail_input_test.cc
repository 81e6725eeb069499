// SPDX-License-Identifier: Apache-2.0
// The tail input against real files: what grows, what is compressed, positions, many files. The
// clock is the test's own: nothing sleeps.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "engine/base/limits.h"
#include "tests/input/tail_harness.h"

namespace tocsin {
namespace {

using testing::Folder;
using testing::gzip;
using testing::lines_of;
using testing::numbered;
using testing::numbered_list;
using testing::Tail;
using testing::Writer;
using List = std::vector<std::string>;

TEST_CASE("lines appended byte by byte are each given once") {
  const Folder folder;
  folder.write("a", "");
  Tail tail({folder / "a"});
  tail.run();
  const std::string text = numbered(0, 5);
  for (const char c : text) {
    folder.append("a", std::string(1, c));
    tail.run(2);
  }
  CHECK(tail.take() == numbered_list(0, 5));
  CHECK(tail.notices.empty());
}

TEST_CASE("half a line waits; when its file is gone it is given as it is") {
  const Folder folder;
  folder.write("a", numbered(0, 1));
  Tail tail({folder / "*"}, {true, limits::batch_bytes, "", {}, false});
  folder.append("a", "{\"n\":");
  tail.run(50);
  CHECK(tail.take() == numbered_list(0, 1));
  folder.append("a", "1}\n{\"n\":2");
  tail.run(50);
  CHECK(tail.take() == numbered_list(1, 2));
  folder.remove("a");
  tail.run_past_rotation();
  CHECK(tail.take() == List{"{\"n\":2"});
}

TEST_CASE("what exists at the first start counts as read, what comes later does not") {
  const Folder folder;
  folder.write("a", numbered(0, 10) + "{\"n\":");
  folder.write("pretty", "{\n\"x\": 1\n}\n{\n\"x\": 2\n}\n");
  folder.write("old.gz", gzip(numbered(0, 10)));
  Tail tail({folder.path()});
  tail.run();
  CHECK(tail.take().empty());
  folder.append("a", "10}\n" + numbered(11, 12));
  folder.append("pretty", "{\n\"x\": 3\n}\n");
  folder.write("b", numbered(50, 52));
  tail.run();
  List got = tail.take();
  std::sort(got.begin(), got.end());
  CHECK(got == List{"{\n\"x\": 3\n}", "{\"n\":10}", "{\"n\":11}", "{\"n\":50}", "{\"n\":51}"});
  CHECK(tail.notices.empty());
}

TEST_CASE("from the beginning everything is read, the oldest first") {
  const Folder folder;
  folder.write("a_20260103T0005Z_x.json", numbered(3, 4));
  folder.write("b_20260102T0005Z_x.json", numbered(0, 2));
  folder.write("c_20260102T0010Z_x.json.gz", gzip(numbered(2, 3)));
  Tail tail({folder.path()}, {true, 8, "", {}, false});
  tail.run();
  CHECK(tail.take() == numbered_list(0, 4));
}

TEST_CASE("a hard link is read once, links are followed when they flip") {
  const Folder folder;
  folder.write("a", numbered(0, 10));
  std::filesystem::create_hard_link(folder / "a", folder / "b");
  folder.make_folder("links");
  std::filesystem::create_symlink(folder / "a", folder / "links/current");
  std::filesystem::create_symlink(folder / "links/loop", folder / "links/loop");
  {
    Tail tail({folder / "a", folder / "b"}, {true, limits::batch_bytes, "", {}, false});
    tail.run();
    folder.append("b", numbered(10, 11));
    tail.run();
    CHECK(tail.take() == numbered_list(0, 11));
  }
  Tail tail({folder / "links/current", folder / "links/*"},
            {true, limits::batch_bytes, "", {}, false});
  tail.run();
  CHECK(tail.take() == numbered_list(0, 11));
  folder.append("a", numbered(11, 12));
  folder.write("c", lines_of("c", 0, 3));
  std::filesystem::create_symlink(folder / "c", folder / "links/next");
  std::filesystem::rename(folder / "links/next", folder / "links/current");
  tail.run();
  CHECK(tail.take().size() == 4);
}

TEST_CASE("new files in new folders are found, and survive a rename") {
  const Folder folder;
  Tail tail({folder / "**/*.log"});
  tail.run();
  folder.make_folder("x/y");
  folder.write("x/y/1.log", numbered(0, 5));
  tail.run();
  folder.write("x/2.tmp", numbered(5, 10));
  folder.rename("x/2.tmp", "x/2.log");
  folder.rename("x/2.log", "x/3.log");
  tail.run();
  CHECK(tail.take() == numbered_list(0, 10));
}

TEST_CASE("a short file is read at once") {
  const Folder folder;
  Tail tail({folder / "*"});
  tail.run();
  folder.write("a", "");
  tail.run(2);
  folder.append("a", "{\"twenty\":\"bytes\"}\n");
  tail.run(3);
  CHECK(tail.take() == List{"{\"twenty\":\"bytes\"}"});
}

TEST_CASE("an oversized line costs only itself, also across a restart") {
  const Folder folder;
  folder.write("a", "");
  const std::string large = "{\"x\":\"" + std::string(limits::record_bytes_max + 1000, 'y');
  std::string positions;
  {
    Tail tail({folder / "a"});
    tail.run();
    folder.append("a", numbered(0, 1) + large);
    tail.run();
    CHECK((tail.take() ==
           List{"{\"n\":0}", "#" + large.substr(0, limits::dead_letter_record_bytes_max)}));
    positions = tail.positions();
  }
  Tail tail({folder / "a"}, {false, limits::batch_bytes, positions, {}, false});
  folder.append("a", "zzz\"}\n" + numbered(1, 2));
  tail.run();
  CHECK(tail.take() == numbered_list(1, 2));
}

TEST_CASE("compressed files are read when they are complete") {
  const std::string packed = gzip(numbered(0, 20'000)) + gzip(numbered(20'000, 20'100));
  const Folder folder;
  Tail tail({folder / "*.gz"});
  tail.run();
  folder.write("tmp", packed);
  folder.rename("tmp", "at-once.gz");
  tail.run();
  CHECK((tail.take() == numbered_list(0, 20'100)));
  for (std::size_t at = 0; at < packed.size(); at += 10'000) {
    folder.append("slowly.gz", packed.substr(at, 10'000));
    tail.run(5);
    if (at + 10'000 < packed.size() && at + 10'000 < gzip(numbered(0, 20'000)).size()) {
      CHECK(tail.records.empty());
    }
  }
  tail.run();
  const List got = tail.take();
  // The first member alone is a complete file as well; it is read once all the same.
  CHECK((got == numbered_list(0, 20'100)));
  CHECK(tail.notice_codes() == List{"nothing-there-yet"});
  folder.write("never.gz", packed.substr(0, packed.size() / 2));
  tail.run(30);
  CHECK(tail.take().empty());
  tail.run(60);
  CHECK(tail.take().size() > 1000);
  CHECK(tail.notice_codes() == List{"nothing-there-yet", "truncated-gzip"});
}

TEST_CASE("a compressed file that was empty when it was first seen is read") {
  const Folder folder;
  folder.write("a.log", "");
  Tail tail({folder / "*.*"});
  tail.run(5);
  folder.write("b.gz", "");
  tail.run(5);
  folder.append("b.gz", gzip(numbered(0, 3)));
  tail.run();
  CHECK(tail.take() == numbered_list(0, 3));
}

TEST_CASE("a rotation that is compressed is read on where the plain file was left") {
  for (const bool stopped : {false, true}) {
    CAPTURE(stopped);
    const Folder folder;
    folder.write("a", "");
    auto tail = std::make_unique<Tail>(List{folder / "a*"});
    tail->run();
    folder.append("a", numbered(0, 1000));
    tail->run();
    CHECK(tail->take().size() == 1000);
    const std::string positions = tail->positions();
    if (stopped) {
      tail.reset();
      folder.append("a", numbered(1000, 1100));
    }
    folder.rename("a", "a.1");
    folder.write("a", lines_of("next", 0, 10));
    std::string plain = numbered(0, stopped ? 1100 : 1000);
    folder.write("a.1.gz", gzip(plain));
    if (!stopped) {
      tail->run(3);
    }
    folder.remove("a.1");
    if (stopped) {
      tail = std::make_unique<Tail>(
          List{folder / "a*"}, Tail::Settings{false, limits::batch_bytes, positions, {}, false});
    }
    tail->run_past_rotation();
    List got = tail->take();
    CHECK(got.size() == (stopped ? 110 : 10));
  }
}

TEST_CASE("a compressed file goes on at its decompressed offset after a kill") {
  const Folder folder;
  Tail::Settings settings;
  settings.batch_bytes = 20'000;
  folder.write("a.gz", gzip(numbered(0, 20'000)));
  settings.from_beginning = true;
  std::string positions;
  List got;
  {
    Tail tail({folder / "a.gz"}, settings);
    while (tail.records.size() < 5000) {
      tail.step();
    }
    positions = tail.positions();
    got = tail.take();
  }
  settings.positions = positions;
  Tail tail({folder / "a.gz"}, settings);
  tail.run();
  const List rest = tail.take();
  got.insert(got.end(), rest.begin(), rest.end());
  CHECK((got == numbered_list(0, 20'000)));
  // ... and a third time there is nothing left.
  settings.positions = tail.positions();
  Tail again({folder / "a.gz"}, settings);
  again.run();
  CHECK(again.take().empty());
}

TEST_CASE(
    "positions at any moment give every record at least once, and none twice that was committed") {
  const Folder folder;
  folder.write("a", "");
  Tail::Settings settings;
  settings.batch_bytes = 300;
  std::string positions;
  List got;
  std::size_t written = 0;
  for (int round = 0; round < 30; ++round) {
    settings.positions = positions;
    Tail tail({folder / "a*"}, settings);
    for (int step = 0; step < 7; ++step) {
      if (round > 0) {
        folder.append("a", numbered(written, written + 20));
        written += 20;
      }
      tail.step();
      if (step == 3 && round % 5 == 4) {
        folder.rename("a", "a." + std::to_string(round));
        folder.write("a", "");
      }
    }
    const List more = tail.take();
    got.insert(got.end(), more.begin(), more.end());
    positions = tail.positions();
  }
  settings.positions = positions;
  Tail tail({folder / "a*"}, settings);
  tail.run();
  const List rest = tail.take();
  got.insert(got.end(), rest.begin(), rest.end());
  std::sort(got.begin(), got.end());
  List expected = numbered_list(0, written);
  std::sort(expected.begin(), expected.end());
  CHECK((got == expected));
}

TEST_CASE("damaged positions are told and their files read from the beginning") {
  const Folder folder;
  folder.write("a", numbered(0, 10));
  Tail tail({folder / "a"},
            {false, limits::batch_bytes, "started\t1\n1:2:3\tnonsense\nno tab\n", {}, false});
  tail.run();
  CHECK(tail.take() == numbered_list(0, 10));
  CHECK(tail.notice_codes() == List{"position-damaged"});
}

TEST_CASE("a clock that is set moves nothing") {
  const Folder folder;
  folder.write("a", "");
  Tail tail({folder / "a"});
  tail.run();
  folder.append("a", numbered(0, 5));
  tail.step_clock(-3600 * second_ns);
  tail.run();
  CHECK(tail.take() == numbered_list(0, 5));
  const Writer writer(folder / "a");
  folder.remove("a");
  tail.run(2);
  tail.step_clock(3600 * second_ns);
  tail.run(3);
  writer.write(numbered(5, 6));
  tail.run(5);
  CHECK(tail.take() == numbered_list(5, 6));
}

TEST_CASE("a busy file does not starve another") {
  const Folder folder;
  folder.write("a", "");
  folder.write("b", "");
  Tail tail({folder / "*"}, {false, 100, "", {}, false});
  tail.run();
  folder.append("a", numbered(0, 10'000));
  folder.append("b", lines_of("b", 0, 3));
  for (int i = 0; i < 40; ++i) {
    tail.step();
  }
  const List got = tail.take();
  CHECK(std::count_if(got.begin(), got.end(), [](const std::string& line) {
          return line.find("\"b\"") != std::string::npos;
        }) == 3);
}

TEST_CASE("more files than descriptors are followed") {
  const Folder folder;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = 160;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  Tail tail({folder.path()});
  tail.run(2);
  for (int i = 0; i < 400; ++i) {
    folder.write("f" + std::to_string(i), lines_of(std::to_string(i), 0, 1));
  }
  tail.run();
  CHECK(tail.take().size() == 400);
  for (int i = 0; i < 400; i += 7) {
    folder.append("f" + std::to_string(i), lines_of(std::to_string(i), 1, 2));
  }
  tail.run();
  CHECK(tail.take().size() == 58);
  CHECK(tail.notices.empty());
  CHECK(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("a path that names nothing yet is told and waited for") {
  const Folder folder;
  Tail tail({folder / "later"});
  tail.run();
  CHECK(tail.notice_codes() == List{"nothing-there-yet"});
  folder.write("later", numbered(0, 3));
  tail.run();
  CHECK(tail.take() == numbered_list(0, 3));
}

TEST_CASE("a wait ends when a watched file grows, and by wake()") {
  const Folder folder;
  folder.write("a", "");
  FileInputOptions options;
  options.paths = {folder / "a"};
  TimeNs now = second_ns;
  options.now = [&] { return now; };
  TailOptions settings;
  settings.poll_ns = hour_ns;
  settings.rescan_ns = hour_ns;
  Result<std::unique_ptr<Input>> input = make_tail_input(options, settings, "");
  REQUIRE(input.has_value());
  Batch batch;
  std::vector<testing::Record> records;
  for (int i = 0; i < 5; ++i) {
    batch.clear();
    (*input)->claim(batch);
    now += second_ns;
  }
  (*input)->wake();
  (*input)->wait(minute_ns);
  folder.append("a", numbered(0, 1));
  for (int i = 0; i < 50 && records.empty(); ++i) {
    (*input)->wait(second_ns);
    batch.clear();
    if ((*input)->claim(batch) == ClaimStatus::batch) {
      testing::collect(batch, records);
    }
  }
  CHECK(testing::texts(records) == numbered_list(0, 1));
}

}  // namespace
}  // namespace tocsin
