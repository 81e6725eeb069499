// SPDX-License-Identifier: Apache-2.0
// The `tocsin:` key of a document (DETECTION.md, "Extensions inside a rule"): a table of keys, so
// that an unknown one is found. Mistakes here reject: an ignored `alert: fasle` would change what
// is reported.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "engine/base/text.h"
#include "engine/base/time.h"
#include "rules/codes.h"
#include "rules/keys.h"
#include "rules/metadata.h"

namespace tocsin {
namespace {

using Kind = YamlNode::Kind;

constexpr std::array<DocumentKey, 4> keys_of_tests = {{
    {"name", "text", "what the test shows"},
    {"event", "map | list", "the record"},
    {"events", "list", "several records, in their order"},
    {"expect",
     "alert | no_alert | map",
     "what has to come of it; a map gives the number of alerts, or their receivers"},
}};

std::vector<std::string_view> names_of(std::span<const DocumentKey> keys) {
  std::vector<std::string_view> names;
  for (const DocumentKey& row : keys) {
    names.push_back(row.name);
  }
  return names;
}

void bad_value(const YamlNode& node,
               std::string_view key,
               std::string_view wanted,
               Problems& problems) {
  problems.error(node,
                 "extension-value",
                 "`tocsin." + std::string(key) + "` has to be " + std::string(wanted));
}

std::string read_word(const YamlNode& node, std::string_view key, Problems& problems) {
  if (node.kind != Kind::string || node.text.empty()) {
    bad_value(node, key, "a text that is not empty", problems);
    return {};
  }
  return node.text;
}

std::vector<std::string> read_words(const YamlNode& node,
                                    std::string_view key,
                                    Problems& problems) {
  std::vector<std::string> out;
  if (node.kind != Kind::sequence) {
    bad_value(node, key, "a list of texts", problems);
    return out;
  }
  for (const YamlNode& item : node.items) {
    out.push_back(read_word(item, key, problems));
  }
  return out;
}

void read_alert(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  if (node.kind != Kind::boolean) {
    bad_value(node, "alert", "true or false", problems);
    return;
  }
  out.alert = node.text[0] == 't' || node.text[0] == 'T';
}

void read_emit(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  if (node.kind != Kind::string || (node.text != "eager" && node.text != "watermark")) {
    bad_value(node, "emit", "eager or watermark", problems);
    return;
  }
  out.emit_given = true;
  out.emit_watermark = node.text == "watermark";
}

void read_fold_by(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  out.fold_by = read_words(node, "fold_by", problems);
}

void read_repeat_interval(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  out.repeat_interval = node.is_scalar() ? parse_duration(node.text) : std::optional<DurationNs>();
  if (!out.repeat_interval) {
    bad_value(node, "repeat_interval", "a span of time such as 30m, 4h or 1d", problems);
  }
}

void read_receiver(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  out.receiver = read_word(node, "receiver", problems);
  if (out.receiver.find("://") != std::string::npos) {
    problems.error(node,
                   "extension-value",
                   "a rule may name a receiver, never an address to send to",
                   "define the receiver in tocsin.yaml and give its name here");
  }
}

void read_fields(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  out.fields = read_words(node, "fields", problems);
}

void read_runbook(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  out.runbook = read_word(node, "runbook", problems);
}

void read_expectation(const YamlNode& node, RuleTest& test, Problems& problems) {
  const auto bad = [&](const YamlNode& at) {
    bad_value(at,
              "tests.expect",
              "alert, no_alert, or a map of alerts (a number) and receivers (a list)",
              problems);
  };
  if (node.kind == Kind::string && (node.text == "alert" || node.text == "no_alert")) {
    if (node.text == "no_alert") {
      test.alerts = 0;
    }
    return;
  }
  constexpr std::array<std::string_view, 2> words = {"alert", "no_alert"};
  if (node.kind == Kind::string && !suggestion(node.text, words).empty()) {
    problems.error(node,
                   "extension-value",
                   "`tocsin.tests.expect` is `alert` or `no_alert`, not `" +
                       printable(shorten(node.text, 60)) + "`",
                   suggestion(node.text, words));
    return;
  }
  if (node.kind != Kind::map) {
    bad(node);
    return;
  }
  for (const YamlMember& member : node.members) {
    constexpr std::size_t digits_max = 9;
    const YamlNode& value = member.second;
    const bool number = value.kind == Kind::integer && value.text.size() <= digits_max &&
                        value.text.find_first_not_of("0123456789") == std::string::npos;
    if (member.first.text == "alerts" && number) {
      test.alerts = std::stoul(value.text);
    } else if (member.first.text == "receivers") {
      test.receivers = read_words(value, "tests.expect.receivers", problems);
    } else {
      bad(member.first);
    }
  }
}

void read_events(const YamlNode& node, RuleTest& test, Problems& problems) {
  if (node.kind == Kind::sequence) {
    for (const YamlNode& event : node.items) {
      read_events(event, test, problems);
    }
  } else if (node.kind == Kind::map) {
    test.events.push_back(to_json(node));
  } else {
    bad_value(node, "tests.event", "a record: a map", problems);
  }
}

// Tests are run by `tocsin test`.
void read_tests(const YamlNode& node, RuleExtensions& out, Problems& problems) {
  if (node.kind != Kind::sequence) {
    bad_value(node, "tests", "a list of maps", problems);
    return;
  }
  for (const YamlNode& item : node.items) {
    if (item.kind != Kind::map) {
      bad_value(item, "tests", "a list of maps", problems);
      continue;
    }
    RuleTest test;
    bool bad_event = false;
    test.line = item.line;
    for (const YamlMember& member : item.members) {
      const std::string& key = member.first.text;
      if (key == "name") {
        test.name = read_word(member.second, "tests.name", problems);
      } else if (key == "event" || key == "events") {
        const std::size_t before = problems.diagnostics().list().size();
        read_events(member.second, test, problems);
        bad_event |= problems.diagnostics().list().size() > before;
      } else if (key == "expect") {
        read_expectation(member.second, test, problems);
      } else {
        problems.error(member.first,
                       "unknown-key",
                       "unknown key `" + key + "` in a test",
                       suggestion(key, names_of(keys_of_tests)));
      }
    }
    if (test.events.empty() && !bad_event) {
      bad_value(item, "tests", "a list of maps, each with an `event` or `events`", problems);
    }
    out.tests.push_back(std::move(test));
  }
}

// Codes of lint warnings that the rule's author does not want to see; kept by read_metadata.
void read_ignore(const YamlNode& node, RuleExtensions&, Problems& problems) {
  const std::vector<std::string> codes = read_words(node, "ignore", problems);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (!codes[i].empty() && explain_code(codes[i]).empty()) {
      const std::vector<DiagnosticCode> known = diagnostic_codes();
      std::vector<std::string_view> names;
      for (const DiagnosticCode& row : known) {
        names.push_back(row.code);
      }
      problems.error(node.items[i],
                     "extension-value",
                     "there is no code `" + codes[i] + "`",
                     suggestion(codes[i], names));
    }
  }
}

using Reader = void (*)(const YamlNode& node, RuleExtensions& out, Problems& problems);

constexpr std::array<DocumentKey, 9> keys_of_tocsin = {{
    {"alert", "boolean", "false: the rule feeds correlations and raises no alert of its own"},
    {"emit", "eager | watermark", "when a correlation reports"},
    {"fold_by", "texts", "fields: alerts with the same values are folded into one"},
    {"repeat_interval", "duration", "how long a folded alert is not sent again"},
    {"receiver", "text", "the receiver in tocsin.yaml that gets the alerts, instead of the routes"},
    {"fields", "texts", "fields of the record that the alert shows first"},
    {"runbook", "text", "what to do when the rule fires: a text or a link"},
    {"tests", "list", "records that the rule has to match or not: run by tocsin test"},
    {"ignore", "texts", "codes of lint warnings that are not told of this rule"},
}};
// In the order of the keys.
constexpr std::array<Reader, keys_of_tocsin.size()> readers = {read_alert,
                                                               read_emit,
                                                               read_fold_by,
                                                               read_repeat_interval,
                                                               read_receiver,
                                                               read_fields,
                                                               read_runbook,
                                                               read_tests,
                                                               read_ignore};

}  // namespace

