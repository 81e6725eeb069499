// SPDX-License-Identifier: Apache-2.0
#include "engine/match/multi.h"

#include <limits>
#include <utility>

#if defined(TOCSIN_VECTORSCAN)
#include <hs.h>
#endif

namespace tocsin::compiled {

#if defined(TOCSIN_VECTORSCAN)

struct MultiLiteral::Database {
  hs_database_t* compiled = nullptr;
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { hs_free_database(compiled); }
};

struct MultiLiteral::Scratch::Space {
  hs_scratch_t* scratch = nullptr;
  Space() = default;
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;
  ~Space() { hs_free_scratch(scratch); }
};

MultiLiteral::MultiLiteral(std::vector<Literal> literals) : literals_(std::move(literals)) {
  if (literals_.empty() || hs_valid_platform() != HS_SUCCESS) {
    return;
  }
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  std::vector<unsigned> ids;
  for (const Literal& literal : literals_) {
    ids.push_back(static_cast<unsigned>(texts.size()));
    texts.push_back(literal.text.data());
    sizes.push_back(literal.text.size());
  }
  const std::vector<unsigned> flags(literals_.size(), HS_FLAG_CASELESS);
  auto database = std::make_unique<Database>();
  hs_compile_error_t* error = nullptr;
  if (hs_compile_lit_multi(texts.data(),
                           flags.data(),
                           ids.data(),
                           sizes.data(),
                           static_cast<unsigned>(texts.size()),
                           HS_MODE_BLOCK,
                           nullptr,
                           &database->compiled,
                           &error) == HS_SUCCESS) {
    database_ = std::move(database);
  } else {
    hs_free_compile_error(error);
  }
}

MultiLiteral::Scratch::Scratch(const MultiLiteral& owner) {
  if (owner.database_ != nullptr) {
    auto space = std::make_unique<Space>();
    if (hs_alloc_scratch(owner.database_->compiled, &space->scratch) == HS_SUCCESS) {
      space_ = std::move(space);
    }
  }
}

bool MultiLiteral::scan(std::string_view text, Scratch& scratch, Found found, void* context) const {
  if (database_ == nullptr || scratch.space_ == nullptr ||
      text.size() > std::numeric_limits<unsigned>::max()) {
    return false;
  }
  struct Call {
    const std::vector<Literal>* literals;
    Found found;
    void* context;
  } call{&literals_, found, context};
  const match_event_handler handler =
      [](unsigned id, unsigned long long, unsigned long long to, unsigned, void* data) {
        const Call& the_call = *static_cast<const Call*>(data);
        the_call.found(the_call.context, (*the_call.literals)[id], static_cast<std::size_t>(to));
        return 0;
      };
  return hs_scan(database_->compiled,
                 text.data(),
                 static_cast<unsigned>(text.size()),
                 0,
                 scratch.space_->scratch,
                 handler,
                 &call) == HS_SUCCESS;
}

#else

struct MultiLiteral::Database {};
struct MultiLiteral::Scratch::Space {};

MultiLiteral::MultiLiteral(std::vector<Literal> literals) : literals_(std::move(literals)) {}
MultiLiteral::Scratch::Scratch(const MultiLiteral&) {}
bool MultiLiteral::scan(std::string_view, Scratch&, Found, void*) const {
  return false;
}

#endif

MultiLiteral::MultiLiteral() = default;
MultiLiteral::~MultiLiteral() = default;
MultiLiteral::MultiLiteral(MultiLiteral&&) noexcept = default;
MultiLiteral& MultiLiteral::operator=(MultiLiteral&&) noexcept = default;
MultiLiteral::Scratch::~Scratch() = default;

}  // namespace tocsin::compiled
