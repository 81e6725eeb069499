// SPDX-License-Identifier: Apache-2.0
#include "engine/input/saved_file.h"

#include <charconv>
#include <vector>

#include "engine/base/rows.h"

namespace tocsin {

namespace {

constexpr std::string_view format_name = "f1";
constexpr char hex_digits[] = "0123456789abcdef";

bool is_plain(char c) {
  return c > ' ' && c < 0x7f && c != '%';
}

// Percent-encodes what would not stand in one field of one line.
std::string encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_plain(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 15u];
    }
  }
  return out.empty() ? "%" : out;
}

int digit_of(char c) {
  const std::size_t at = std::string_view(hex_digits).find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  if (text == "%") {
    return out;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit_of(text[i + 1]) < 0 || digit_of(text[i + 2]) < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
    i += 2;
  }
  return out;
}

// Reads the fields of a row one after the other; one bad field spoils the rest.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  std::string_view text() {
    const std::size_t space = std::min(rest_.find(' '), rest_.size());
    const std::string_view field = rest_.substr(0, space);
    good_ = good_ && !field.empty();
    rest_.remove_prefix(std::min(space + 1, rest_.size()));
    return field;
  }
  template <typename Number>
  void number(Number& out, int base = 10) {
    parse(text(), out, base);
  }
  void hash(Hash128& out) {
    const std::string_view field = text();
    good_ = good_ && field.size() == 32;
    if (good_) {
      parse(field.substr(0, 16), out.high, 16);
      parse(field.substr(16), out.low, 16);
    }
  }
  bool good_to_the_end() const { return good_ && rest_.empty(); }

 private:
  template <typename Number>
  void parse(std::string_view field, Number& out, int base) {
    const char* const end = field.data() + field.size();
    const std::from_chars_result parsed = std::from_chars(field.data(), end, out, base);
    good_ = good_ && parsed.ec == std::errc() && parsed.ptr == end;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

Sample sample_of(std::string_view bytes) {
  return {bytes.size(), content_hash(bytes)};
}

bool is_sample_of(const Sample& sample, std::string_view bytes) {
  return sample.size == bytes.size() && (bytes.empty() || content_hash(bytes) == sample.hash);
}

std::string row_key(const FileId& id) {
  return std::to_string(id.device) + ":" + std::to_string(id.inode) + ":" + std::to_string(id.born);
}

std::string row_text(const SavedFile& file) {
  std::string text(format_name);
  const auto number = [&text](auto value) { text.append(1, ' ').append(std::to_string(value)); };
  const auto hash = [&text](const Hash128& value) { text.append(1, ' ').append(to_hex(value)); };
  number(file.id.device);
  number(file.id.inode);
  number(file.id.born);
  number(file.offset);
  number(file.size);
  number(file.head.size);
  hash(file.head.hash);
  hash(file.short_head);
  number(file.marker.size);
  hash(file.marker.hash);
  number(static_cast<unsigned>(file.codec));
  number(file.done ? 1 : 0);
  number(file.gone ? 1 : 0);
  hash(file.stream_id);
  text.append(1, ' ').append(encode(file.framer));
  return text.append(1, ' ').append(encode(file.path));
}

std::optional<SavedFile> parse_row_text(std::string_view text) {
  SavedFile file;
  Fields fields(text);
  if (fields.text() != format_name) {
    return std::nullopt;
  }
  unsigned codec = 0;
  unsigned done = 0;
  unsigned gone = 0;
  fields.number(file.id.device);
  fields.number(file.id.inode);
  fields.number(file.id.born);
  fields.number(file.offset);
  fields.number(file.size);
  fields.number(file.head.size);
  fields.hash(file.head.hash);
  fields.hash(file.short_head);
  fields.number(file.marker.size);
  fields.hash(file.marker.hash);
  fields.number(codec);
  fields.number(done);
  fields.number(gone);
  fields.hash(file.stream_id);
  const std::optional<std::string> framer = decode(fields.text());
  const std::optional<std::string> path = decode(fields.text());
  if (!fields.good_to_the_end() || !framer || !path || codec > static_cast<unsigned>(Codec::zstd)) {
    return std::nullopt;
  }
  file.codec = static_cast<Codec>(codec);
  file.done = done != 0;
  file.gone = gone != 0;
  file.framer = *framer;
  file.path = *path;
  return file;
}

void append_row(std::string_view key, std::string_view text, std::string& rows) {
  rows.append(key).append("\t").append(text).append("\n");
}

std::map<std::string, std::string> parse_rows(std::string_view rows, std::size_t& malformed) {
  std::map<std::string, std::string> found;
  RowReader reader(rows);
  for (TextRow row; reader.next(row);) {
    if (row.key.empty()) {
      ++malformed;
    } else if (row.text.empty()) {
      found.erase(std::string(row.key));
    } else {
      found[std::string(row.key)] = std::string(row.text);
    }
  }
  return found;
}

}  // namespace tocsin
