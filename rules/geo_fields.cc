// SPDX-License-Identifier: Apache-2.0
#include "rules/geo_fields.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace tocsin {
namespace {

bool is_missing(std::string_view field, const GeoFields& known) {
  const std::span<const std::string_view> all = geo_field_names();
  return std::find(all.begin(), all.end(), field) != all.end() && !gives(known, field);
}

void refuse(const SourceSpan& place, const std::string& field, Problems& problems) {
  problems.error(place,
                 "needs-geo-database",
                 "`" + field + "` is read from a MaxMind database, and no configured one gives it",
                 "name one under `geo_databases` in tocsin.yaml or with --geo-database, or leave "
                 "the rule out");
}

void refuse_in_node(const DetectionNode& node, const GeoFields& known, Problems& problems) {
  for (const DetectionNode& child : node.children) {
    refuse_in_node(child, known, problems);
  }
  if (node.kind != DetectionNode::Kind::item) {
    return;
  }
  if (is_missing(node.item.field, known)) {
    refuse(node.item.span, node.item.field, problems);
  }
  const bool names_field = std::any_of(
      node.item.modifiers.begin(), node.item.modifiers.end(), [](const ModifierUse& modifier) {
        return modifier.name == "fieldref";
      });
  for (const DetectionValue& value : node.item.values) {
    if (names_field && is_missing(value.text, known)) {
      refuse(value.span, value.text, problems);
    }
  }
}

}  // namespace

void refuse_geo_fields(const Detection& detection, const GeoFields& known, Problems& problems) {
  for (const DetectionSelection& selection : detection.selections) {
    refuse_in_node(selection.root, known, problems);
  }
}

void refuse_geo_fields(const YamlNode& correlation, const GeoFields& known, Problems& problems) {
  if (correlation.is_scalar() && is_missing(correlation.text, known)) {
    refuse(span_of(correlation), correlation.text, problems);
  }
  for (const YamlNode& item : correlation.items) {
    refuse_geo_fields(item, known, problems);
  }
  for (const YamlMember& member : correlation.members) {
    refuse_geo_fields(member.second, known, problems);
  }
}

}  // namespace tocsin
