// SPDX-License-Identifier: Apache-2.0
// The sections of tocsin.yaml about tocsin's own running: reload, metrics, admin, heartbeat, log,
// system_alerts.
#include "app/config_keys.h"
#include "app/listen_address.h"

namespace tocsin {
namespace {

void set_url(ConfigReader& reader, const YamlNode& node, HeartbeatConfig& heartbeat, Secret url) {
  if (!heartbeat.url.empty()) {
    reader.error(node,
                 "config-heartbeat",
                 "the URL is given twice",
                 "exactly one of url_env, url_file and url");
  }
  heartbeat.url = std::move(url);
}

void read_listen(ConfigReader& reader, const YamlNode& node, MetricsConfig& metrics) {
  metrics.listen = reader.text(node);
  if (!metrics.listen.empty() && !parse_listen_address(metrics.listen)) {
    reader.error(node,
                 "config-value",
                 "an address and a port are needed here",
                 "write 127.0.0.1:9464 or [::1]:9464; port 0 takes a free one");
  }
}

LogFormat read_log_format(ConfigReader& reader, const YamlNode& node) {
  const std::string text = reader.text(node);
  if (text == "text") {
    return LogFormat::text;
  }
  if (text == "json") {
    return LogFormat::json;
  }
  if (text != "auto" && !text.empty()) {
    reader.error(
        node, "config-value", "there is no log format \"" + text + "\"", "auto, text or json");
  }
  return LogFormat::automatic;
}

}  // namespace

const std::vector<KeyRow<ReloadConfig>>& reload_keys() {
  static const std::vector<KeyRow<ReloadConfig>> rows = {
      {"watch",
       "boolean",
       "reload when rules, lists, pipelines or this file change (true)",
       [](ConfigReader& r, const YamlNode& n, ReloadConfig& c) { c.watch = r.boolean(n); }},
      {"poll",
       "duration",
       "how often the files are looked at (2s)",
       [](ConfigReader& r, const YamlNode& n, ReloadConfig& c) {
         c.poll_ns = r.duration(n, c.poll_ns);
       }},
      {"debounce",
       "duration",
       "how long they must have been at rest (1s)",
       [](ConfigReader& r, const YamlNode& n, ReloadConfig& c) {
         c.debounce_ns = r.duration(n, c.debounce_ns);
       }},
  };
  return rows;
}

const std::vector<KeyRow<MetricsConfig>>& metrics_keys() {
  static const std::vector<KeyRow<MetricsConfig>> rows = {
      {"listen",
       "text",
       "address and port of /metrics and /health (127.0.0.1:9464)",
       [](ConfigReader& r, const YamlNode& n, MetricsConfig& c) { read_listen(r, n, c); }},
  };
  return rows;
}

const std::vector<KeyRow<WatchConfig>>& admin_keys() {
  static const std::vector<KeyRow<WatchConfig>> rows = {
      {"socket",
       "path",
       "unix socket for tocsin status and tocsin reload",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) { c.admin_socket = r.path(n); }},
  };
  return rows;
}

const std::vector<KeyRow<HeartbeatConfig>>& heartbeat_keys() {
  static const std::vector<KeyRow<HeartbeatConfig>> rows = {
      {"url_env",
       "text",
       "environment variable that holds the URL",
       [](ConfigReader& r, const YamlNode& n, HeartbeatConfig& c) {
         set_url(r, n, c, r.secret_from_env(n));
       }},
      {"url_file",
       "path",
       "file that holds the URL; read again before each beat",
       [](ConfigReader& r, const YamlNode& n, HeartbeatConfig& c) {
         set_url(r, n, c, r.secret_from_file(n));
         c.url_file = r.path(n);
       }},
      {"url",
       "text",
       "the URL itself: a secret, better kept elsewhere",
       [](ConfigReader& r, const YamlNode& n, HeartbeatConfig& c) {
         set_url(r, n, c, r.secret(n));
       }},
      {"allow_http",
       "boolean",
       "plain http to hosts other than this one",
       [](ConfigReader& r, const YamlNode& n, HeartbeatConfig& c) { c.allow_http = r.boolean(n); }},
      {"interval",
       "duration",
       "between two beats (1m)",
       [](ConfigReader& r, const YamlNode& n, HeartbeatConfig& c) {
         c.interval_ns = r.duration(n, c.interval_ns);
       }},
      {"stall",
       "duration",
       "no beat, and not healthy, when tocsin made no step for so long (5m)",
       [](ConfigReader& r, const YamlNode& n, HeartbeatConfig& c) {
         c.stall_ns = r.duration(n, c.stall_ns);
       }},
  };
  return rows;
}

const std::vector<KeyRow<WatchConfig>>& log_keys() {
  static const std::vector<KeyRow<WatchConfig>> rows = {
      {"format",
       "auto | text | json",
       "how tocsin's own messages are written to stderr",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) {
         c.log_format = read_log_format(r, n);
       }},
  };
  return rows;
}

const std::vector<KeyRow<WatchConfig>>& system_alert_keys() {
  static const std::vector<KeyRow<WatchConfig>> rows = {
      {"interval",
       "duration",
       "at most one system alert of a kind in this time (10m)",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) {
         c.system_alert_interval_ns = r.duration(n, c.system_alert_interval_ns);
       }},
  };
  return rows;
}

const std::vector<KeyRow<WatchConfig>>& watch_keys() {
  static const std::vector<KeyRow<WatchConfig>> rows = {
      {"reload",
       "map",
       "when rules and configuration are loaded again",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) {
         read_map(r, n, reload_keys(), c.reload);
       }},
      {"metrics",
       "map",
       "Prometheus metrics and the health endpoint of tail",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) {
         c.metrics.listen = default_metrics_listen;
         read_map(r, n, metrics_keys(), c.metrics);
       }},
      {"admin",
       "map",
       "the socket of tocsin status and tocsin reload",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) { read_map(r, n, admin_keys(), c); }},
      {"heartbeat",
       "map",
       "a URL that is posted to while all is well",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) {
         read_map(r, n, heartbeat_keys(), c.heartbeat);
         if (c.heartbeat.url.empty()) {
           r.error(n, "config-heartbeat", "a heartbeat needs a URL", "url_env, url_file or url");
         }
       }},
      {"log",
       "map",
       "tocsin's own messages",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) { read_map(r, n, log_keys(), c); }},
      {"system_alerts",
       "map",
       "the alerts of tocsin about itself",
       [](ConfigReader& r, const YamlNode& n, WatchConfig& c) {
         read_map(r, n, system_alert_keys(), c);
       }},
  };
  return rows;
}

}  // namespace tocsin
