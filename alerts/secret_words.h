// SPDX-License-Identifier: Apache-2.0
// Which names name a secret, and which pieces of a text are one. Used by Redactor (redact.cc) and
// nowhere else. Thread rule: pure functions. Cost: O(length).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

inline constexpr std::string_view redacted_text = "<redacted>";

// True for names such as sessionToken, secretAccessKey, masterUserPassword, Authorization,
// DB_PASSWORD. False for names that only speak of a secret: secretId, SecretARN, clientToken,
// nextToken, passwordResetRequired, httpTokens.
bool names_a_secret(std::string_view name);

// True for names that may be shown although they stand inside a secret object
// (credentials.accessKeyId, .expiration).
bool names_an_attribute(std::string_view name);

// True for names that name a secret, yet beside a number count something (usage.outputTokens of
// language models).
bool names_a_count(std::string_view name);

// What a service writes in place of a secret: shown as it is.
bool is_placeholder(std::string_view value);

// `text` without the secrets in it: assignments (password=..., "token": "...", --secret ...),
// Bearer and Basic credentials, user:password@ in URLs, private keys, tokens with a well-known
// beginning, AWS secret keys beside their key id. `is_secret_name` says which names count. What was
// taken out is appended to `removed` if that is not null.
std::string without_secrets(std::string_view text,
                            const std::function<bool(std::string_view)>& is_secret_name,
                            std::vector<std::string>* removed);

// False: without_secrets() surely changes nothing. Cheap.
bool may_hold_secret(std::string_view text);

}  // namespace tocsin
