// SPDX-License-Identifier: Apache-2.0
// The tail input and the identity of files: rotations, copies, truncations, names and inodes that
// go to others. The clock is the test's own: nothing sleeps.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "tests/input/tail_harness.h"

namespace tocsin {
namespace {

using testing::Folder;
using testing::lines_of;
using testing::numbered;
using testing::numbered_list;
using testing::Tail;
using testing::Writer;
using List = std::vector<std::string>;

void copy_bytes(const std::string& from, const std::string& to) {
  std::ifstream in(from, std::ios::binary);
  std::ofstream out(to, std::ios::binary);
  out << in.rdbuf();
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

TEST_CASE("a copy that ends before what was read of its truncated original is not read again") {
  enum class Seen { before_truncation, after_truncation, while_empty };
  for (const Seen seen : {Seen::before_truncation, Seen::after_truncation, Seen::while_empty}) {
    for (const std::size_t batch_bytes : {std::size_t{500}, limits::batch_bytes}) {
      CAPTURE(static_cast<int>(seen));
      CAPTURE(batch_bytes);
      const Folder folder;
      folder.write("a", "");
      Tail::Settings settings;
      settings.batch_bytes = batch_bytes;
      Tail tail({folder / "a*"}, settings);
      tail.run();
      const Writer writer(folder / "a");
      writer.write(numbered(0, 1000));
      tail.run();
      if (seen == Seen::while_empty) {
        folder.write("a.1", "");
        tail.run();
      }
      const std::string half_line = numbered(1000, 1001).substr(0, 5);
      writer.write(half_line);
      copy_bytes(folder / "a", folder / "x.1");
      if (seen == Seen::before_truncation) {
        folder.rename("x.1", "a.1");
        tail.run();
      }
      // Written behind the copying, and read before the truncation.
      writer.write(numbered(1000, 1050).substr(half_line.size()));
      tail.run();
      REQUIRE(tail.records.size() == 1050);
      std::filesystem::resize_file(folder / "a", 0);
      if (seen == Seen::after_truncation) {
        folder.rename("x.1", "a.1");
      } else if (seen == Seen::while_empty) {
        copy_bytes(folder / "x.1", folder / "a.1");
      }
      tail.run();
      writer.write(numbered(2000, 2010));
      tail.run_past_rotation();
      List expected = numbered_list(0, 1050);
      const List after = numbered_list(2000, 2010);
      expected.insert(expected.end(), after.begin(), after.end());
      List got = tail.take();
      std::sort(got.begin(), got.end());
      std::sort(expected.begin(), expected.end());
      CHECK((got == expected));
      // What the copy has behind that is its own.
      folder.append("a.1", numbered(1000, 1001).substr(half_line.size()) + numbered(3000, 3005));
      tail.run();
      List own = numbered_list(3000, 3005);
      own.insert(own.begin(), numbered_list(1000, 1001).front());
      CHECK((tail.take() == own));
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

}  // namespace
}  // namespace tocsin
