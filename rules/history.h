// SPDX-License-Identifier: Apache-2.0
// What a loaded set remembers of its documents, so that after a reload a rule that no longer
// compiles goes on in its last version that did (choice 15 of DETECTION.md). Internal to rules/ but
// for the opaque RuleHistory. Thread rule: plain values; a history is immutable once it is shared.
// Cost: the text of each rule file once; O(documents) per reload.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tocsin {

struct RememberedRule {
  std::string path;
  std::string id, title;                    // either may be empty
  std::size_t ordinal = 0;                  // among the documents of its file
  std::shared_ptr<const std::string> text;  // of the whole file it stood in
};

struct RuleHistory {
  std::vector<RememberedRule> rules;  // those that were loaded
};

// What became of one document of a load.
struct DocumentOutcome {
  RememberedRule rule;
  bool rejected = false;
  bool refers = false;  // a correlation: what it names may be the reason
};

// Which documents of the files on disk are left out, and what is read instead.
class Substitutes {
 public:
  // Takes for each rejected document (of correlations only where there is no other) its last good
  // version, if `history` has one: by id, else by title in the same file, else by its place there.
  // Of files with documents that could not even be read (`broken`), what is not there any more is
  // kept too. False: nothing was added.
  bool add(const RuleHistory& history,
           const std::vector<DocumentOutcome>& documents,
           const std::set<std::string>& broken);

  bool is_replaced(const std::string& path, std::size_t ordinal) const;
  // For the file `path`; in the order of the history.
  std::vector<const RememberedRule*> for_file(const std::string& path) const;
  const std::vector<const RememberedRule*>& all() const { return kept_; }

 private:
  bool keep(const RememberedRule& rule, const std::string& path);
  bool keep_rejected(const RuleHistory& history,
                     const std::vector<DocumentOutcome>& documents,
                     bool refers);

  std::set<std::pair<std::string, std::size_t>> replaced_;
  std::vector<const RememberedRule*> kept_;  // of the history, which outlives this
  std::multimap<std::string, const RememberedRule*> by_file_;
};

}  // namespace tocsin
