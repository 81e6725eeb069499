// SPDX-License-Identifier: Apache-2.0
#include "engine/match/multi.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <utility>

#if defined(TOCSIN_VECTORSCAN)
#include <hs.h>
#endif

#include "engine/base/free_memory.h"
#include "engine/base/hash.h"
#include "engine/base/wire.h"
#include "engine/match/ascii.h"

namespace tocsin::compiled {

#if defined(TOCSIN_VECTORSCAN)

namespace {

// Vectorscan looks for the last bytes of each literal; the rest is compared where they stand.
// Compiling whole literals takes nine times as long, and 25 MB for a moment, on 600 of them.
constexpr std::size_t tail_bytes_max = 8;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

struct MultiLiteral::Database {
  hs_database_t* compiled = nullptr;
  std::vector<std::vector<std::uint32_t>> with_tail;  // the literals that end with each tail
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

namespace {

// By tail: its number.
using Tails = std::map<std::string, std::uint32_t>;

// What a compiled matcher is made of.
Hash128 identity(const Tails& tails) {
  std::string bytes;
  WireWriter out(bytes);
  out.text(hs_version());
  for (const auto& [tail, number] : tails) {
    out.text(tail);
    out.number(number);
  }
  return content_hash(bytes);
}

// nullptr: it is not kept, or cannot be used on this machine.
hs_database_t* kept(MatcherStore& store, const Hash128& identity) {
  const std::string bytes = store.read();
  WireReader in(bytes);
  const bool same = in.hash() == identity;
  const std::string_view compiled = in.text();
  hs_database_t* database = nullptr;
  if (!same || !in.ok() || !in.at_end() ||
      hs_deserialize_database(compiled.data(), compiled.size(), &database) != HS_SUCCESS) {
    return nullptr;
  }
  return database;
}

void keep(MatcherStore& store, const Hash128& identity, const hs_database_t* database) {
  char* compiled = nullptr;
  std::size_t size = 0;
  if (hs_serialize_database(database, &compiled, &size) != HS_SUCCESS) {
    return;
  }
  std::string bytes;
  WireWriter out(bytes);
  out.hash(identity);
  out.text({compiled, size});
  std::free(compiled);
  store.write(bytes);
}

// nullptr: it cannot be compiled.
hs_database_t* compile_tails(const Tails& tails) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  std::vector<unsigned> ids;
  for (const auto& [tail, number] : tails) {
    ids.push_back(number);
    texts.push_back(tail.data());
    sizes.push_back(tail.size());
  }
  const std::vector<unsigned> flags(texts.size(), HS_FLAG_CASELESS);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_lit_multi(texts.data(),
                           flags.data(),
                           ids.data(),
                           sizes.data(),
                           static_cast<unsigned>(texts.size()),
                           HS_MODE_BLOCK,
                           nullptr,
                           &database,
                           &error) != HS_SUCCESS) {
    hs_free_compile_error(error);
    return nullptr;
  }
  return database;
}

}  // namespace

std::unique_ptr<MultiLiteral::Database> MultiLiteral::compile() const {
  if (literals_.empty() || hs_valid_platform() != HS_SUCCESS) {
    return nullptr;
  }
  auto database = std::make_unique<Database>();
  Tails tails;
  for (std::uint32_t i = 0; i < literals_.size(); ++i) {
    const std::string& text = literals_[i].text;
    std::string tail = text.substr(text.size() - std::min(text.size(), tail_bytes_max));
    std::transform(tail.begin(), tail.end(), tail.begin(), lower);
    const auto number = static_cast<std::uint32_t>(tails.size());
    const auto [row, fresh] = tails.emplace(std::move(tail), number);
    if (fresh) {
      database->with_tail.emplace_back();
    }
    database->with_tail[row->second].push_back(i);
  }
  const Hash128 made_of = identity(tails);
  database->compiled = store_ == nullptr ? nullptr : kept(*store_, made_of);
  if (database->compiled == nullptr) {
    database->compiled = compile_tails(tails);
    if (database->compiled == nullptr) {
      return nullptr;
    }
    if (store_ != nullptr) {
      keep(*store_, made_of, database->compiled);
    }
  }
  return database;
}

bool MultiLiteral::scan(std::string_view text, Scratch& scratch, Found found, void* context) const {
  const Database* const used = database();
  if (used == nullptr || text.size() > std::numeric_limits<unsigned>::max()) {
    return false;
  }
  if (scratch.space_ == nullptr) {
    scratch.space_ = std::make_unique<Scratch::Space>();
    if (hs_alloc_scratch(used->compiled, &scratch.space_->scratch) != HS_SUCCESS) {
      scratch.space_->scratch = nullptr;  // no memory: it is not asked for again
    }
  }
  if (scratch.space_->scratch == nullptr) {
    return false;
  }
  struct Call {
    std::string_view text;
    const std::vector<Literal>* literals;
    const Database* database;
    Found found;
    void* context;
  } call{text, &literals_, used, found, context};
  const match_event_handler handler =
      [](unsigned id, unsigned long long, unsigned long long to, unsigned, void* data) {
        const Call& the_call = *static_cast<const Call*>(data);
        const auto end = static_cast<std::size_t>(to);
        for (const std::uint32_t i : the_call.database->with_tail[id]) {
          const Literal& literal = (*the_call.literals)[i];
          const std::size_t size = literal.text.size();
          if (size <= end &&
              (size <= tail_bytes_max ||
               same_folded(the_call.text.data() + (end - size), literal.text.data(), size) ==
                   Same::yes)) {
            the_call.found(the_call.context, literal, end);
          }
        }
        return 0;
      };
  return hs_scan(used->compiled,
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

std::unique_ptr<MultiLiteral::Database> MultiLiteral::compile() const {
  return nullptr;
}
bool MultiLiteral::scan(std::string_view, Scratch&, Found, void*) const {
  return false;
}

#endif

MultiLiteral::MultiLiteral(std::vector<Literal> literals, std::shared_ptr<MatcherStore> store)
    : literals_(std::move(literals)),
      store_(std::move(store)),
      compiled_(std::make_unique<Compiled>()) {}

const MultiLiteral::Database* MultiLiteral::database() const {
  if (compiled_ == nullptr) {
    return nullptr;
  }
  bool is_new = false;
  std::call_once(compiled_->once, [&] {
    compiled_->database = compile();
    is_new = compiled_->database != nullptr;
  });
  if (is_new) {  // nobody waits for it
    return_free_memory();
  }
  return compiled_->database.get();
}

MultiLiteral::Scratch::Scratch() = default;
MultiLiteral::MultiLiteral() = default;
MultiLiteral::~MultiLiteral() = default;
MultiLiteral::MultiLiteral(MultiLiteral&&) noexcept = default;
MultiLiteral& MultiLiteral::operator=(MultiLiteral&&) noexcept = default;
MultiLiteral::Scratch::~Scratch() = default;

}  // namespace tocsin::compiled
