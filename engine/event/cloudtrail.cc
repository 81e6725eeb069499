// SPDX-License-Identifier: Apache-2.0
#include "engine/event/cloudtrail.h"

#include <initializer_list>
#include <string_view>

#include "engine/base/cidr.h"

namespace tocsin {
namespace {

// The parts of userIdentity that name who acted; empty where absent.
struct Identity {
  std::string_view type;
  std::string_view arn;
  std::string_view account;
  std::string_view issuer_arn;
  std::string_view principal_id;
  std::string_view user_name;
  std::string_view invoked_by;
  std::string_view on_behalf_of;
};

// A principal is up to three parts in a row, so that the usual one needs no copy.
struct Principal {
  std::string_view first;
  std::string_view separator;
  std::string_view second;
};

std::string_view behind_last(std::string_view text, char c) {
  return text.substr(text.rfind(c) + 1);
}

// Many people share the roles that IAM Identity Center makes: the session is named after the
// person.
bool is_shared_role(std::string_view role_arn) {
  return behind_last(role_arn, '/').starts_with("AWSReservedSSO_");
}

std::string_view session_name(const Identity& identity) {
  if (identity.arn.find("assumed-role/") != identity.arn.npos) {
    return behind_last(identity.arn, '/');
  }
  const std::size_t colon = identity.principal_id.find(':');
  return colon == identity.principal_id.npos ? std::string_view()
                                             : identity.principal_id.substr(colon + 1);
}

// DETECTION.md, "Derived fields": tocsin.principal. All empty: the record names nobody.
Principal principal_of(const Identity& identity) {
  if (identity.type == "AssumedRole" && !identity.issuer_arn.empty()) {
    const std::string_view session =
        is_shared_role(identity.issuer_arn) ? session_name(identity) : std::string_view();
    return {identity.issuer_arn, session.empty() ? "" : "/", session};
  }
  if (identity.type == "Root" && !identity.account.empty()) {
    return {identity.account, "", ""};
  }
  if (identity.type == "AWSService" && !identity.invoked_by.empty()) {
    return {identity.invoked_by, "", ""};
  }
  for (const std::string_view name : {identity.arn, identity.on_behalf_of, identity.principal_id}) {
    if (!name.empty()) {
      return {name, "", ""};
    }
  }
  if (identity.user_name.empty()) {
    return {};
  }
  return {identity.account, identity.account.empty() ? "" : "/", identity.user_name};
}

// The first value of a path that names something.
std::string_view first_text(const JsonNode& record, std::string_view path) {
  for (const JsonNode* node : find_values(record, path)) {
    const bool scalar =
        node->kind == JsonNode::Kind::string || node->kind == JsonNode::Kind::number;
    if (scalar && !node->text.empty()) {
      return node->text;
    }
  }
  return {};
}

std::string_view first_text(Event& event, FieldId field) {
  for (EntryId entry = event.first(field); entry != no_entry; entry = event.next(entry)) {
    const ValueKind kind = event.value(entry).kind;
    if (kind == ValueKind::string || kind == ValueKind::number) {
      if (const std::string_view text = event.text(entry); !text.empty()) {
        return text;
      }
    }
  }
  return {};
}

// An IPv4-mapped IPv6 address counts as IPv4.
std::optional<IpAddress> address_of(std::string_view text) {
  const std::optional<IpAddress> address = parse_ip(text);
  return address ? std::optional<IpAddress>(unmap(*address)) : std::nullopt;
}

void add_text(Event& event, FieldId field, std::string_view text) {
  Value value;
  value.data = text.data();
  value.size = static_cast<std::uint32_t>(text.size());
  value.kind = ValueKind::string;
  event.add(field, value);
}

void derive_principal(Event& event, const FieldPlan::Derived& fields) {
  const Identity identity{first_text(event, fields.identity_type),
                          first_text(event, fields.identity_arn),
                          first_text(event, fields.identity_account),
                          first_text(event, fields.issuer_arn),
                          first_text(event, fields.principal_id),
                          first_text(event, fields.user_name),
                          first_text(event, fields.invoked_by),
                          first_text(event, fields.on_behalf_of)};
  const Principal name = principal_of(identity);
  if (!name.second.empty()) {
    add_text(event, fields.principal, event.keep(name.first, name.separator, name.second));
  } else if (!name.first.empty()) {
    add_text(event, fields.principal, name.first);
  }
}

void derive_geo(Event& event,
                const FieldPlan::Derived& fields,
                const std::optional<GeoPlace>& place) {
  if (!place) {
    return;
  }
  for (std::size_t i = 0; i < fields.geo.size(); ++i) {
    if (fields.geo[i] == no_field) {
      continue;
    }
    if (const std::optional<std::string> text = geo_text(*place, geo_field_names()[i])) {
      add_text(event, fields.geo[i], event.keep(*text));
    }
  }
}

}  // namespace

std::optional<std::string> principal(const JsonNode& record) {
  const Identity identity{first_text(record, "userIdentity.type"),
                          first_text(record, "userIdentity.arn"),
                          first_text(record, "userIdentity.accountId"),
                          first_text(record, "userIdentity.sessionContext.sessionIssuer.arn"),
                          first_text(record, "userIdentity.principalId"),
                          first_text(record, "userIdentity.userName"),
                          first_text(record, "userIdentity.invokedBy"),
                          first_text(record, "userIdentity.onBehalfOf.userId")};
  const Principal name = principal_of(identity);
  std::string text(name.first);
  text += name.separator;
  text += name.second;
  if (text.empty()) {
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> source_ip(const JsonNode& record) {
  const std::optional<IpAddress> address = address_of(first_text(record, "sourceIPAddress"));
  return address ? std::optional<std::string>(to_text(*address)) : std::nullopt;
}

void derive_fields(Event& event, const GeoSet* geo) {
  const FieldPlan& plan = event.plan();
  if (!plan.wants_derived()) {
    return;
  }
  const FieldPlan::Derived& fields = plan.derived();
  if (fields.principal != no_field) {
    derive_principal(event, fields);
  }
  if (fields.source_address == no_field) {
    return;
  }
  const std::optional<IpAddress> address = address_of(first_text(event, fields.source_address));
  if (!address) {
    return;
  }
  if (fields.source_ip != no_field) {
    add_text(event, fields.source_ip, event.keep(to_text(*address)));
  }
  if (fields.wants_geo && geo != nullptr) {
    derive_geo(event, fields, geo->find(*address));
  }
}

}  // namespace tocsin
