// SPDX-License-Identifier: Apache-2.0
#include "engine/match/builder.h"

#include <algorithm>
#include <cassert>

#include "engine/match/assemble.h"
#include "engine/match/draft_wire.h"
#include "engine/match/interner.h"
#include "engine/match/lower.h"
#include "engine/match/program.h"
#include "engine/match/program_data.h"

namespace tocsin {

using compiled::index;
using compiled::Node;

struct ProgramBuilder::Impl {
  compiled::Draft draft;
  compiled::Interner fields;
  compiled::Interner predicates;
  compiled::Interner exprs;
  compiled::Interner log_sources;

  FieldId field(std::string_view path) {
    return path.empty() ? no_field : FieldId{fields.intern(path)};
  }
  ExprId node(Node::Kind kind, std::uint32_t first);
  ExprId constant(bool truth) { return node(truth ? Node::Kind::always : Node::Kind::never, 0); }
  ExprId list(Node::Kind kind, std::span<const ExprId> children);
  const Node& operator[](ExprId id) const { return draft.nodes[id]; }
  std::vector<std::string> field_paths() const {
    std::vector<std::string> paths = draft.fields;  // of a builder that was restored
    for (std::uint32_t id = 0; id < fields.size(); ++id) {
      paths.emplace_back(fields.key(id));
    }
    return paths;
  }
};

ExprId ProgramBuilder::Impl::node(Node::Kind kind, std::uint32_t first) {
  std::string key(1, static_cast<char>(kind));
  key.append(reinterpret_cast<const char*>(&first), sizeof(first));
  const std::uint32_t id = exprs.intern(key);
  if (id == draft.nodes.nodes.size()) {
    draft.nodes.nodes.push_back({kind, first, 0});
  }
  return ExprId{id};
}

// `a and b` and `b and a` are one expression; the order of whoever came first is kept for explain.
ExprId ProgramBuilder::Impl::list(Node::Kind kind, std::span<const ExprId> given) {
  const bool all = kind == Node::Kind::all_of;
  const Node::Kind neutral = all ? Node::Kind::always : Node::Kind::never;
  const Node::Kind dominant = all ? Node::Kind::never : Node::Kind::always;
  std::vector<ExprId> sorted;
  for (const ExprId child : given) {
    assert(index(child) < draft.nodes.nodes.size());
    if ((*this)[child].kind == dominant) {
      return child;
    }
    if ((*this)[child].kind != neutral) {
      sorted.push_back(child);
    }
  }
  std::vector<ExprId> children = sorted;
  std::sort(sorted.begin(), sorted.end());
  const bool repeats = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  if (sorted.empty()) {
    return constant(all);
  }
  if (sorted.size() == 1) {
    return sorted.front();
  }
  if (repeats) {
    std::vector<bool> seen(sorted.size());
    std::erase_if(children, [&](ExprId child) {
      const auto at = static_cast<std::size_t>(
          std::lower_bound(sorted.begin(), sorted.end(), child) - sorted.begin());
      const bool again = seen[at];
      seen[at] = true;
      return again;
    });
  }
  std::string key(1, static_cast<char>(kind));
  key.append(reinterpret_cast<const char*>(sorted.data()), sorted.size() * sizeof(ExprId));
  const std::uint32_t id = exprs.intern(key);
  compiled::Nodes& nodes = draft.nodes;
  if (id == nodes.nodes.size()) {
    nodes.nodes.push_back({kind,
                           static_cast<std::uint32_t>(nodes.children.size()),
                           static_cast<std::uint32_t>(children.size())});
    nodes.children.insert(nodes.children.end(), children.begin(), children.end());
  }
  return ExprId{id};
}

ProgramBuilder::ProgramBuilder() : impl_(std::make_unique<Impl>()) {}
ProgramBuilder::~ProgramBuilder() = default;

Result<ExprId> ProgramBuilder::predicate(const Predicate& predicate) {
  const std::string key = compiled::identity(predicate);
  std::uint32_t id = impl_->predicates.find(key);
  if (id == compiled::Interner::none) {
    const FieldId field = impl_->field(predicate.field);
    const FieldId other_field =
        predicate.op == Op::field ? impl_->field(predicate.other_field) : no_field;
    auto lowered = compiled::lower(predicate, field, other_field, impl_->draft.pools);
    if (!lowered) {
      return Unexpected<Error>{lowered.error()};
    }
    id = impl_->predicates.intern(key);
    impl_->draft.pools.predicates.push_back(*lowered);
  }
  return impl_->node(Node::Kind::leaf, id);
}

ExprId ProgramBuilder::all_of(std::span<const ExprId> children) {
  return impl_->list(Node::Kind::all_of, children);
}

ExprId ProgramBuilder::any_of(std::span<const ExprId> children) {
  return impl_->list(Node::Kind::any_of, children);
}

ExprId ProgramBuilder::negate(ExprId child) {
  const Node& node = (*impl_)[child];
  switch (node.kind) {
    case Node::Kind::always:
      return impl_->constant(false);
    case Node::Kind::never:
      return impl_->constant(true);
    case Node::Kind::negation:
      return ExprId{node.first};
    case Node::Kind::leaf:
    case Node::Kind::all_of:
    case Node::Kind::any_of:
    case Node::Kind::group:
      break;
  }
  return impl_->node(Node::Kind::negation, index(child));
}

RuleId ProgramBuilder::rule(ExprId condition,
                            const LogSource& log_source,
                            std::span<const Selection> selections) {
  compiled::Draft& draft = impl_->draft;
  // 0 separates: it cannot be in a YAML scalar that is a log source's name; a clash would only make
  // two log sources one entry.
  const std::string key =
      log_source.category + '\0' + log_source.product + '\0' + log_source.service;
  const std::uint32_t source = impl_->log_sources.intern(key);
  if (source == draft.log_sources.size()) {
    draft.log_sources.push_back(log_source);
  }
  compiled::CompiledRule rule;
  rule.condition = condition;
  rule.log_source = source;
  rule.selection_first = static_cast<std::uint32_t>(draft.selections.size());
  rule.selection_count = static_cast<std::uint32_t>(selections.size());
  for (const Selection& selection : selections) {
    draft.selections.push_back({selection.expr, selection.name});
  }
  draft.rules.push_back(rule);
  return RuleId{static_cast<std::uint32_t>(draft.rules.size() - 1)};
}

void ProgramBuilder::want_field(std::string_view path) {
  impl_->draft.wanted_fields.emplace_back(path);
}

void ProgramBuilder::expect_source(const LogSource& source) {
  impl_->draft.expected_sources.push_back(source);
}

void ProgramBuilder::classify_by(std::span<const SourceRow> rows) {
  for (const SourceRow& row : rows) {
    impl_->draft.source_rows.push_back(row);
    expect_source(row.source);
  }
}

void ProgramBuilder::keep_keywords_in(std::shared_ptr<MatcherStore> store) {
  impl_->draft.keyword_store = std::move(store);
}

void ProgramBuilder::save(std::string& bytes) const {
  compiled::write_draft(impl_->draft, impl_->field_paths(), bytes);
}

bool ProgramBuilder::restore(std::string_view bytes) {
  if (compiled::read_draft(bytes, impl_->draft)) {
    return true;
  }
  impl_ = std::make_unique<Impl>();
  return false;
}

std::shared_ptr<const Program> ProgramBuilder::build() {
  impl_->draft.fields = impl_->field_paths();
  compiled::Draft draft = std::move(impl_->draft);
  impl_ = std::make_unique<Impl>();
  auto program = std::make_unique<Program::Impl>();
  compiled::assemble(std::move(draft), *program);
  return std::shared_ptr<const Program>(new Program(std::move(program)));
}

}  // namespace tocsin
