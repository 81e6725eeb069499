// SPDX-License-Identifier: Apache-2.0
#include "alerts/scrub.h"

#include <algorithm>
#include <cstddef>

#include "alerts/sanitize.h"
#include "alerts/secret_words.h"

namespace tocsin {
namespace {

// Shorter pieces of a URL ("v1", "api") are no secrets and are found everywhere.
constexpr std::size_t piece_bytes_min = 5;
constexpr std::size_t text_bytes_max = 4096;
constexpr std::size_t line_code_points_max = 256;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                        hex_digit(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Scrubber::Scrubber(const Secret& url, const ReceiverConfig& config) {
  const std::string_view text = url.reveal();
  const std::size_t scheme = text.find("://");
  const std::size_t path =
      text.find_first_of("/?", scheme == std::string_view::npos ? 0 : scheme + 3);
  if (path != std::string_view::npos) {
    const std::string_view rest = text.substr(path + 1);
    add(rest);
    for (std::size_t at = 0; at <= rest.size();) {
      const std::size_t end = std::min(rest.find_first_of("/?&=", at), rest.size());
      add(rest.substr(at, end - at));
      at = end + 1;
    }
  }
  const std::string& authorization = config.authorization.reveal();
  add(authorization);
  add(std::string_view(authorization).substr(authorization.find(' ') + 1));
  for (const auto& [name, value] : config.headers) {
    add(value);
  }
  std::stable_sort(secrets_.begin(), secrets_.end(), [](const auto& a, const auto& b) {
    return a.size() > b.size();
  });
}

void Scrubber::add(std::string_view secret) {
  if (secret.size() < piece_bytes_min) {
    return;
  }
  secrets_.emplace_back(secret);
  std::string decoded = percent_decoded(secret);
  if (decoded != secret && decoded.size() >= piece_bytes_min) {
    secrets_.push_back(std::move(decoded));
  }
}

std::string Scrubber::clean(std::string_view text) const {
  // One line first: a secret with a control character in its middle would not be found.
  std::string out = plain_line(text.substr(0, text_bytes_max), text_bytes_max);
  for (const std::string& secret : secrets_) {
    for (std::size_t at = 0; (at = out.find(secret, at)) != std::string::npos;
         at += redacted_text.size()) {
      out.replace(at, secret.size(), redacted_text);
    }
  }
  // A secret that the cut leaves in half is not found: its beginning goes too.
  if (text.size() > text_bytes_max) {
    out.resize(out.size() / 2);
  }
  return plain_line(out, line_code_points_max);
}

}  // namespace tocsin
