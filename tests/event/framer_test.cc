// SPDX-License-Identifier: Apache-2.0
#include "engine/event/framer.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/base/limits.h"
#include "engine/event/bracket_scan.h"

namespace tocsin {
namespace {

// A document as a reader of the stream sees it: '!' before a broken one, '#' before an oversized
// one.
struct Seen {
  std::uint64_t offset = 0;
  std::string text;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// Feeds `stream` in pieces of the sizes that `next_size` gives, as a reader does: what was not
// consumed is given again.
template <typename NextSize>
std::vector<Seen> frames_of(Framer& framer, const std::string& stream, NextSize next_size) {
  std::vector<Seen> seen;
  std::vector<Frame> frames;
  std::size_t consumed = 0;
  std::size_t known = 0;
  bool end = false;
  while (!end) {
    known = std::min(stream.size(), known + next_size());
    end = known == stream.size();
    const std::string_view bytes = std::string_view(stream).substr(consumed, known - consumed);
    frames.clear();
    const std::size_t used = framer.feed(bytes, consumed, end, frames);
    REQUIRE(used <= bytes.size());
    for (const Frame& frame : frames) {
      REQUIRE(frame.begin + frame.size <= bytes.size());
      CHECK(frame.offset == consumed + frame.begin);
      const std::string mark = frame.oversized ? "#" : frame.broken ? "!" : "";
      seen.push_back({frame.offset, mark + std::string(bytes.substr(frame.begin, frame.size))});
    }
    consumed += used;
  }
  CHECK(consumed == stream.size());
  return seen;
}

std::vector<Seen> frames_at_once(const std::string& stream) {
  Framer framer;
  return frames_of(framer, stream, [&] { return stream.size(); });
}

std::vector<std::string> texts(const std::vector<Seen>& seen) {
  std::vector<std::string> list;
  for (const Seen& one : seen) {
    list.push_back(one.text);
  }
  return list;
}

struct Case {
  std::string name;
  std::string stream;
  Framer::Mode mode;
  std::vector<std::string> documents;
};

using enum Framer::Mode;

std::vector<Case> cases() {
  return {
      {"nothing", "", undecided, {}},
      {"blank", " \n\t\r\n", undecided, {}},
      {"one line", "{\"a\":1}\n", lines, {"{\"a\":1}"}},
      {"one line without newline", "{\"a\":1}", lines, {"{\"a\":1}"}},
      {"lines", "{\"a\":1}\n{\"b\":[2]}\n{}\n", lines, {"{\"a\":1}", "{\"b\":[2]}", "{}"}},
      {"lines with CR", "{\"a\":1}\r\n\r\n{\"b\":2}\r\n", lines, {"{\"a\":1}", "{\"b\":2}"}},
      {"byte order mark", "\xef\xbb\xbf{\"a\":1}\n{}\n", lines, {"{\"a\":1}", "{}"}},
      {"blanks behind the first", "{\"a\":1} \t\n{}\n", lines, {"{\"a\":1} \t", "{}"}},
      {"a last line without newline", "{\"a\":1}\n{\"b\":", lines, {"{\"a\":1}", "{\"b\":"}},
      {"a broken line costs itself",
       "{\"a\":1}\n{\"b\":\"\n{\"c\":3}\n",
       lines,
       {"{\"a\":1}", "{\"b\":\"", "{\"c\":3}"}},
      {"no JSON at all", "hello\nworld\n", lines, {"hello", "world"}},
      {"a head line that is no JSON", "# log\n{\"a\":1}\n", lines, {"# log", "{\"a\":1}"}},
      {"array on one line", "[{\"a\":1},{\"b\":2}]\n", lines, {"[{\"a\":1},{\"b\":2}]"}},
      {"pretty-printed",
       "{\n  \"a\": 1\n}\n{\n  \"b\": {\n  }\n}\n",
       spanning,
       {"{\n  \"a\": 1\n}", "{\n  \"b\": {\n  }\n}"}},
      {"glued", "{\"a\":1}{\"b\":2}[3]{}", spanning, {"{\"a\":1}", "{\"b\":2}", "[3]", "{}"}},
      {"glued, then lines", "{\"a\":1}{\"b\":2}\n{}\n", spanning, {"{\"a\":1}", "{\"b\":2}", "{}"}},
      {"separated by commas", "{\"a\":1},\n{\"b\":2},\n", spanning, {"{\"a\":1}", "{\"b\":2}"}},
      {"elements at line starts",
       "[\n{\"a\":1},\n{\"b\":2}\n]\n",
       spanning,
       {"[\n{\"a\":1},\n{\"b\":2}\n]"}},
      {"a member's value at a line start",
       "{\"a\":\n{\"b\":2}}{}",
       spanning,
       {"{\"a\":\n{\"b\":2}}", "{}"}},
      {"brackets and quotes in strings",
       "{\"a\":\"}]{[\\\"}\"}{\"b\":\"\\\\\"}{}",
       spanning,
       {"{\"a\":\"}]{[\\\"}\"}", "{\"b\":\"\\\\\"}", "{}"}},
      {"a raw newline in a string", "{\"a\":\"x\ny\"}{}", spanning, {"{\"a\":\"x\ny\"}", "{}"}},
      {"broken: a first line without bracket",
       "{\"a\":1\n{\"b\":2}\n{\"c\":3}\n",
       lines,
       {"!{\"a\":1", "{\"b\":2}", "{\"c\":3}"}},
      {"broken: a string without end",
       "{\n\"a\": \"x,\n\"b\": 2\n}\n{\n\"c\": 3\n}\n",
       spanning,
       {"!{\n\"a\": \"x,\n\"b\": 2\n}", "{\n\"c\": 3\n}"}},
      {"broken: a document inside another is given back",
       "{}{\"a\": {\n\"b\":\n{\n\"c\": 3\n}\n{\n\"d\": 4\n}\n",
       spanning,
       {"{}", "!{\"a\": {\n\"b\":", "{\n\"c\": 3\n}", "{\n\"d\": 4\n}"}},
      {"broken: an array gives back its elements",
       "{}[\n{\"a\":1},\n{\"b\":2},\n{\"c\":\"}\n]\n{\"d\":4}\n",
       spanning,
       {"{}", "![", "{\"a\":1}", "{\"b\":2}", "!{\"c\":\"}\n]", "{\"d\":4}"}},
      {"broken: the stream ends", "{}{\"a\":[1,", spanning, {"{}", "!{\"a\":[1,"}},
      {"broken: the stream ends in what was swallowed",
       "{}{\"a\":[\n{\"b\":2},\n",
       spanning,
       {"{}", "!{\"a\":[", "{\"b\":2}"}},
      {"broken: the stream ends in a container",
       "{\"Records\":[{\"a\":1}, {\"b\":2},{\"c\":",
       undecided,
       {"{\"a\":1}", "{\"b\":2}", "!{\"c\":"}},
      {"broken: the stream ends behind a container's element",
       "[{\"a\":1},\n [2]",
       undecided,
       {"{\"a\":1}", "[2]", "!"}},
      {"broken: a record whose bracket is missing costs its neighbours nothing",
       "{\"Records\":[{\"eventVersion\":1},{\"eventVersion\":2, {\"eventVersion\":3},{\"a\":4}]}",
       undecided,
       {"{\"eventVersion\":1}", "!{\"eventVersion\":2", "{\"eventVersion\":3}", "{\"a\":4}"}},
      {"broken: a string that does not end costs the records behind it nothing",
       "{\"Records\":[{\"eventVersion\":\"1}, {\"eventVersion\":2}]}",
       undecided,
       {"!{\"Records\":[{\"eventVersion\":\"1}", "{\"eventVersion\":2}"}},
      {"broken: a bracket of another kind closes nothing",
       "{}[\n{\"a\":1,\n{\"b\":2}\n]\n",
       spanning,
       {"{}", "![", "!{\"a\":1,", "{\"b\":2}"}},
      {"broken: a container's array is closed, it is not",
       "{\"x\":[1],\"Records\":[{\"a\":1}],\"y\":",
       undecided,
       {"{\"a\":1}", "!],\"y\":"}},
      {"broken: lines follow a container that was cut",
       "{\"Records\":[{\"a\":1},{\"b\":\"x\n{\"c\":3}\n",
       lines,
       {"{\"a\":1}", "!{\"b\":\"x", "{\"c\":3}"}},
      {"broken: elements without brackets go with the break",
       "[{\"a\":1},2,{\"b\":",
       undecided,
       {"{\"a\":1}", "!2,{\"b\":"}},
      {"stray closing brackets", "{\"a\":1}}]\n{\"b\":2}", spanning, {"{\"a\":1}", "{\"b\":2}"}},
      {"garbage between documents",
       "{}{\"a\":1}\nnonsense { here\n{\"b\":2}\n",
       spanning,
       {"{}", "{\"a\":1}", "!nonsense { here", "{\"b\":2}"}},
      {"garbage at the end", "{}{}\nnonsense", spanning, {"{}", "{}", "!nonsense"}},
      {"the hole that copytruncate leaves",
       std::string("\0\0\0", 3) + "{\"a\":1}\n" + std::string("\0", 1) + "{\"b\":2}\n",
       lines,
       {"{\"a\":1}", "{\"b\":2}"}},
  };
}

TEST_CASE("documents are found wherever the stream is cut") {
  for (const Case& one : cases()) {
    CAPTURE(one.name);
    const std::vector<Seen> whole = frames_at_once(one.stream);
    CHECK(texts(whole) == one.documents);
    for (const Seen& seen : whole) {
      CHECK(one.stream.find(seen.text[0] == '!' ? seen.text.substr(1) : seen.text) !=
            std::string::npos);
    }
    for (std::size_t cut = 0; cut <= one.stream.size(); ++cut) {
      CAPTURE(cut);
      Framer framer;
      std::size_t piece = 0;
      CHECK(frames_of(framer, one.stream, [&] { return piece++ == 0 ? cut : one.stream.size(); }) ==
            whole);
      CHECK(framer.mode() == one.mode);
    }
    Framer by_byte;
    CHECK(frames_of(by_byte, one.stream, [] { return std::size_t{1}; }) == whole);
    CHECK(by_byte.mode() == one.mode);
  }
}

TEST_CASE("the first document's bytes are known with the first frame and do not depend on cuts") {
  for (const Case& one : cases()) {
    CAPTURE(one.name);
    Framer whole;
    frames_of(whole, one.stream, [&] { return one.stream.size(); });
    Framer by_byte;
    frames_of(by_byte, one.stream, [] { return std::size_t{1}; });
    CHECK(whole.first_document() == by_byte.first_document());
    CHECK(whole.first_document().empty() == one.documents.empty());
  }
  std::string large = "{\"a\":\"" + std::string(10'000, 'x') + "\"}\n";
  Framer framer;
  frames_of(framer, large, [] { return std::size_t{100}; });
  CHECK(framer.first_document() == large.substr(0, 4096));
}

TEST_CASE("NUL bytes are counted") {
  Framer framer;
  frames_of(framer, std::string(1000, '\0') + "{}\n" + std::string(5, '\0') + "{}\n", [] {
    return std::size_t{7};
  });
  CHECK(framer.skipped_nul_bytes() == 1005);
}

std::string random_json(std::mt19937& random, int depth) {
  const auto pick = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  static const std::vector<std::string> scalars{
      "1",
      "null",
      "\"\"",
      "\"x\"",
      "\"a\\\"b\"",
      "\"\\\\\"",
      "\"}{][\"",
      "\"\\u007b\\\\\\\"\"",
      "\"a long string of text that crosses a block of sixty-four bytes, surely\""};
  static const std::vector<std::string> blanks{"", "", " ", "\n", "\n  "};
  if (depth == 0 || pick(3) == 0) {
    return scalars[pick(static_cast<unsigned>(scalars.size()))];
  }
  const bool array = pick(2) == 0;
  std::string text = array ? "[" : "{";
  for (unsigned i = 0, n = pick(5); i < n; ++i) {
    text += i == 0 ? "" : ",";
    text += blanks[pick(5)];
    text += array ? "" : "\"k\":" + blanks[pick(5)];
    text += random_json(random, depth - 1);
    text += blanks[pick(5)];
  }
  return text + (array ? "]" : "}");
}

TEST_CASE("random documents, whole and damaged, are framed alike in any pieces") {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    std::string stream = "{\n}";
    std::vector<std::string> documents{stream};
    for (int i = 0; i < 12; ++i) {
      std::string document = random_json(random, 4);
      if (document[0] != '{' && document[0] != '[') {
        document = "[" + document + "]";
      }
      stream += (random() % 2 == 0 ? "\n" : "") + document;
      documents.push_back(document);
    }
    if (round % 2 == 0) {
      CHECK(texts(frames_at_once(stream)) == documents);
    } else {
      for (int i = 0; i < 3; ++i) {
        const std::size_t at = 3 + random() % (stream.size() - 3);
        stream[at] = "\"{}[],\n\\x"[random() % 9];
      }
    }
    const std::vector<Seen> whole = frames_at_once(stream);
    Framer by_byte;
    CHECK(frames_of(by_byte, stream, [] { return std::size_t{1}; }) == whole);
    Framer by_piece;
    CHECK(frames_of(by_piece, stream, [&] { return std::size_t{1} + random() % 200; }) == whole);
  }
}

// --- large ones ---

std::string element(std::size_t number, std::size_t size) {
  return "{\"n\":" + std::to_string(number) + ",\"pad\":\"" + std::string(size, '}') + "\"}";
}

struct Large {
  std::string name;
  std::string head, separator, tail;
};

TEST_CASE("containers larger than a record are handed on element by element") {
  const std::vector<Large> shapes{
      {"records on one line", "{\"Records\":[", ",", "]}"},
      {"records, pretty-printed",
       "{\n\"x\": {\"Records\": 1},\n \"Records\" :\n [\n",
       ",\n",
       "\n],\n\"more\":[1]}"},
      {"array on one line", "[", ",", "]"},
      {"array over lines", "[\n", ",\n", "\n]"},
  };
  for (const Large& shape : shapes) {
    for (const bool lines_before : {false, true}) {
      CAPTURE(shape.name);
      CAPTURE(lines_before);
      std::string stream = lines_before ? "{\"first\":1}\n" : "";
      if (lines_before && shape.separator != ",") {
        stream = "{\n}";
      }
      std::vector<std::string> expected;
      if (lines_before) {
        expected.push_back(stream.substr(0, stream.find_last_of('}') + 1));
      }
      stream += shape.head;
      for (std::size_t i = 0; i < 50; ++i) {
        expected.push_back(i % 10 == 3 ? "17" : element(i, 100'000));
        stream += (i == 0 ? "" : shape.separator) + expected.back();
      }
      stream += shape.tail + "\n{\"last\":1}\n";
      expected.emplace_back("{\"last\":1}");
      const std::vector<Seen> whole = frames_at_once(stream);
      CHECK(texts(whole) == expected);
      std::mt19937 random(3);
      Framer by_piece;
      CHECK(frames_of(by_piece, stream, [&] { return 1 + random() % 300'000; }) == whole);
    }
  }
}

TEST_CASE("what is larger than a record may be costs its neighbours nothing") {
  const std::string large = element(0, limits::record_bytes_max);
  const std::string exact = "{\"pad\":\"" + std::string(limits::record_bytes_max - 10, 'x') + "\"}";
  REQUIRE(exact.size() == limits::record_bytes_max);
  const std::string beginning = "#" + large.substr(0, limits::dead_letter_record_bytes_max);
  struct Row {
    std::string name;
    std::string stream;
    std::vector<std::string> expected;
  };
  const std::vector<Row> rows{
      {"a line", "{}\n" + large + "\n{}\n", {"{}", beginning, "{}"}},
      {"the first line", large + "\n{}\n", {beginning, "{}"}},
      {"a line of the largest size", "{}\n" + exact + "\n{}\n", {"{}", exact, "{}"}},
      {"a document", "{\n}" + large + "{}\n", {"{\n}", beginning, "{}"}},
      {"a document of the largest size", "{\n}" + exact + "{}\n", {"{\n}", exact, "{}"}},
      {"an element", "[" + large + ",{\"a\":1}]{}", {beginning, "{\"a\":1}", "{}"}},
      {"an element on a line",
       "{}\n[" + large + ",{\"a\":1}]\n{}\n",
       {"{}", beginning, "{\"a\":1}", "{}"}},
      {"a broken one",
       "{\n}{\"a\":\"" + std::string(limits::record_bytes_max, 'x') + "\n{\"b\":1}\n",
       {"{\n}",
        "#{\"a\":\"" + std::string(limits::dead_letter_record_bytes_max - 6, 'x'),
        "{\"b\":1}"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::vector<Seen> whole = frames_at_once(row.stream);
    CHECK((texts(whole) == row.expected));
    std::mt19937 random(5);
    Framer by_piece;
    const std::vector<Seen> pieces =
        frames_of(by_piece, row.stream, [&] { return 1 + random() % 900'000; });
    CHECK((pieces == whole));
  }
}

TEST_CASE("a container that ends early is given up without its neighbours") {
  std::string stream = "{\n}{\"Records\":[";
  std::vector<std::string> expected{"{\n}"};
  for (std::size_t i = 0; i < 45; ++i) {
    expected.push_back(element(i, 100'000));
    stream += (i == 0 ? "" : ",") + expected.back();
  }
  stream += ",{\"cut\":\n{\"a\":1}\n{\"b\":2}\n";
  for (const char* more : {"!{\"cut\":", "{\"a\":1}", "{\"b\":2}"}) {
    expected.emplace_back(more);
  }
  CHECK((texts(frames_at_once(stream)) == expected));
}

TEST_CASE("a framer goes on behind a saved position as if nothing had happened") {
  std::string big = "{\"Records\":[";
  for (std::size_t i = 0; i < 45; ++i) {
    big += (i == 0 ? "" : ",") + element(i, 100'000);
  }
  big += "]}";
  const std::string oversized = element(0, limits::record_bytes_max + 10);
  const std::vector<std::string> streams{
      "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n",
      "{\n}{\"b\":2}[\n{\"c\":\n{}}]\n{}",
      "{}\n" + big + "\n{\"c\":3}\n",
      "{\n}" + big + "{\"c\":3}",
      "{}\n" + oversized + "\n{\"c\":3}\n",
      "{\n}" + oversized + "{\"c\":3}",
      "{\n}[" + oversized + ",{\"d\":\"]\"}]{\"c\":3}",
  };
  for (const std::string& stream : streams) {
    const std::vector<Seen> whole = frames_at_once(stream);
    std::vector<Seen> seen;
    std::vector<Frame> frames;
    std::string saved = Framer().save();
    std::size_t consumed = 0;
    const std::size_t piece = std::max<std::size_t>(1, stream.size() / 23);
    for (std::size_t known = piece; consumed < stream.size(); known += piece) {
      Framer framer;
      REQUIRE(framer.restore(saved));
      known = std::min(known, stream.size());
      frames.clear();
      const std::string_view bytes = std::string_view(stream).substr(consumed, known - consumed);
      const std::size_t used = framer.feed(bytes, consumed, known == stream.size(), frames);
      for (const Frame& frame : frames) {
        seen.push_back(
            {frame.offset,
             (frame.oversized ? "#" : "") + std::string(bytes.substr(frame.begin, frame.size))});
      }
      consumed += used;
      saved = framer.save();
    }
    CHECK((seen == whole));
  }
  Framer framer;
  for (const char* wrong : {"", "a", "zzz", "baa1,2", "baa1,2,3,4,5x", "bza0,0,0,0,0"}) {
    CAPTURE(wrong);
    CHECK_FALSE(framer.restore(wrong));
    CHECK(framer.mode() == Framer::Mode::undecided);
  }
}

TEST_CASE("a framer that joins a stream skips to where a document begins") {
  struct Row {
    Framer::Mode mode;
    bool at_line_start;
    std::string stream;
    std::vector<std::string> expected;
  };
  const std::vector<Row> rows{
      {lines, true, "{\"a\":1}\n{}\n", {"{\"a\":1}", "{}"}},
      {lines, false, "x\"}\n{}\n", {"{}"}},
      {spanning, true, "{\n}{}", {"{\n}", "{}"}},
      {spanning, false, " \"a\": {\n}\n}\n{\"b\":1}{}", {"{\"b\":1}", "{}"}},
      {spanning, true, "  \"a\": 1\n}\n", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.stream);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{100}}) {
      Framer framer;
      framer.join(row.mode, row.at_line_start);
      CHECK(texts(frames_of(framer, row.stream, [&] { return piece; })) == row.expected);
    }
  }
}

TEST_CASE("100,000 levels of nesting are one document") {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  CHECK((texts(frames_at_once("{\n}" + deep + "{}")) ==
         std::vector<std::string>{"{\n}", deep, "{}"}));
}

TEST_CASE("lines that each might begin a document cost no more than a few passes") {
  // Every line opens an object whose value is the next line's: nothing is closed until the limit.
  std::string stream = "{\n}";
  for (int i = 0; i < 300'000; ++i) {
    stream += "{\"a\":\n";
  }
  const std::vector<Seen> seen = frames_at_once(stream + "}\n");
  CHECK(seen.size() > 2);
  CHECK(seen.back().text.front() == '!');
}

}  // namespace
}  // namespace tocsin