RuleExtensions read_extensions(const YamlNode& node, RuleKind kind, Problems& problems) {
  RuleExtensions out;
  if (node.kind == Kind::null) {
    return out;
  }
  if (node.kind != Kind::map) {
    problems.error(node,
                   "extension-value",
                   "`tocsin` has to be a map",
                   "write its keys below it, as `alert: false`");
    return out;
  }
  for (const YamlMember& member : node.members) {
    const std::string& key = member.first.text;
    const auto known = std::find_if(keys_of_tocsin.begin(),
                                    keys_of_tocsin.end(),
                                    [&](const DocumentKey& row) { return row.name == key; });
    if (known != keys_of_tocsin.end()) {
      readers[static_cast<std::size_t>(known - keys_of_tocsin.begin())](
          member.second, out, problems);
      if (key == "emit" && kind != RuleKind::correlation) {
        problems.warning(member.first,
                         "emit-without-effect",
                         "`emit` has a meaning in correlations only",
                         "drop it: a rule reports each match at once");
      }
      continue;
    }
    problems.error(member.first,
                   "unknown-key",
                   "unknown key `" + key + "` in `tocsin`",
                   suggestion(key, names_of(keys_of_tocsin)));
  }
  return out;
}

std::span<const DocumentKey> extension_keys() {
  return keys_of_tocsin;
}

std::span<const DocumentKey> test_keys() {
  return keys_of_tests;
}

}  // namespace tocsin
