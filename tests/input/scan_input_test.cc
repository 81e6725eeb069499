// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/input/inputs.h"
#include "tests/input/folder.h"

namespace tocsin {
namespace {

using testing::codes;
using testing::Folder;
using testing::gzip;
using testing::numbered;
using testing::numbered_list;
using testing::Record;
using testing::texts;
using testing::zstd;

struct Outcome {
  std::vector<Record> records;
  std::vector<InputNotice> notices;
  std::size_t batches = 0;
  std::size_t largest_batch = 0;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::string error;
};

struct Settings {
  std::size_t batch_bytes = limits::batch_bytes;
  std::vector<std::string> exclude;
  bool follow_links = false;
};

// Claims all that can be claimed and then loads it in reverse, as workers that overtake one another
// might.
Outcome scan(std::vector<std::string> paths, const Settings& settings = {}) {
  Outcome outcome;
  FileInputOptions options;
  options.paths = std::move(paths);
  options.batch_bytes = settings.batch_bytes;
  options.exclude = settings.exclude;
  options.follow_links = settings.follow_links;
  options.notice = [&](const InputNotice& notice) { outcome.notices.push_back(notice); };
  options.now = [] { return TimeNs{42}; };
  Result<std::unique_ptr<Input>> input = make_scan_input(std::move(options));
  if (!input) {
    outcome.error = input.error().message;
    return outcome;
  }
  std::vector<std::unique_ptr<Batch>> batches;
  std::size_t loaded = 0;
  const auto load = [&] {
    for (std::size_t i = batches.size(); i-- > loaded;) {
      (*input)->load(*batches[i]);
    }
    loaded = batches.size();
  };
  while (true) {
    auto batch = std::make_unique<Batch>();
    const ClaimStatus status = (*input)->claim(*batch);
    if (status == ClaimStatus::finished) {
      break;
    }
    if (status == ClaimStatus::idle) {
      if (loaded < batches.size()) {
        load();
      } else {
        (*input)->wait(second_ns);
      }
      continue;
    }
    CHECK(batch->received_at == 42);
    CHECK(batch->source != nullptr);
    batches.push_back(std::move(batch));
  }
  load();
  for (std::size_t i = 0; i < batches.size(); ++i) {
    testing::collect(*batches[i], outcome.records);
    outcome.largest_batch = std::max(outcome.largest_batch, batches[i]->bytes.size());
    const bool first = i == 0 || batches[i - 1]->source != batches[i]->source;
    const bool last = i + 1 == batches.size() || batches[i + 1]->source != batches[i]->source;
    CHECK(batches[i]->first_of_source == first);
    CHECK(batches[i]->last_of_source == last);
  }
  outcome.batches = batches.size();
  outcome.done = (*input)->bytes_done();
  outcome.total = (*input)->bytes_total();
  return outcome;
}

TEST_CASE("compressed files that are larger than they seem are read piece by piece, in order") {
  // Many members: the size that the last one gives says nothing.
  const std::string large = numbered(0, 100'000) + std::string(40u << 20, '\n');
  std::string packed = gzip(large) + gzip(std::string(30u << 20, '\n'));
  packed += gzip("\n" + numbered(100'000, 100'001));
  REQUIRE(packed.size() < (1u << 20));
  const Folder folder;
  folder.write("a.gz", packed);
  folder.write("b.gz", packed);
  folder.write("c.json", numbered(0, 2));
  const Outcome outcome = scan({folder.path()});
  CHECK(outcome.notices.empty());
  REQUIRE(outcome.records.size() == 2 + 2 * 100'001);
  CHECK(outcome.records.front().text == "{\"n\":0}");
  CHECK(outcome.records.back().text == "{\"n\":100000}");
  CHECK(outcome.largest_batch < (64u << 20));
  CHECK(outcome.done == outcome.total);
}

TEST_CASE("every kind of file gives its records") {
  const std::string pretty = "{\n  \"n\": 0\n}\n{\n  \"n\": 1\n}\n";
  const std::vector<std::string> pretty_list{"{\n  \"n\": 0\n}", "{\n  \"n\": 1\n}"};
  const std::string many = numbered(0, 20'000);
  struct Row {
    std::string name;
    std::string bytes;
    std::vector<std::string> expected;
  };
  const std::vector<Row> rows{
      {"empty", "", {}},
      {"blank", "\n\n", {}},
      {"one line without newline", "{\"n\":0}", {"{\"n\":0}"}},
      {"lines", many, numbered_list(0, 20'000)},
      {"lines with CR", "{\"n\":0}\r\n{\"n\":1}\r\n", numbered_list(0, 2)},
      {"a byte order mark", "\xef\xbb\xbf" + many, numbered_list(0, 20'000)},
      {"a hole at the beginning", std::string(100, '\0') + many, numbered_list(0, 20'000)},
      {"a large hole", std::string(3u << 20, '\0') + many, numbered_list(0, 20'000)},
      {"pretty-printed", pretty, pretty_list},
      {"glued", "{\"n\":0}{\"n\":1}", numbered_list(0, 2)},
      {"gzip", gzip(many), numbered_list(0, 20'000)},
      {"gzip, pretty-printed", gzip(pretty), pretty_list},
      {"gzip, two members", gzip(numbered(0, 9)) + gzip(numbered(9, 15)), numbered_list(0, 15)},
      {"gzip in gzip", gzip(gzip(many)), numbered_list(0, 20'000)},
      {"zstd", zstd(many), numbered_list(0, 20'000)},
      {"zstd, two frames", zstd(numbered(0, 9)) + zstd(numbered(9, 15)), numbered_list(0, 15)},
      {"gzip of nothing", gzip(""), {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Folder folder;
    const std::string path = folder.write("any.name", row.bytes);
    for (const std::size_t batch_bytes : {limits::batch_bytes, std::size_t{1000}}) {
      const Outcome outcome = scan({path}, {batch_bytes, {}, false});
      CHECK(outcome.error.empty());
      CHECK((texts(outcome.records) == row.expected));
      CHECK(outcome.notices.empty());
      CHECK(outcome.done == row.bytes.size());
      CHECK(outcome.total == row.bytes.size());
    }
  }
}

TEST_CASE("ranges of any size hold each line exactly once") {
  std::mt19937 random(11);
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    std::string file = "{\"first\":1}\n";
    std::vector<std::string> lines{"{\"first\":1}"};
    for (int i = 0; i < 200; ++i) {
      std::string line =
          "{\"a\":\"" + std::string(random() % (i % 50 == 0 ? 9000 : 60), 'x') + "\"}";
      file += line + "\n";
      lines.push_back(std::move(line));
    }
    if (round % 2 == 0) {
      file.pop_back();
    }
    const Folder folder;
    const std::string path = folder.write("a", file);
    const std::size_t batch_bytes = 1 + random() % 5000;
    const Outcome outcome = scan({path}, {batch_bytes, {}, false});
    CHECK((texts(outcome.records) == lines));
    for (const Record& record : outcome.records) {
      CHECK(file.compare(record.offset, record.text.size(), record.text) == 0);
    }
    CHECK(outcome.done == file.size());
  }
}

TEST_CASE("lines larger than a record may be cost their neighbours nothing") {
  const std::string large = "{\"pad\":\"" + std::string(limits::record_bytes_max, 'x') + "\"}";
  const std::string fits = "{\"pad\":\"" + std::string(limits::record_bytes_max - 10, 'x') + "\"}";
  const Folder folder;
  const std::string path = folder.write(
      "a", numbered(0, 100) + fits + "\n" + numbered(100, 200) + large + "\n" + numbered(200, 300));
  for (const std::size_t batch_bytes : {limits::batch_bytes, std::size_t{500}}) {
    const Outcome outcome = scan({path}, {batch_bytes, {}, false});
    std::vector<std::string> expected = numbered_list(0, 100);
    expected.push_back(fits);
    const std::vector<std::string> middle = numbered_list(100, 200);
    expected.insert(expected.end(), middle.begin(), middle.end());
    expected.push_back("#" + large.substr(0, limits::dead_letter_record_bytes_max));
    const std::vector<std::string> rest = numbered_list(200, 300);
    expected.insert(expected.end(), rest.begin(), rest.end());
    CHECK((texts(outcome.records) == expected));
  }
}

TEST_CASE("a Records file of any size is handed on element by element") {
  std::string file = "{\"Records\":[";
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < 120; ++i) {
    expected.push_back("{\"n\":" + std::to_string(i) + ",\"pad\":\"" + std::string(100'000, 'x') +
                       "\"}");
    file += (i == 0 ? "" : ",") + expected.back();
  }
  file += "]}\n";
  const Folder folder;
  const Outcome plain = scan({folder.write("plain", file)});
  CHECK((texts(plain.records) == expected));
  CHECK(plain.batches > 2);
  const Outcome packed = scan({folder.write("packed", gzip(file))});
  CHECK((texts(packed.records) == expected));
  CHECK((plain.records[0].stream_id == content_hash(file.substr(0, 4096))));
  CHECK((packed.records[0].stream_id == plain.records[0].stream_id));
}

TEST_CASE("a stream's id is the hash of its first document, however it is stored") {
  const Folder folder;
  const std::string lines = "{\"a\":1}\n{\"b\":2}\n";
  const Hash128 expected = content_hash("{\"a\":1}");
  for (const std::string& file : {lines,
                                  gzip(lines),
                                  zstd(lines),
                                  "\xef\xbb\xbf" + lines,
                                  std::string("{\"a\":1}{\"b\":2}")}) {
    const Outcome outcome = scan({folder.write("f", file)});
    REQUIRE(outcome.records.size() == 2);
    CHECK((outcome.records[0].stream_id == expected));
    CHECK((outcome.records[1].stream_id == expected));
  }
}

TEST_CASE("broken compressed files give what comes before the break, and say so") {
  const std::string many = numbered(0, 200'000);
  const std::string packed = gzip(many);
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
  const std::string bomb = zstd(std::string(64u << 20, '\n') + "{\"n\":1}\n");
  struct Row {
    std::string name;
    std::string file;
    const char* code;
    std::size_t least;
  };
  const std::vector<Row> rows{
      {"truncated", packed.substr(0, packed.size() / 2), "truncated-gzip", 50'000},
      {"damaged", damaged, "corrupt-gzip", 50'000},
      {"truncated zstd", zstd(many).substr(0, zstd(many).size() - 10), "truncated-zstd", 1000},
      {"followed by something else", gzip(numbered(0, 5)) + "else", "corrupt-gzip", 5},
      {"a bomb", zstd("{\"n\":0}\n") + bomb, "decompressed-too-dense", 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Folder folder;
    const std::string path = folder.write("f", row.file);
    folder.write("g", numbered(0, 1));
    const Outcome outcome = scan({path, folder / "g"});
    REQUIRE(codes(outcome.notices) == std::vector<std::string>{row.code});
    CHECK((outcome.notices[0].kind == InputNotice::Kind::unreadable));
    CHECK(outcome.notices[0].source == path);
    REQUIRE(outcome.records.size() > row.least);
    for (std::size_t i = 0; i < row.least; ++i) {
      REQUIRE(outcome.records[i].text == "{\"n\":" + std::to_string(i) + "}");
    }
    // A bomb shows itself only when it is read, and is read on behind the others.
    const bool last = row.name != "a bomb";
    CHECK((last ? outcome.records.back() : outcome.records.front()).source == folder / "g");
  }
}

TEST_CASE("a large compressed file is streamed in batches") {
  std::mt19937 random(2);
  std::string text;
  std::size_t count = 0;
  for (; text.size() < (40u << 20); ++count) {
    text += "{\"n\":" + std::to_string(count) + ",\"r\":\"" + std::to_string(random()) +
            std::to_string(random()) + "\"}\n";
  }
  const Folder folder;
  // Two members: the size of the last one tells nothing of the first.
  const std::string file = gzip(text, 1) + gzip("{\"last\":1}\n");
  REQUIRE(file.size() > (2u << 20));
  const Outcome outcome = scan({folder.write("f", file)});
  CHECK(outcome.records.size() == count + 1);
  CHECK(outcome.batches > 10);
  CHECK(outcome.notices.empty());
  CHECK(outcome.done == file.size());
}

TEST_CASE("folders are read by name, recursively, and each file once") {
  const Folder folder;
  folder.make_folder("b/deep");
  folder.write("c", numbered(4, 5));
  folder.write("b/x", numbered(2, 3));
  folder.write("b/deep/y", numbered(1, 2));
  folder.write("a", numbered(0, 1));
  folder.write("b/z.tmp", numbered(3, 4));
  std::filesystem::create_hard_link(folder / "a", folder / "z-hard-link");
  std::filesystem::create_symlink("a", folder / "z-link");
  const Outcome all = scan({folder.path(), folder / "a", folder / "b"});
  CHECK(texts(all.records) == numbered_list(0, 5));
  CHECK(all.notices.empty());
  const Outcome some =
      scan({folder.path()}, {limits::batch_bytes, {"*.tmp", folder / "b/deep/**"}, false});
  CHECK(texts(some.records) == std::vector<std::string>{"{\"n\":0}", "{\"n\":2}", "{\"n\":4}"});
  const Outcome named = scan({folder / "c", folder / "a"});
  CHECK(texts(named.records) == std::vector<std::string>{"{\"n\":4}", "{\"n\":0}"});
}

TEST_CASE("globs name files, at any depth with **") {
  const Folder folder;
  folder.make_folder("x/y");
  folder.write("a.json", numbered(0, 1));
  folder.write("x/b.json", numbered(1, 2));
  folder.write("x/y/c.json", numbered(2, 3));
  folder.write("x/y/d.log", numbered(3, 4));
  CHECK(texts(scan({folder / "*.json"}).records) == numbered_list(0, 1));
  CHECK(texts(scan({folder / "**/*.json"}).records) == numbered_list(0, 3));
  CHECK(texts(scan({folder / "x/*/[cd].*"}).records) == numbered_list(2, 4));
  CHECK(scan({folder / "*.none"}).error.find("nothing matches") != std::string::npos);
  CHECK(scan({folder / "none"}).error.find("no such file") != std::string::npos);
  // A file whose name is a pattern is that file.
  folder.write("[a].json", numbered(7, 8));
  CHECK(texts(scan({folder / "[a].json"}).records) == numbered_list(7, 8));
}

TEST_CASE("a folder without files is no error, but is told of") {
  const Folder folder;
  folder.make_folder("empty");
  const Outcome outcome = scan({folder / "empty"});
  CHECK(outcome.error == "");
  CHECK(outcome.records.empty());
  REQUIRE(codes(outcome.notices) == std::vector<std::string>{"no-files"});
  CHECK(outcome.notices.front().source == folder / "empty");
}

TEST_CASE("what is no regular file is skipped in folders with one warning") {
  const Folder folder;
  folder.write("a", numbered(0, 1));
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder / "socket";
  std::copy(path.begin(), path.end(), address.sun_path);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const Outcome outcome = scan({folder.path(), folder / "*"});
  ::close(fd);
  CHECK(texts(outcome.records) == numbered_list(0, 1));
  CHECK(codes(outcome.notices) == std::vector<std::string>{"not-regular", "not-regular"});
}

TEST_CASE("links that leave the root are skipped unless they are allowed") {
  const Folder outside;
  outside.write("secret", numbered(1, 2));
  outside.make_folder("sub");
  outside.write("sub/other", numbered(2, 3));
  const Folder folder;
  folder.write("a", numbered(0, 1));
  std::filesystem::create_symlink(outside / "secret", folder / "link");
  std::filesystem::create_symlink(outside / "sub", folder / "link-sub");
  std::filesystem::create_symlink(folder.path(), folder / "loop");
  std::filesystem::create_symlink("nowhere", folder / "nothing");
  const Outcome strict = scan({folder.path()});
  CHECK(texts(strict.records) == numbered_list(0, 1));
  CHECK(codes(strict.notices) ==
        std::vector<std::string>{"link-leaves-root", "link-leaves-root", "dangling-link"});
  const Outcome following = scan({folder.path()}, {limits::batch_bytes, {}, true});
  CHECK(texts(following.records) == numbered_list(0, 3));
  CHECK(codes(following.notices) == std::vector<std::string>{"dangling-link"});
  // What the user names himself is opened.
  CHECK(texts(scan({folder / "link"}).records) == numbered_list(1, 2));
}

TEST_CASE("a file that may not be read is told, and the others are read") {
  const Folder folder;
  folder.write("a", numbered(0, 1));
  folder.write("b", numbered(1, 2));
  std::filesystem::permissions(folder / "a", std::filesystem::perms::none);
  if (::access((folder / "a").c_str(), R_OK) == 0) {
    MESSAGE("skipped: root may read everything");
    return;
  }
  const Outcome outcome = scan({folder.path()});
  CHECK(texts(outcome.records) == numbered_list(1, 2));
  CHECK(codes(outcome.notices) == std::vector<std::string>{"unreadable"});
}

TEST_CASE("a pipe that the user names is read as it is written") {
  const Folder folder;
  const std::string path = folder / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  for (const bool packed : {false, true}) {
    std::thread writer([&] {
      std::ofstream pipe(path, std::ios::binary);
      const std::string bytes = packed ? gzip(numbered(0, 60'000)) : numbered(0, 60'000);
      for (std::size_t at = 0; at < bytes.size(); at += 7777) {
        pipe << bytes.substr(at, 7777) << std::flush;
      }
    });
    const Outcome outcome = scan({path});
    writer.join();
    CHECK((texts(outcome.records) == numbered_list(0, 60'000)));
    CHECK(outcome.notices.empty());
  }
}

TEST_CASE("records of a pipe are handed on before it is closed, and wake() ends a wait") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  FileInputOptions options;
  options.paths = {"/proc/self/fd/" + std::to_string(ends[0])};
  Result<std::unique_ptr<Input>> input = make_scan_input(options);
  REQUIRE(input.has_value());
  Batch batch;
  CHECK(((*input)->claim(batch) == ClaimStatus::idle));
  (*input)->wake();
  (*input)->wait(3600 * second_ns);  // returns at once
  const std::string two = numbered(0, 2) + "{\"n\"";
  REQUIRE(::write(ends[1], two.data(), two.size()) == static_cast<ssize_t>(two.size()));
  (*input)->wait(3600 * second_ns);
  REQUIRE(((*input)->claim(batch) == ClaimStatus::batch));
  std::vector<Record> records;
  testing::collect(batch, records);
  CHECK(texts(records) == numbered_list(0, 2));
  batch.clear();
  CHECK(((*input)->claim(batch) == ClaimStatus::idle));
  REQUIRE(::write(ends[1], ":2}", 3) == 3);
  ::close(ends[1]);
  batch.clear();
  REQUIRE(((*input)->claim(batch) == ClaimStatus::batch));
  testing::collect(batch, records);
  CHECK(texts(records) == numbered_list(0, 3));
  CHECK(batch.last_of_source);
  batch.clear();
  CHECK(((*input)->claim(batch) == ClaimStatus::finished));
  ::close(ends[0]);
}

TEST_CASE("a file that shrinks while it is read is told with the bytes that are lost") {
  const Folder folder;
  const std::string path = folder.write("a", numbered(0, 20'000));
  std::vector<InputNotice> notices;
  FileInputOptions options;
  options.paths = {path};
  options.batch_bytes = 10'000;
  options.notice = [&](const InputNotice& notice) { notices.push_back(notice); };
  Result<std::unique_ptr<Input>> input = make_scan_input(options);
  REQUIRE(input.has_value());
  Batch batch;
  REQUIRE(((*input)->claim(batch) == ClaimStatus::batch));
  std::filesystem::resize_file(path, 1000);
  (*input)->load(batch);
  CHECK(batch.bytes.size() == 1000);
  CHECK(codes(notices) == std::vector<std::string>{"file-shrank"});
  CHECK((notices[0].kind == InputNotice::Kind::lost));
  CHECK(notices[0].bytes == batch.claim_end - 1000);
}

}  // namespace
}  // namespace tocsin
