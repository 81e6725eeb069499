// SPDX-License-Identifier: Apache-2.0
// Program::dump(): a stable text of the whole program.
#include "engine/base/text.h"
#include "engine/match/program.h"
#include "engine/match/program_data.h"

namespace tocsin {
namespace compiled {
namespace {

class Dump {
 public:
  explicit Dump(const ProgramData& program) : program_(program) {}

  std::string run() {
    out_ += "rules " + std::to_string(program_.rules.size()) + ", predicates " +
            std::to_string(program_.pools.predicates.size()) + ", expressions " +
            std::to_string(program_.expressions.written.nodes.size()) + "\n";
    for (std::uint32_t i = 0; i < program_.rules.size(); ++i) {
      rule(i);
    }
    for (std::uint32_t i = 0; i < program_.pools.predicates.size(); ++i) {
      out_ += "predicate " + std::to_string(i) + ": ";
      predicate(program_.pools.predicates[i]);
      out_ += '\n';
    }
    return std::move(out_);
  }

 private:
  void rule(std::uint32_t id) {
    const CompiledRule& rule = program_.rules[id];
    const LogSource& source = program_.log_sources[rule.log_source];
    const auto part = [](const std::string& text) {
      return text.empty() ? std::string("*") : text;
    };
    out_ += "rule " + std::to_string(id) + ": product " + part(source.product) + ", service " +
            part(source.service) + ", category " + part(source.category) + "\n  condition: ";
    expression(rule.condition);
    out_ += "\n  needs:";
    const Witnesses& witnesses = program_.witnesses[id];
    if (witnesses.always) {
      out_ += witnesses.holds_on_nothing ? " nothing" : " any record";
    } else if (witnesses.predicates.empty() && witnesses.present.empty()) {
      out_ += " never holds";
    }
    for (const PredicateId predicate : witnesses.predicates) {
      out_ += ' ';
      out_ += std::to_string(index(predicate));
    }
    for (const FieldId field : witnesses.present) {
      out_ += " present(";
      out_ += printable(program_.plan.path(field));
      out_ += ')';
    }
    out_ += '\n';
    for (std::uint32_t i = 0; i < rule.selection_count; ++i) {
      const NamedSelection& selection = program_.selections[rule.selection_first + i];
      out_ += "  selection ";
      out_ += printable(selection.name);
      out_ += ": ";
      expression(selection.expr);
      out_ += '\n';
    }
  }

  void expression(ExprId id) {
    const Node& node = program_.expressions.written[id];
    switch (node.kind) {
      case Node::Kind::always:
        out_ += "true";
        return;
      case Node::Kind::never:
      case Node::Kind::group:
        out_ += "false";
        return;
      case Node::Kind::leaf:
        out_ += std::to_string(node.first);
        return;
      case Node::Kind::negation:
        out_ += "not ";
        expression(ExprId{node.first});
        return;
      case Node::Kind::all_of:
      case Node::Kind::any_of:
        break;
    }
    std::string_view separator = "(";
    for (const ExprId child : program_.expressions.written.children_of(node)) {
      out_ += separator;
      expression(child);
      separator = node.kind == Node::Kind::all_of ? " and " : " or ";
    }
    out_ += ')';
  }

  void predicate(const CompiledPredicate& predicate) {
    out_ += predicate.field == no_field ? std::string("(keyword)")
                                        : printable(program_.plan.path(predicate.field));
    out_ += ' ';
    out_ += op_name(predicate);
    if (predicate.cased) {
      out_ += " cased";
    }
    out_ += " '";
    out_ += printable(program_.pools.text(predicate.original));
    out_ += '\'';
  }

  const ProgramData& program_;
  std::string out_;
};

}  // namespace
}  // namespace compiled

std::string Program::dump() const {
  return compiled::Dump(*impl_).run();
}

}  // namespace tocsin
