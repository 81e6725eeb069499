// SPDX-License-Identifier: Apache-2.0
#include "engine/event/envelope.h"

#include <algorithm>
#include <array>
#include <span>

#include "engine/event/json_tree.h"

namespace tocsin {
namespace {

// The value of a field that has exactly one, of that kind, and not in an array; else nullptr.
const Value* only(const Event& event, FieldId field, ValueKind kind) {
  const EntryId entry = event.first(field);
  if (entry == no_entry || event.next(entry) != no_entry) {
    return nullptr;
  }
  const Value& value = event.value(entry);
  return value.kind == kind && !value.in_array ? &value : nullptr;
}

bool is_text(const Value* value, std::string_view text) {
  return value != nullptr && value->raw() == text;
}

// CloudWatch Logs: an array of objects, each with one string `message`.
bool log_event_messages(const Event& event, std::vector<Value>& contents) {
  const FieldPlan::System& fields = event.plan().system();
  EntryId message = event.first(fields.log_event_message);
  for (EntryId entry = event.first(fields.log_events); entry != no_entry;
       entry = event.next(entry)) {
    const Value& log_event = event.value(entry);
    if (log_event.kind != ValueKind::object || !log_event.in_array || message == no_entry) {
      return false;
    }
    const Value& value = event.value(message);
    const bool inside = value.data > log_event.data && value.data < log_event.data + log_event.size;
    if (value.kind != ValueKind::string || value.in_array || !inside) {
      return false;
    }
    contents.push_back(value);
    message = event.next(message);
  }
  return message == no_entry && !contents.empty();
}

bool has_only_keys(const JsonNode& node, std::span<const std::string_view> keys) {
  return std::all_of(node.keys.begin(), node.keys.end(), [keys](const std::string& key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  });
}

constexpr std::array<std::string_view, 18> digest_keys = {"awsAccountId",
                                                          "digestStartTime",
                                                          "digestEndTime",
                                                          "digestS3Bucket",
                                                          "digestS3Object",
                                                          "digestPublicKeyFingerprint",
                                                          "digestSignatureAlgorithm",
                                                          "newestEventTime",
                                                          "oldestEventTime",
                                                          "previousDigestS3Bucket",
                                                          "previousDigestS3Object",
                                                          "previousDigestHashValue",
                                                          "previousDigestHashAlgorithm",
                                                          "previousDigestSignature",
                                                          "logFiles",
                                                          "publicKeyFingerprint",
                                                          "organizationId",
                                                          "digestVersion"};
constexpr std::array<std::string_view, 7> control_keys = {"messageType",
                                                          "owner",
                                                          "logGroup",
                                                          "logStream",
                                                          "subscriptionFilters",
                                                          "logEvents",
                                                          "policyLevel"};
constexpr std::string_view control_text = "CWL CONTROL MESSAGE";

bool is_digest(const JsonNode& document) {
  const JsonNode* files = document.get("logFiles");
  return has_only_keys(document, digest_keys) && document.get("awsAccountId") != nullptr &&
         document.get("digestStartTime") != nullptr && document.get("digestEndTime") != nullptr &&
         files != nullptr && files->kind == JsonNode::Kind::array;
}

bool is_control_message(const JsonNode& document) {
  const JsonNode* log_events = document.get("logEvents");
  if (!has_only_keys(document, control_keys) || log_events == nullptr ||
      log_events->kind != JsonNode::Kind::array) {
    return false;
  }
  return std::all_of(
      log_events->children.begin(), log_events->children.end(), [](const JsonNode& log_event) {
        const JsonNode* message = log_event.get("message");
        return message != nullptr && message->text.starts_with(control_text);
      });
}

}  // namespace

bool envelope_contents(const Event& event, std::vector<Value>& contents) {
  const FieldPlan::System& fields = event.plan().system();
  contents.clear();
  if (const Value* detail = only(event, fields.detail, ValueKind::object)) {
    if (only(event, fields.detail_type, ValueKind::string) != nullptr &&
        only(event, fields.source, ValueKind::string) != nullptr) {
      contents.push_back(*detail);
      return true;
    }
  }
  if (const Value* message = only(event, fields.message, ValueKind::string)) {
    if (is_text(only(event, fields.type, ValueKind::string), "Notification") &&
        only(event, fields.topic_arn, ValueKind::string) != nullptr) {
      contents.push_back(*message);
      return true;
    }
  }
  return is_text(only(event, fields.message_type, ValueKind::string), "DATA_MESSAGE") &&
         log_event_messages(event, contents);
}

std::string_view no_record(const Event& event) {
  const FieldPlan::System& fields = event.plan().system();
  const bool digest = only(event, fields.digest_bucket, ValueKind::string) != nullptr &&
                      only(event, fields.digest_object, ValueKind::string) != nullptr;
  const bool control =
      is_text(only(event, fields.message_type, ValueKind::string), "CONTROL_MESSAGE");
  if (!digest && !control) {
    return {};
  }
  const Result<JsonNode> document = parse_json(event.json());
  if (!document) {
    return {};
  }
  if (digest && is_digest(*document)) {
    return "CloudTrail digest file";
  }
  return control && is_control_message(*document) ? "CloudWatch Logs control message" : "";
}

}  // namespace tocsin
