// SPDX-License-Identifier: Apache-2.0
// CloudTrail: "role Admin/alice: CreateHsm (cloudhsm) failed: AccessDenied, on clusterId cluster-1,
// from 203.0.113.9, us-west-2, account 111122223333". The resource is the request's value whose key
// fits the event's noun (DeleteBackup: backupId), else a new one in the response (CreateHsm:
// hsmId), else the request's first key that names something. Other records: the same from the names
// that logs commonly use, else their first fields.
#include "alerts/summary.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "alerts/sanitize.h"
#include "alerts/secret_words.h"
#include "engine/base/cidr.h"
#include "engine/base/text.h"
#include "engine/event/cloudtrail.h"

namespace tocsin {
namespace {

constexpr std::size_t value_code_points_max = 80;
constexpr std::size_t resource_code_points_max = 120;  // an ARN
constexpr std::size_t line_code_points_max = 400;
// How deep and how many values of a request are looked at for its resource.
constexpr std::size_t resource_depth_max = 4;
constexpr std::size_t resource_values_max = 400;

bool is_scalar(const JsonNode& node) {
  return node.kind == JsonNode::Kind::string || node.kind == JsonNode::Kind::number;
}

std::string text_at(const JsonNode& record, std::initializer_list<std::string_view> path) {
  const JsonNode* node = &record;
  for (const std::string_view key : path) {
    node = node->kind == JsonNode::Kind::object ? node->get(key) : nullptr;
    if (node == nullptr) {
      return {};
    }
  }
  return is_scalar(*node) ? node->text : std::string();
}

// A value for the line; `text` may be anything.
std::string shown(std::string_view text) {
  return plain_line(text, value_code_points_max);
}

std::string_view after_last(std::string_view text, char separator) {
  return text.substr(text.rfind(separator) + 1);  // npos + 1 is 0: the whole text
}

// --- CloudTrail: who ---

// "arn:aws:sts::111122223333:assumed-role/Admin/alice" -> "Admin/alice"; "...:user/path/alice" ->
// "alice".
std::string arn_name(std::string_view arn) {
  const std::string_view resource = after_last(arn, ':');
  constexpr std::string_view assumed = "assumed-role/";
  if (resource.substr(0, assumed.size()) == assumed) {
    return std::string(resource.substr(assumed.size()));
  }
  return std::string(after_last(resource, '/'));
}

std::string actor(const JsonNode& record) {
  const std::string type = text_at(record, {"userIdentity", "type"});
  const std::string arn = text_at(record, {"userIdentity", "arn"});
  const std::string user = text_at(record, {"userIdentity", "userName"});
  const std::string invoked_by = text_at(record, {"userIdentity", "invokedBy"});
  if (type == "Root") {
    return "root";
  }
  // Events that a service makes on its own name nobody else.
  if (!invoked_by.empty() && (type == "AWSService" || (user.empty() && arn.empty()))) {
    return "service " + shown(invoked_by);
  }
  if (type == "AssumedRole") {
    const std::string issuer =
        text_at(record, {"userIdentity", "sessionContext", "sessionIssuer", "userName"});
    if (arn.find(":assumed-role/") != std::string::npos) {
      return "role " + shown(arn_name(arn));
    }
    if (!issuer.empty()) {
      return "role " + shown(issuer);
    }
  }
  if (type == "IAMUser" && !user.empty()) {
    return "user " + shown(user);
  }
  const std::string name = !user.empty() ? user : arn_name(arn);
  if (!name.empty()) {
    return type.empty() ? shown(name) : shown(type) + " " + shown(name);
  }
  if (const auto who = principal(record)) {
    return shown(arn_name(*who));
  }
  return type.empty() ? "somebody" : shown(type);
}

// --- CloudTrail: on what ---

// "DeleteBackup" -> "backup"; "CreateThreatIntelSet20170101" keeps its digits. Empty if there is no
// verb before it.
std::string event_noun(std::string_view event_name) {
  std::size_t at = 1;
  while (at < event_name.size() && !(event_name[at] >= 'A' && event_name[at] <= 'Z')) {
    ++at;
  }
  std::string noun = at < event_name.size() ? ascii_lower(event_name.substr(at)) : std::string();
  if (noun.size() > 3 && noun.back() == 's') {
    noun.pop_back();
  }
  return noun;
}

// The rank of a request's value whose key names something; the list of resources is better than
// what ranks lower.
constexpr int request_name_rank = 60;

struct Resource {
  int rank = 0;  // 0: none
  std::string key;
  std::string value;
};

// Keys that never say on what something was done.
bool is_no_resource(const std::string& key) {
  constexpr std::array<std::string_view, 20> names = {
      "host",       "availabilityzone", "region",           "regionname",         "rolesessionname",
      "maxresults", "marker",           "clienttoken",      "nexttoken",          "accountid",
      "ownerid",    "userid",           "principalid",      "clientrequesttoken", "versionid",
      "detectorid", "requestid",        "creatorrequestid", "_requestid",         "key"};
  return std::find(names.begin(), names.end(), key) != names.end();
}

// "clusterid" -> "cluster"; the key itself if it does not end in what names a thing.
std::string_view stem_of(std::string_view key) {
  constexpr std::array<std::string_view, 6> ends = {
      "identifier", "name", "arns", "arn", "ids", "id"};
  for (const std::string_view end : ends) {
    if (key.size() >= end.size() && key.substr(key.size() - end.size()) == end) {
      return key.substr(0, key.size() - end.size());
    }
  }
  return key;
}

int rank_of(const std::string& written_key,
            const JsonNode& value,
            const std::string& noun,
            bool response) {
  const std::string key = ascii_lower(written_key);
  const std::string_view stem = stem_of(key);
  const bool names = stem.size() != key.size();
  if (value.text.empty() || names_a_secret(written_key)) {
    return 0;
  }
  if (!noun.empty() && names && stem == noun) {
    return response ? 65 : 100;
  }
  if (is_no_resource(key)) {
    return 0;
  }
  if (!response && key == "username") {
    return 90;
  }
  if (names && (stem.empty() || noun.find(stem) != std::string::npos ||
                key.compare(0, noun.size(), noun) == 0)) {
    return response ? 50 : 70;
  }
  if (names) {
    return response ? 30 : request_name_rank;
  }
  // Anything else is better than nothing, but flags, sizes and whole documents say little.
  const bool word =
      value.kind == JsonNode::Kind::string && value.text[0] != '{' && value.text[0] != '[';
  return word && !response ? 10 : 0;
}

// Filters and tags of a request speak of many things, not of one.
bool selects(const std::string& key) {
  const std::string word = ascii_lower(key);
  return word.find("filter") != std::string::npos || word.compare(0, 3, "tag") == 0;
}

// The best value under `root`; of equal ones the first.
void find_resource(const JsonNode& root, const std::string& noun, bool response, Resource& best) {
  struct Place {
    const JsonNode* node;
    const std::string* key;
    std::size_t depth;
  };
  const std::string no_key;
  std::vector<Place> queue = {{&root, &no_key, 0}};
  for (std::size_t at = 0; at < queue.size() && at < resource_values_max; ++at) {
    const Place place = queue[at];
    if (is_scalar(*place.node)) {
      const int rank = rank_of(*place.key, *place.node, noun, response);
      if (rank > best.rank) {
        best = {rank, *place.key, place.node->text};
      }
      continue;
    }
    if (place.depth == resource_depth_max) {
      continue;
    }
    for (std::size_t i = 0; i < place.node->children.size() && queue.size() < resource_values_max;
         ++i) {
      const bool object = place.node->kind == JsonNode::Kind::object;
      if (object && selects(place.node->keys[i])) {
        continue;
      }
      // EC2 wraps some values: {"VpcId": {"content": "vpc-1"}}.
      const bool names = object && place.node->keys[i] != "content";
      queue.push_back(
          {&place.node->children[i], names ? &place.node->keys[i] : place.key, place.depth + 1});
    }
  }
}

// S3 names its object by two values.
std::string s3_object(const JsonNode& record) {
  const std::string bucket = text_at(record, {"requestParameters", "bucketName"});
  const std::string key = text_at(record, {"requestParameters", "key"});
  if (bucket.empty()) {
    return {};
  }
  return key.empty() ? "bucketName " + shown(bucket) : "object " + shown(bucket + "/" + key);
}

std::string resource_arn(const JsonNode& record) {
  const JsonNode* list = record.get("resources");
  if (list == nullptr || list->kind != JsonNode::Kind::array || list->children.empty()) {
    return {};
  }
  const std::string arn = text_at(list->children.front(), {"ARN"});
  return arn.empty() ? text_at(list->children.front(), {"arn"}) : arn;
}

std::string cloudtrail_resource(const JsonNode& record, const std::string& event_name) {
  const std::string object = s3_object(record);
  if (!object.empty()) {
    return object;
  }
  const std::string noun = event_noun(event_name);
  Resource best;
  if (const JsonNode* request = record.get("requestParameters")) {
    find_resource(*request, noun, false, best);
  }
  if (const JsonNode* response = record.get("responseElements")) {
    find_resource(*response, noun, true, best);
  }
  const std::string arn = resource_arn(record);
  if (best.rank < request_name_rank && !arn.empty()) {
    return plain_line(arn, resource_code_points_max);
  }
  return best.rank == 0 ? std::string()
                        : shown(best.key) + " " + plain_line(best.value, resource_code_points_max);
}

// --- CloudTrail: the line ---

std::string cloudtrail_line(const JsonNode& record, const RecordSummary& known) {
  const std::string event_name = text_at(record, {"eventName"});
  const std::string event_source = text_at(record, {"eventSource"});
  std::string line =
      actor(record) + ": " + (event_name.empty() ? "an unnamed event" : shown(event_name));
  if (!event_source.empty()) {
    line += " (" + shown(event_source.substr(0, event_source.find('.'))) + ")";
  }
  const std::string error = text_at(record, {"errorCode"});
  const std::string message = text_at(record, {"errorMessage"});
  if (!error.empty()) {
    line += " failed: " + shown(error);
  } else if (!message.empty()) {
    line += " failed: " + shown(message);
  } else if (text_at(record, {"responseElements", "ConsoleLogin"}) == "Failure") {
    line += " failed";
  }
  const std::string resource = cloudtrail_resource(record, event_name);
  if (!resource.empty()) {
    line += ", on " + resource;
  }
  const std::string address = text_at(record, {"sourceIPAddress"});
  if (!address.empty()) {
    line += ", from " + shown(address);
  }
  for (const auto& [name, value] : known.entities) {
    if (name == "region") {
      line += ", " + shown(value);
    } else if (name == "account") {
      line += ", account " + shown(value);
    }
  }
  return line;
}

RecordSummary summarize_cloudtrail(const JsonNode& record) {
  RecordSummary summary;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      summary.entities.emplace_back(name, value);
    }
  };
  add("principal", principal(record).value_or(""));
  const std::string recipient = text_at(record, {"recipientAccountId"});
  const std::string caller = text_at(record, {"userIdentity", "accountId"});
  add("account", recipient.empty() ? caller : recipient);
  add("region", text_at(record, {"awsRegion"}));
  add("source_ip", source_ip(record).value_or(""));
  summary.line = cloudtrail_line(record, summary);
  return summary;
}

