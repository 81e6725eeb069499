// SPDX-License-Identifier: Apache-2.0
// The file: a line with what it is and of which version; a count; for each entry the hash of the
// content it was parsed from and its documents, each node before what is in it; and at the end the
// hash of everything before.
#include "rules/document_cache.h"

#include <cerrno>
#include <optional>
#include <utility>

#include <sys/stat.h>

#include "engine/base/limits.h"
#include "engine/base/wire.h"
#include "rules/cache_file.h"
#include "rules/rule_files.h"

namespace tocsin {
namespace {

constexpr std::size_t node_bytes_min = 5;
constexpr std::size_t hash_bytes_min = 17;  // of an entry

void encode(const YamlNode& node, WireWriter& out) {
  out.number(static_cast<std::uint64_t>(node.kind) * 2 + (node.quoted ? 1 : 0));
  out.number(node.line);
  out.number(node.column);
  out.number(node.length);
  out.text(node.text);
  if (node.kind == YamlNode::Kind::sequence) {
    out.number(node.items.size());
    for (const YamlNode& item : node.items) {
      encode(item, out);
    }
  } else if (node.kind == YamlNode::Kind::map) {
    out.number(node.members.size());
    for (const YamlMember& member : node.members) {
      encode(member.first, out);
      encode(member.second, out);
    }
  }
}

void decode(WireReader& in, std::size_t depth, YamlNode& node) {
  const std::uint64_t head = in.number();
  if (head / 2 > static_cast<std::uint64_t>(YamlNode::Kind::map) ||
      depth > limits::yaml_depth_max + 1) {
    in.fail();
    return;
  }
  node.kind = static_cast<YamlNode::Kind>(head / 2);
  node.quoted = head % 2 == 1;
  node.line = static_cast<std::uint32_t>(in.number());
  node.column = static_cast<std::uint32_t>(in.number());
  node.length = static_cast<std::uint32_t>(in.number());
  node.text = in.text();
  if (node.kind == YamlNode::Kind::sequence) {
    node.items.resize(in.count(node_bytes_min));
    for (YamlNode& item : node.items) {
      decode(in, depth + 1, item);
    }
  } else if (node.kind == YamlNode::Kind::map) {
    node.members.resize(in.count(2 * node_bytes_min));
    for (YamlMember& member : node.members) {
      decode(in, depth + 1, member.first);
      decode(in, depth + 1, member.second);
    }
  }
}

std::string encode(const Collection& collection) {
  std::string out;
  WireWriter writer(out);
  writer.number(collection.documents.size());
  for (const RuleDocument& document : collection.documents) {
    encode(document.root, writer);
  }
  return out;
}

std::optional<Collection> decode(std::string_view bytes) {
  WireReader in(bytes);
  Collection out;
  out.documents.resize(in.count(node_bytes_min));
  for (RuleDocument& document : out.documents) {
    decode(in, 0, document.root);
    if (!in.ok() || document.root.kind != YamlNode::Kind::map) {
      return std::nullopt;
    }
    document.kind = classify_document(document.root);
  }
  return in.ok() && in.at_end() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

DocumentCache::DocumentCache(const std::string& folder,
                             const std::string& version,
                             const std::vector<std::string>& paths,
                             Diagnostics& diagnostics)
    : folder_(folder),
      path_(folder + "/rules-" + cache_set_name(paths) + ".cache"),
      heading_("tocsin parsed rules 1 " + version + "\n") {
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    warn_of_cache(folder,
                  "the cache folder cannot be made: " + error_text(errno),
                  "name one that can",
                  diagnostics);
    return;
  }
  if (others_may_write(folder) || others_may_write(path_)) {
    warn_of_cache(folder,
                  "the cache is not used: others may write to it, and so decide what the rules are",
                  "name a folder that belongs to you alone (chmod 700)",
                  diagnostics);
    return;
  }
  usable_ = true;
  load();
}

void DocumentCache::load() {
  bytes_ = read_whole(path_);
  const std::optional<std::string_view> known = unsealed(bytes_, heading_);
  if (!known) {
    return;
  }
  WireReader in(*known);
  const std::size_t count = in.count(hash_bytes_min);
  entries_.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const Hash128 content = in.hash();
    entries_.emplace(content, in.text());
  }
}

Collection DocumentCache::read(const SourceText& source, Diagnostics& diagnostics) {
  const Hash128 content = content_hash(source.text);
  const auto known = entries_.find(content);
  if (known != entries_.end()) {
    if (std::optional<Collection> documents = decode(known->second)) {
      const std::lock_guard<std::mutex> lock(mutex_);
      used_.insert(content);
      return std::move(*documents);
    }
  }
  const std::size_t before = diagnostics.list().size();
  Collection out = read_collection(source, diagnostics);
  if (usable_ && out.rejected == 0 && diagnostics.list().size() == before) {
    std::string encoded = encode(out);
    const std::lock_guard<std::mutex> lock(mutex_);
    fresh_.insert_or_assign(content, std::move(encoded));
  }
  return out;
}

void DocumentCache::save(Diagnostics& diagnostics) const {
  if (!usable_ || fresh_.empty()) {
    return;
  }
  std::string out = heading_;
  WireWriter writer(out);
  writer.number(used_.size() + fresh_.size());
  for (const Hash128& content : used_) {
    writer.hash(content);
    writer.text(entries_.at(content));
  }
  for (const auto& [content, encoded] : fresh_) {
    writer.hash(content);
    writer.text(encoded);
  }
  seal(out);
  if (const int error = write_whole(path_, out)) {
    warn_of_cache(path_,
                  "cannot be written: " + error_text(error),
                  "the rules are parsed anew each time",
                  diagnostics);
  }
}

}  // namespace tocsin
