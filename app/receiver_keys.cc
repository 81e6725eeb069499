// SPDX-License-Identifier: Apache-2.0
// The keys of a receiver in tocsin.yaml.
#include "alerts/registry.h"
#include "app/config_keys.h"

namespace tocsin {
namespace {

void set_url(ConfigReader& reader, const YamlNode& node, ReceiverConfig& receiver, Secret url) {
  if (!receiver.url.empty()) {
    reader.error(node,
                 "config-receiver",
                 "the URL is given twice",
                 "exactly one of url_env, url_file and url");
  }
  receiver.url = std::move(url);
}

void read_headers(ConfigReader& reader, const YamlNode& node, ReceiverConfig& receiver) {
  if (node.kind != YamlNode::Kind::map) {
    reader.error(node, "config-value", "a map of header to value is needed here");
    return;
  }
  for (const auto& [name, value] : node.members) {
    const std::string text = reader.text(value);
    const bool breaks = (name.text + text).find_first_of("\r\n") != std::string::npos;
    std::string lower = name.text;
    for (char& c : lower) {
      c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    if (breaks || lower == "host" || lower == "content-length" || lower == "transfer-encoding" ||
        lower == "authorization") {
      reader.error(name,
                   "config-header",
                   "the header " + name.text + " cannot be set here",
                   lower == "authorization" ? "use authorization_env" : "");
      continue;
    }
    receiver.headers.emplace_back(name.text, text);
  }
}

void read_sink(ConfigReader& reader,
               const YamlNode& node,
               const std::string& type,
               ReceiverConfig& receiver) {
  if (!receiver.type.empty()) {
    reader.error(node,
                 "config-receiver",
                 "a receiver is one of " + receiver.type + " and " + type + ", not both");
    return;
  }
  receiver.type = type;
  read_map(reader, node, sink_keys(), receiver);
}

}  // namespace

const std::vector<KeyRow<ReceiverConfig>>& sink_keys() {
  static const std::vector<KeyRow<ReceiverConfig>> rows = {
      {"url_env",
       "text",
       "environment variable that holds the URL",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         set_url(r, n, c, r.secret_from_env(n));
       }},
      {"url_file",
       "path",
       "file that holds the URL; read again before each message",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         set_url(r, n, c, r.secret_from_file(n));
         c.url_file = r.path(n);
       }},
      {"url",
       "text",
       "the URL itself: a secret, better kept elsewhere",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         set_url(r, n, c, r.secret(n));
       }},
      {"headers",
       "map",
       "further HTTP headers",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) { read_headers(r, n, c); }},
      {"authorization_env",
       "text",
       "environment variable that holds the Authorization header",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.authorization = r.secret_from_env(n);
       }},
      {"authorization_file",
       "path",
       "file that holds the Authorization header",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.authorization = r.secret_from_file(n);
       }},
      {"allow_http",
       "boolean",
       "plain http to hosts other than this one",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) { c.allow_http = r.boolean(n); }},
      {"fields",
       "text | list",
       "fields of the event that are shown first",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) { c.fields = r.texts(n); }},
      {"timeout",
       "duration",
       "of one request (15s)",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.timeout_ns = r.duration(n, c.timeout_ns);
       }},
      {"connect_timeout",
       "duration",
       "of the connection (5s)",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.connect_timeout_ns = r.duration(n, c.connect_timeout_ns);
       }},
      {"min_interval",
       "duration",
       "between two messages (as the vendor allows)",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.min_interval_ns = r.duration(n, c.min_interval_ns);
       }},
      {"retry_initial",
       "duration",
       "first pause after a failure (1s); doubles",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.retry.initial_ns = r.duration(n, c.retry.initial_ns);
       }},
      {"retry_max",
       "duration",
       "longest pause (5m)",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.retry.max_ns = r.duration(n, c.retry.max_ns);
       }},
      {"max_age",
       "duration",
       "an alert that could not be delivered for this long is given up (24h)",
       [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
         c.retry.max_age_ns = r.duration(n, c.retry.max_age_ns);
       }},
  };
  return rows;
}

const std::vector<KeyRow<ReceiverConfig>>& receiver_keys() {
  static const std::vector<KeyRow<ReceiverConfig>> rows = [] {
    std::vector<KeyRow<ReceiverConfig>> all = {
        {"name",
         "text",
         "a name for routes and logs",
         [](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) { c.name = r.text(n); }}};
    for (const SinkType& sink : sink_types()) {
      const std::string type(sink.name);
      all.push_back({sink.name,
                     "map",
                     "how this sink is reached",
                     [type](ConfigReader& r, const YamlNode& n, ReceiverConfig& c) {
                       read_sink(r, n, type, c);
                     }});
    }
    return all;
  }();
  return rows;
}

}  // namespace tocsin
