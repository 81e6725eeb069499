// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "alerts/redacted_alert.h"
#include "alerts/render.h"
#include "alerts/secret_words.h"
#include "engine/event/json_tree.h"
#include "tests/alerts/alert_fixture.h"

using namespace tocsin;

namespace {

std::string redacted(const std::string& json, const Redactor& redactor = Redactor()) {
  auto tree = parse_json(json);
  REQUIRE(tree.has_value());
  redactor.redact(*tree);
  std::string out;
  append_json(*tree, out);
  return out;
}

const std::string secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";  // AWS's own example

}  // namespace

TEST_CASE("names of secrets are told from names that only speak of one") {
  const std::vector<std::string> secret = {"password",
                                           "Password",
                                           "masterUserPassword",
                                           "DB_PASSWORD",
                                           "newPassword",
                                           "passwd",
                                           "secretString",
                                           "SecretBinary",
                                           "secretAccessKey",
                                           "aws_secret_access_key",
                                           "sessionToken",
                                           "x-amz-security-token",
                                           "authorization",
                                           "Proxy-Authorization",
                                           "cookie",
                                           "Set-Cookie",
                                           "accessToken",
                                           "refresh_token",
                                           "tokenValue",
                                           "credentials",
                                           "clientSecret",
                                           "privateKey",
                                           "api_key",
                                           "ApiKey",
                                           "passphrase",
                                           "secretMessage",
                                           "X-Amz-Signature",
                                           "githubToken",
                                           "id_token"};
  for (const std::string& name : secret) {
    CAPTURE(name);
    CHECK(names_a_secret(name));
  }
  const std::vector<std::string> harmless = {"accessKeyId",
                                             "secretId",
                                             "SecretARN",
                                             "SecretVersionId",
                                             "clientToken",
                                             "clientRequestToken",
                                             "nextToken",
                                             "changeToken",
                                             "httpTokens",
                                             "tokenId",
                                             "passwordResetRequired",
                                             "minimumPasswordLength",
                                             "passwordLastUsed",
                                             "passwordPolicy",
                                             "secretName",
                                             "userName",
                                             "sessionCredentialFromConsole",
                                             "mfaAuthenticated",
                                             "AuthenticationMethod",
                                             "keyId",
                                             "credentialId",
                                             "authorizationInfo",
                                             "eventName",
                                             "TokenElevationType",
                                             "uniqueTokenIdentifier",
                                             "maxPasswordAge",
                                             "secretid",
                                             "Signature"};
  for (const std::string& name : harmless) {
    CAPTURE(name);
    CHECK_FALSE(names_a_secret(name));
  }
}

