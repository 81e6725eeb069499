// SPDX-License-Identifier: Apache-2.0
#include "detectors/fields.h"

#include <utility>

#include "detectors/common.h"
#include "engine/event/cloudtrail.h"

namespace tocsin {

namespace {

std::string scalar_text(const JsonNode& node) {
  if (node.kind == JsonNode::Kind::number && node.text.find_first_of(".eE") != std::string::npos) {
    // 7.0 and 7 are one value.
    if (const std::optional<double> value = parse_real(node.text)) {
      return number_text(*value);
    }
  }
  return rule_text(node);
}

void add(std::optional<std::string> text, FieldTexts& texts) {
  if (text && !text->empty()) {
    texts.values.push_back(std::move(*text));
  }
}

FieldTexts derived_field(const JsonNode& record, std::string_view path, const GeoLookup& geo) {
  FieldTexts texts;
  if (path == "tocsin.principal") {
    add(principal(record), texts);
    return texts;
  }
  const std::optional<std::string> ip = source_ip(record);
  if (path == "tocsin.source.ip") {
    add(ip, texts);
    return texts;
  }
  const std::optional<IpAddress> address = ip ? parse_ip(*ip) : std::nullopt;
  if (!address || !geo) {
    return texts;
  }
  const std::optional<GeoPlace> place = geo(*address);
  if (!place) {
    return texts;
  }
  add(geo_text(*place, path), texts);
  return texts;
}

}  // namespace

FieldTexts read_field(const JsonNode& record, std::string_view path, const GeoLookup& geo) {
  if (path.starts_with("tocsin.")) {
    return derived_field(record, path, geo);
  }
  FieldTexts texts;
  for (const JsonNode* node : find_values(record, path)) {
    const bool is_value = node->kind != JsonNode::Kind::null &&
                          !(node->kind == JsonNode::Kind::array && node->children.empty());
    if (is_value) {
      texts.values.push_back(scalar_text(*node));
    }
  }
  return texts;
}

std::uint32_t FieldReader::intern(std::string_view path) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].path == path) {
      return static_cast<std::uint32_t>(i);
    }
  }
  slots_.push_back({std::string(path), {}, 0});
  return static_cast<std::uint32_t>(slots_.size() - 1);
}

void FieldReader::use(std::shared_ptr<const RecordCopy> record) {
  if (record == record_) {
    return;
  }
  record_ = std::move(record);
  ++record_number_;
  parsed_ = false;
}

const FieldTexts& FieldReader::get(std::uint32_t field) {
  Slot& slot = slots_[field];
  if (slot.record == record_number_) {
    return slot.texts;
  }
  if (!parsed_) {
    Result<JsonNode> tree = record_ != nullptr ? parse_json(record_->json) : fail("no record");
    root_ = tree ? std::move(*tree) : JsonNode{};
    parsed_ = true;
  }
  slot.texts = read_field(root_, slot.path, geo_);
  slot.record = record_number_;
  return slot.texts;
}

}  // namespace tocsin
