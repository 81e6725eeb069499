// SPDX-License-Identifier: Apache-2.0
#include "rules/document.h"

namespace tocsin {

RuleKind classify_document(const YamlNode& root) {
  if (root.get("correlation") != nullptr) {
    return RuleKind::correlation;
  }
  return root.get("filter") != nullptr ? RuleKind::filter : RuleKind::detection;
}

}  // namespace tocsin