TEST_CASE("secrets in a record are taken out and the rest is kept") {
  struct Case {
    const char* what;
    std::string record;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {"credentials of a response keep their key id and expiration",
       R"({"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLE","sessionToken":"tok","secretAccessKey":"s","expiration":"Jun 1"}}})",
       R"({"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLE","sessionToken":"<redacted>","secretAccessKey":"<redacted>","expiration":"Jun 1"}}})"},
      {"a key of any depth",
       R"({"a":[{"b":{"masterUserPassword":"x1"}}]})",
       R"({"a":[{"b":{"masterUserPassword":"<redacted>"}}]})"},
      {"numbers, but not booleans and null",
       R"({"password":123,"secret":true,"token":null})",
       R"({"password":"<redacted>","secret":true,"token":null})"},
      {"lists",
       R"({"passwords":["a1","b2"],"secret":{"values":["c3"],"name":"n"}})",
       R"({"passwords":["<redacted>","<redacted>"],"secret":{"values":["<redacted>"],"name":"n"}})"},
      {"what the service has hidden is shown as it is",
       R"({"masterUserPassword":"HIDDEN_DUE_TO_SECURITY_REASONS","secret":""})",
       R"({"masterUserPassword":"HIDDEN_DUE_TO_SECURITY_REASONS","secret":""})"},
      {"a name beside a value",
       R"({"environment":[{"name":"DB_PASSWORD","value":"hunter22"},{"name":"MODE","value":"prod"}]})",
       R"({"environment":[{"name":"DB_PASSWORD","value":"<redacted>"},{"name":"MODE","value":"prod"}]})"},
      {"JSON inside a string",
       R"({"body":"{\"user\":\"bob\",\"password\":\"hunter22\"}"})",
       R"({"body":"{\"user\":\"bob\",\"password\":\"<redacted>\"}"})"},
      {"JSON inside a string without secrets keeps its spelling",
       R"({"policy":"{ \"Effect\" : \"Allow\" }"})",
       R"({"policy":"{ \"Effect\" : \"Allow\" }"})"},
      {"an assignment in a command",
       R"({"c":"mysql --password hunter22 -u bob"})",
       R"({"c":"mysql --password <redacted> -u bob"})"},
      {"an assignment with a sign",
       R"({"c":"export AWS_SECRET_ACCESS_KEY=abc; x"})",
       R"({"c":"export AWS_SECRET_ACCESS_KEY=<redacted>; x"})"},
      {"a query",
       R"({"u":"/x?a=1&X-Amz-Security-Token=abc%2F&b=2"})",
       R"({"u":"/x?a=1&X-Amz-Security-Token=<redacted>&b=2"})"},
      {"a header",
       R"({"h":"Authorization: Bearer abcdefghijklmnop"})",
       R"({"h":"Authorization: Bearer <redacted>"})"},
      {"a password in a URL",
       R"({"u":"https://bob:hunter22@host/x"})",
       R"({"u":"https://bob:<redacted>@host/x"})"},
      {"a private key",
       R"({"k":"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nz"})",
       R"({"k":"a\n<redacted>\nz"})"},
      {"a public key is shown",
       R"({"k":"-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----"})",
       R"({"k":"-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----"})"},
      {"an AWS secret key beside its key id",
       R"({"d":"AKIAIOSFODNN7EXAMPLE,)" + secret_key + R"(;"})",
       R"({"d":"AKIAIOSFODNN7EXAMPLE,<redacted>;"})"},
      {"40 characters alone are not taken for one",
       R"({"d":")" + secret_key + R"("})",
       R"({"d":")" + secret_key + R"("})"},
      {"a Slack webhook",
       R"({"d":"post to https://hooks.slack.com/services/T1/B2/abc now"})",
       R"({"d":"post to https://hooks.slack.com/services/<redacted> now"})"},
      {"an ARN that says secret",
       R"({"secretId":"arn:aws:secretsmanager:us-east-1:1:secret:db-password-Ab"})",
       R"({"secretId":"arn:aws:secretsmanager:us-east-1:1:secret:db-password-Ab"})"},
      {"an ordinary record",
       R"({"eventName":"GetSecretValue","requestParameters":{"secretId":"prod/db","versionStage":"AWSCURRENT"},"accessKeyId":"AKIAX"})",
       R"({"eventName":"GetSecretValue","requestParameters":{"secretId":"prod/db","versionStage":"AWSCURRENT"},"accessKeyId":"AKIAX"})"},
      {"error messages",
       R"({"errorMessage":"User: arn:aws:iam::1:user/x is not authorized to perform: sts:GetSessionToken on resource: y"})",
       R"({"errorMessage":"User: arn:aws:iam::1:user/x is not authorized to perform: sts:GetSessionToken on resource: y"})"},
      {"counts of a language model",
       R"({"usage":{"outputTokens":512}})",
       R"({"usage":{"outputTokens":512}})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    CHECK(redacted(c.record) == c.expected);
  }
}

// What makes a secret, and what only looks like one: in any order.
std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> parts = {"password",
                                                 "Secret",
                                                 "token",
                                                 "api_key",
                                                 "user",
                                                 "=",
                                                 ":",
                                                 ": ",
                                                 " ",
                                                 " :",
                                                 "/",
                                                 "--",
                                                 "'",
                                                 "@",
                                                 "://",
                                                 "arn:aws:iam::1:role/x",
                                                 "Bearer ",
                                                 "basic ",
                                                 "abcdefghijklmnop",
                                                 "{",
                                                 "[",
                                                 "a.b",
                                                 "AKIAIOSFODNN7EXAMPLE",
                                                 "hooks.slack.com/services/T1",
                                                 "-----BEGIN RSA PRIVATE KEY-----",
                                                 "eyJ" + std::string(45, 'a'),
                                                 "ghp_" + std::string(30, 'b'),
                                                 "IQoJ" + std::string(110, 'c'),
                                                 "xoxb-" + std::string(25, '1'),
                                                 secret_key,
                                                 "2026-11-20T10:00:00Z",
                                                 "aws-cli/2.17.9",
                                                 "-",
                                                 "_"};
  std::string text;
  for (std::size_t left = 1 + random() % 6; left > 0; --left) {
    text += parts[random() % parts.size()];
  }
  return text;
}

