// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a file, parse_yaml ends, and its places lie inside the file.
#include "fuzz/targets.h"
#include "rules/yaml.h"

namespace tocsin::fuzz {
namespace {

void check_node(const YamlNode& node, const SourceText& source) {
  fuzz_check(node.line <= source.line_begins.size(), "a node behind the end of the file");
  fuzz_check(node.is_scalar() || node.text.empty(), "a list or map with a text");
  for (const YamlNode& item : node.items) {
    check_node(item, source);
  }
  for (std::size_t i = 0; i < node.members.size(); ++i) {
    const YamlMember& member = node.members[i];
    fuzz_check(member.first.is_scalar(), "a key that is no scalar");
    fuzz_check(i > 100 || node.get(member.first.text) == &member.second,
               "a key that is there twice");
    check_node(member.second, source);
  }
}

}  // namespace

void yaml_loader(std::string_view bytes) {
  const SourceText source = SourceText::make("fuzz.yml", std::string(bytes));
  Diagnostics diagnostics;
  for (const YamlDocument& document : parse_yaml(source, diagnostics)) {
    check_node(document.root, source);
    fuzz_check(document.empty || !to_json(document.root).empty(), "a document without JSON");
  }
  for (const Diagnostic& problem : diagnostics.list()) {
    fuzz_check(problem.line <= source.line_begins.size(), "a problem behind the end of the file");
    fuzz_check(!format_text(problem, true).empty(), "a problem without text");
  }
}

}  // namespace tocsin::fuzz