// --- any other record ---

struct Found {
  std::string key;
  std::string value;
};

// The first of `paths` (dotted, as find_values() reads them) that has a text.
template <std::size_t N>
std::optional<Found> first_of(const JsonNode& record,
                              const std::array<std::string_view, N>& paths) {
  for (const std::string_view path : paths) {
    for (const JsonNode* node : find_values(record, path)) {
      if (is_scalar(*node) && !node->text.empty() && node->text != "-") {
        return Found{std::string(path), node->text};
      }
    }
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 17> who_paths = {"user.name",
                                                        "userName",
                                                        "UserName",
                                                        "username",
                                                        "user",
                                                        "User",
                                                        "SubjectUserName",
                                                        "SourceUser",
                                                        "TargetUserName",
                                                        "actor.displayName",
                                                        "actor.alternateId",
                                                        "actor.email",
                                                        "actor",
                                                        "principal",
                                                        "AccountName",
                                                        "account",
                                                        "uid"};
constexpr std::array<std::string_view, 13> what_paths = {"eventName",
                                                         "event.action",
                                                         "action",
                                                         "operation",
                                                         "Operation",
                                                         "event_type",
                                                         "eventType",
                                                         "event.type",
                                                         "event",
                                                         "method",
                                                         "cs-method",
                                                         "msg",
                                                         "EventID"};
constexpr std::array<std::string_view, 19> object_paths = {"CommandLine",
                                                           "process.command_line",
                                                           "TargetObject",
                                                           "TargetFilename",
                                                           "TargetImage",
                                                           "Image",
                                                           "ImageLoaded",
                                                           "ObjectName",
                                                           "ServiceName",
                                                           "ProcessName",
                                                           "file.path",
                                                           "path",
                                                           "resource",
                                                           "object",
                                                           "target",
                                                           "url",
                                                           "cs-uri",
                                                           "query",
                                                           "QueryName"};
constexpr std::array<std::string_view, 14> address_paths = {"source.ip",
                                                            "sourceIPAddress",
                                                            "source_ip",
                                                            "src_ip",
                                                            "SourceIp",
                                                            "IpAddress",
                                                            "client.ip",
                                                            "client_ip",
                                                            "ClientIP",
                                                            "c-ip",
                                                            "remote_addr",
                                                            "remote_ip",
                                                            "ipAddress",
                                                            "ip"};
constexpr std::array<std::string_view, 9> host_paths = {"Hostname",
                                                        "host.name",
                                                        "hostname",
                                                        "Computer",
                                                        "ComputerName",
                                                        "host",
                                                        "computer",
                                                        "device",
                                                        "server"};

std::string first_fields(const JsonNode& record) {
  std::string line;
  std::size_t shown_fields = 0;
  for (std::size_t i = 0; i < record.children.size() && shown_fields < 4; ++i) {
    if (is_scalar(record.children[i]) && record.kind == JsonNode::Kind::object &&
        !names_a_secret(record.keys[i])) {
      line +=
          (line.empty() ? "" : ", ") + shown(record.keys[i]) + " " + shown(record.children[i].text);
      ++shown_fields;
    }
  }
  return line.empty() ? "a record without plain fields" : line;
}

RecordSummary summarize_other(const JsonNode& record) {
  RecordSummary summary;
  const auto who = first_of(record, who_paths);
  const auto what = first_of(record, what_paths);
  const auto object = first_of(record, object_paths);
  const auto address = first_of(record, address_paths);
  const auto host = first_of(record, host_paths);
  if (who) {
    summary.entities.emplace_back("principal", who->value);
  }
  if (address) {
    if (const auto parsed = parse_ip(address->value)) {
      summary.entities.emplace_back("source_ip", to_text(unmap(*parsed)));
    }
  }
  if (!what && !object) {
    summary.line = first_fields(record);
    return summary;
  }
  summary.line = who ? shown(who->value) + ": " : std::string();
  if (what) {
    const std::string channel = text_at(record, {"Channel"});
    const bool windows = what->key == "EventID";
    summary.line += windows ? "event " + shown(what->value) : shown(what->value);
    summary.line += windows && !channel.empty() ? " (" + shown(channel) + ")" : "";
  }
  if (object) {
    summary.line += (what ? ", on " : "") + object->key + " " + shown(object->value);
  }
  summary.line += address ? ", from " + shown(address->value) : "";
  summary.line += host ? ", host " + shown(host->value) : "";
  return summary;
}

}  // namespace

RecordSummary summarize(const JsonNode& record, bool cloudtrail) {
  RecordSummary summary = cloudtrail ? summarize_cloudtrail(record) : summarize_other(record);
  summary.line = plain_line(summary.line, line_code_points_max);
  return summary;
}

}  // namespace tocsin