TEST_CASE("what is told to be harmless at a glance is what redaction leaves as it is") {
  const auto redactor = std::make_shared<const Redactor>(std::vector<std::string>{"*pin*"});
  RecordCleaner cleaner(redactor);
  const auto check = [&](const std::string& record) {
    CAPTURE(record);
    const std::string slow = record_without_secrets(record, *redactor);
    if (cleaner.is_harmless(record)) {
      CHECK(slow == record);
      CHECK_FALSE(cleaner.clean(record).has_value());
      return true;
    }
    CHECK(cleaner.clean(record).value_or(record) == slow);
    return false;
  };
  std::mt19937 random(5);
  std::size_t harmless = 0;
  constexpr std::size_t records = 20'000;
  for (std::size_t i = 0; i < records; ++i) {
    const char* const names[] = {
        "d", "name", "key", "Value", "password", "myPin", "userAgent", "id"};
    const std::string first = names[random() % 8];
    const std::string second = names[random() % 8];
    harmless += std::size_t{check("{\"" + first + "\":\"" + random_text(random) + "\", \"" +
                                  second + "\" : \"" + random_text(random) + "\"}")};
  }
  CHECK(harmless > records / 200);
  CHECK(harmless < records / 2);
  // An ordinary record is: that is what it is for.
  CHECK(check(
      R"({"eventTime":"2026-11-20T10:00:00Z","userAgent":"aws-cli/2.17.9 Python/3.11 exe/x86_64",)"
      R"("userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/eve","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},)"
      R"("requestParameters":{"name":"trail-1"},"readOnly":true,"responseElements":null})"));
  const char* const escaped = R"({"p\u0061ssword":"hunter22"})";
  CHECK_FALSE(check(escaped));
  CHECK(cleaner.clean(escaped) == R"({"password":"<redacted>"})");
}

TEST_CASE("an alert that is told to be harmless is one that redaction leaves as it is") {
  const auto redactor = std::make_shared<const Redactor>();
  RecordCleaner cleaner(redactor);
  const auto alert_of = [](const std::string& json) {
    Alert alert;
    auto record = std::make_shared<RecordCopy>();
    record->json = json;
    alert.events.push_back(std::move(record));
    alert.summary = "eve: GetObject (s3), from 203.0.113.1";
    alert.group = {{"userName", "eve"}, {"absent", std::nullopt}};
    alert.entities = {{"principal", "arn:aws:iam::1:user/eve"}};
    alert.matched = {{"sel", "eventName", "equals", "GetObject", "GetObject"}};
    alert.evidence_json = R"({"known":["203.0.113.1"]})";
    return alert;
  };
  const Alert harmless = alert_of(R"({"eventName":"GetObject","userName":"eve"})");
  CHECK_FALSE(cleaner.clean(harmless).has_value());
  CHECK(without_secrets(harmless, *redactor).summary == harmless.summary);
  // A secret anywhere in it.
  std::vector<Alert> secrets(6, harmless);
  secrets[0] = alert_of(R"({"password":"hunter22","userName":"eve"})");
  secrets[0].summary = "eve: hunter22";
  secrets[1].summary = "eve: login --password hunter22";
  secrets[2].group[0] = {"password", "hunter22"};
  secrets[3].entities[0].second = "https://eve:hunter22@host";
  secrets[4].matched[0] = {"sel", "a.password", "equals", "x", "hunter22"};
  secrets[5].evidence_json = R"({"password":"hunter22"})";
  for (const Alert& alert : secrets) {
    const std::optional<Alert> clean = cleaner.clean(alert);
    REQUIRE(clean.has_value());
    CHECK(render_ndjson(*clean, {}, *redactor, true).find("hunter22") == std::string::npos);
    CHECK(clean->summary.find("hunter22") == std::string::npos);
    CHECK(clean->events[0]->json.find("hunter22") == std::string::npos);
    CHECK(clean->evidence_json.find("hunter22") == std::string::npos);
  }
}

TEST_CASE("more keys can be named, as globs of any case") {
  const Redactor redactor({"*SSN*", "pin"});
  CHECK(redacted(R"({"customerSsn":"123","PIN":"4","pins":"5","accountId":"6"})", redactor) ==
        R"({"customerSsn":"<redacted>","PIN":"<redacted>","pins":"5","accountId":"6"})");
}

TEST_CASE("evidence values are redacted by the path of their field") {
  const Redactor redactor;
  CHECK(redactor.redact_value("responseElements.credentials.sessionToken", "abc") == "<redacted>");
  CHECK(redactor.redact_value("responseElements.credentials.accessKeyId", "ASIAX") == "ASIAX");
  CHECK(redactor.redact_value("responseElements.credentials",
                              R"({"accessKeyId":"A","sessionToken":"t"})") ==
        R"({"accessKeyId":"A","sessionToken":"<redacted>"})");
  CHECK(redactor.redact_value("requestParameters", R"({"password":"p1","name":"n"})") ==
        R"({"password":"<redacted>","name":"n"})");
  CHECK(redactor.redact_value("eventName", "CreateHsm") == "CreateHsm");
  CHECK(redactor.redact_value("", "password=hunter22") == "password=<redacted>");
  CHECK(redactor.redact_value("passwordResetRequired", "true") == "true");
}

TEST_CASE("redaction of hostile megabytes takes no more than linear time") {
  const Redactor redactor;
  const std::vector<std::string> units = {
      "-----BEGIN ", "password=\"", "://a:", "AKIA ", "eyJ.", "[[", "--secret ", "Bearer ", "\\\\"};
  for (const std::string& unit : units) {
    CAPTURE(unit);
    std::string text;
    while (text.size() < 1'000'000) {
      text += unit;
    }
    CHECK(redactor.redact_value("f", text).size() > 0);
  }
}
