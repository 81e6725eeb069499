// SPDX-License-Identifier: Apache-2.0
// The tail input against real files. The clock is the test's own: nothing sleeps.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "tests/input/tail_harness.h"

namespace tocsin {
namespace {

using testing::Folder;
using testing::gzip;
using testing::numbered;
using testing::numbered_list;
using testing::Tail;
using List = std::vector<std::string>;

// A writer that keeps its descriptor, as a program that logs does.
class Writer {
 public:
  explicit Writer(const std::string& path, bool append = true)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | (append ? O_APPEND : 0), 0600)) {
    REQUIRE(fd_ >= 0);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { ::close(fd_); }
  void write(std::string_view bytes) const {
    REQUIRE(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  int fd_;
};

void copy_bytes(const std::string& from, const std::string& to) {
  std::ifstream in(from, std::ios::binary);
  std::ofstream out(to, std::ios::binary);
  out << in.rdbuf();
}

// Lines that no two files share.
std::string lines_of(const std::string& name, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) {
    text += "{\"file\":\"" + name + "\",\"n\":" + std::to_string(i) + "}\n";
  }
  return text;
}

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

TEST_CASE("rename rotation loses nothing and reads nothing twice") {
  for (const bool rotated_in_glob : {false, true}) {
    CAPTURE(rotated_in_glob);
    const Folder folder;
    folder.write("a", "");
    Tail tail({rotated_in_glob ? folder / "a*" : folder / "a"});
    tail.run();
    const Writer writer(folder / "a");
    writer.write(numbered(0, 1000));
    tail.run();
    folder.rename("a", "a.1");
    folder.write("a", numbered(2000, 2100));
    for (std::size_t i = 0; i < 10; ++i) {
      writer.write(numbered(1000 + 10 * i, 1010 + 10 * i));
      tail.run(1);
    }
    tail.run();
    List got = tail.take();
    std::sort(got.begin(), got.end());
    List expected = numbered_list(0, 1100);
    const List more = numbered_list(2000, 2100);
    expected.insert(expected.end(), more.begin(), more.end());
    std::sort(expected.begin(), expected.end());
    CHECK((got == expected));
    tail.run_past_rotation();
    CHECK(tail.take().empty());
    CHECK_FALSE(tail.noticed("file-vanished"));
  }
}

TEST_CASE("ten rotations in a row are followed") {
  const Folder folder;
  folder.write("a", "");
  Tail tail({folder / "a*"});
  tail.run();
  for (std::size_t round = 0; round < 10; ++round) {
    folder.append("a", numbered(100 * round, 100 * round + 100));
    if (round % 3 == 0) {
      tail.step();
    }
    for (std::size_t i = 9; i > 0; --i) {
      if (std::filesystem::exists(folder / "a." + std::to_string(i))) {
        folder.rename("a." + std::to_string(i), "a." + std::to_string(i + 1));
      }
    }
    folder.rename("a", "a.1");
    folder.write("a", "");
  }
  tail.run();
  List got = tail.take();
  std::sort(got.begin(), got.end());
  List expected = numbered_list(0, 1000);
  std::sort(expected.begin(), expected.end());
  CHECK((got == expected));
}

TEST_CASE("rotations while stopped are followed from the committed positions") {
  const Folder folder;
  folder.write("a", "");
  std::string positions;
  {
    Tail tail({folder / "a*"});
    tail.run();
    folder.append("a", lines_of("one", 0, 100));
    tail.run();
    CHECK(tail.take().size() == 100);
    positions = tail.positions();
  }
  folder.append("a", lines_of("one", 100, 150));
  folder.rename("a", "a.1");
  folder.write("a", lines_of("two", 0, 20));
  folder.rename("a.1", "a.2");
  folder.rename("a", "a.1");
  folder.write("a", lines_of("three", 0, 5));
  Tail tail({folder / "a*"}, {false, limits::batch_bytes, positions, {}, false});
  tail.run();
  const List got = tail.take();
  CHECK(got.size() == 75);
  CHECK(std::count(got.begin(), got.end(), "{\"file\":\"one\",\"n\":99}") == 0);
  CHECK(std::count(got.begin(), got.end(), "{\"file\":\"one\",\"n\":149}") == 1);
  CHECK(tail.notices.empty());
}

TEST_CASE("a file rotated out of the glob while stopped is found in its folder, or told") {
  for (const bool deleted : {false, true}) {
    CAPTURE(deleted);
    const Folder folder;
    folder.write("a", "");
    std::string positions;
    {
      Tail tail({folder / "a"});
      tail.run();
      folder.append("a", lines_of("one", 0, 100));
      tail.run();
      positions = tail.positions();
    }
    folder.append("a", lines_of("one", 100, 150));
    folder.rename("a", "a.1");
    folder.write("a", lines_of("two", 0, 20));
    if (deleted) {
      folder.remove("a.1");
    }
    Tail tail({folder / "a"}, {false, limits::batch_bytes, positions, {}, false});
    tail.run();
    CHECK(tail.take().size() == (deleted ? 20 : 70));
    CHECK(tail.noticed("file-vanished") == deleted);
  }
}

TEST_CASE("copytruncate: the copy is recognised, and what the copy alone has is read there") {
  for (const bool copy_in_glob : {false, true}) {
    for (const bool unread : {false, true}) {
      CAPTURE(copy_in_glob);
      CAPTURE(unread);
      const Folder folder;
      folder.write("a", "");
      Tail tail({copy_in_glob ? folder / "a*" : folder / "a"});
      tail.run();
      const Writer writer(folder / "a");
      writer.write(numbered(0, 1000));
      tail.run();
      List got = tail.take();
      if (unread) {
        writer.write(numbered(1000, 1010));
      }
      copy_bytes(folder / "a", folder / "a.1");
      if (!unread) {
        tail.run();
      }
      std::filesystem::resize_file(folder / "a", 0);
      tail.run();
      writer.write(numbered(2000, 2010));
      tail.run();
      const List more = tail.take();
      got.insert(got.end(), more.begin(), more.end());
      List expected = numbered_list(0, unread && copy_in_glob ? 1010 : 1000);
      const List after = numbered_list(2000, 2010);
      expected.insert(expected.end(), after.begin(), after.end());
      std::sort(got.begin(), got.end());
      std::sort(expected.begin(), expected.end());
      CHECK((got == expected));
      tail.run_past_rotation();
      CHECK(tail.take().empty());
    }
  }
}

TEST_CASE("a truncated file is read anew, however long it became meanwhile") {
  struct Row {
    std::string name;
    std::string before, after;
  };
  const std::vector<Row> rows{
      {"shorter", numbered(0, 100), numbered(500, 510)},
      {"longer", numbered(0, 100), numbered(500, 900)},
      {"longer, with the same first line",
       "{\"head\":1}\n" + numbered(0, 100),
       "{\"head\":1}\n" + numbered(500, 900)},
      {"as long", numbered(100, 200), numbered(500, 600)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (const bool stopped : {false, true}) {
      CAPTURE(stopped);
      const Folder folder;
      folder.write("a", "");
      auto tail = std::make_unique<Tail>(List{folder / "a"});
      tail->run();
      folder.append("a", row.before);
      tail->run();
      tail->take();
      const std::string positions = tail->positions();
      if (stopped) {
        tail.reset();
      }
      folder.write("a", row.after);  // truncates the same file
      if (stopped) {
        tail = std::make_unique<Tail>(
            List{folder / "a"}, Tail::Settings{false, limits::batch_bytes, positions, {}, false});
      }
      tail->run();
      std::string got;
      for (const std::string& line : tail->take()) {
        got += line + "\n";
      }
      CHECK((got == row.after));
      CHECK(!tail->notices.empty());
      CHECK_FALSE(tail->noticed("file-vanished"));
    }
  }
}

TEST_CASE("a file truncated to less than was read, but not to nothing, is read anew") {
  const Folder folder;
  folder.write("a", "");
  Tail tail({folder / "a"});
  tail.run();
  folder.append("a", numbered(100, 200));
  tail.run();
  tail.take();
  std::filesystem::resize_file(folder / "a", numbered(100, 150).size());
  folder.append("a", numbered(300, 310));
  tail.run();
  const List got = tail.take();
  CHECK(got.size() == 60);
  CHECK(got.back() == "{\"n\":309}");
}

TEST_CASE("the hole that a writer leaves after copytruncate is skipped") {
  const Folder folder;
  folder.write("a", "");
  Tail tail({folder / "a"});
  tail.run();
  const Writer writer(folder / "a", false);  // no O_APPEND: it goes on at its old offset
  writer.write(numbered(0, 100));
  tail.run();
  CHECK(tail.take() == numbered_list(0, 100));
  std::filesystem::resize_file(folder / "a", 0);
  tail.run();
  writer.write(numbered(100, 110));
  tail.run();
  CHECK(tail.take() == numbered_list(100, 110));
}

TEST_CASE("a deleted file is read to its end and let go") {
  const Folder folder;
  folder.write("a", "");
  Tail tail({folder / "a"});
  tail.run();
  {
    const Writer writer(folder / "a");
    writer.write(numbered(0, 10));
    tail.run();
    folder.remove("a");
    for (std::size_t i = 10; i < 500; i += 10) {
      writer.write(numbered(i, i + 10));
      tail.run(1);
    }
    tail.run();
  }
  CHECK(tail.take() == numbered_list(0, 500));
  const auto deleted_open = [] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const std::string target = std::filesystem::read_symlink(entry, error).string();
      if (target.find("tocsin-input") != std::string::npos &&
          target.find("(deleted)") != std::string::npos) {
        ++count;
      }
    }
    return count;
  };
  CHECK(deleted_open() == 1);
  tail.run_past_rotation();
  CHECK(deleted_open() == 0);
}

TEST_CASE("a file that takes a deleted one's name, or inode, is read from its beginning") {
  for (const bool stopped : {false, true}) {
    CAPTURE(stopped);
    const Folder folder;
    folder.write("a", "");
    auto tail = std::make_unique<Tail>(List{folder / "*"});
    tail->run();
    folder.append("a", lines_of("one", 0, 100));
    tail->run();
    tail->take();
    const std::string positions = tail->positions();
    if (stopped) {
      tail.reset();
    }
    folder.remove("a");
    folder.write("b", lines_of("two", 0, 150));
    folder.write("a", lines_of("three", 0, 160));
    if (stopped) {
      tail = std::make_unique<Tail>(
          List{folder / "*"}, Tail::Settings{false, limits::batch_bytes, positions, {}, false});
    }
    tail->run();
    CHECK(tail->take().size() == 310);
  }
}

TEST_CASE("a restored backup is recognised by its content") {
  const Folder folder;
  folder.write("a", "");
  std::string positions;
  {
    Tail tail({folder / "a"});
    tail.run();
    folder.append("a", numbered(0, 100));
    tail.run();
    positions = tail.positions();
  }
  copy_bytes(folder / "a", folder / "copy");
  folder.rename("copy", "a");
  folder.append("a", numbered(100, 110));
  Tail tail({folder / "a"}, {false, limits::batch_bytes, positions, {}, false});
  tail.run();
  CHECK(tail.take() == numbered_list(100, 110));
  CHECK(tail.notice_codes() == List{"file-recognised"});
}

TEST_CASE("files that only begin alike are both read whole") {
  const std::string head = "{\"head\":\"" + std::string(1500, 'x') + "\"}\n";
  const Folder folder;
  folder.write("a", head + numbered(0, 10));
  folder.write("b", head + numbered(20, 30));
  Tail tail({folder / "*"}, {true, limits::batch_bytes, "", {}, false});
  tail.run();
  CHECK(tail.take().size() == 22);
  folder.write("c", head + numbered(30, 40) + numbered(40, 50));
  tail.run();
  CHECK(tail.take().size() == 21);
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
