#include "knowledge/search/document_table.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace strata::knowledge {
namespace {

/// Principals who see the same are the same, in whatever order their groups and labels come.
std::string KeyOf(const Principal& principal) {
  if (principal.sees_everything) return "*";
  // With lengths: no name can look like two.
  std::string key = fmt::format("{}:{}", principal.user.size(), principal.user);
  for (std::vector<std::string> names : {principal.groups, principal.labels}) {
    std::ranges::sort(names);
    const auto twice = std::ranges::unique(names);
    names.erase(twice.begin(), twice.end());
    key += fmt::format("|{}", names.size());
    for (const std::string& name : names) key += fmt::format(",{}:{}", name.size(), name);
  }
  return key;
}

struct Document {
  std::shared_ptr<const DocumentRecord> record;  ///< null before Put
  /// Some may be no more: `owner` says so. They are dropped once half of them are.
  std::vector<ChunkId> chunks;
  std::size_t dead = 0;
};

}  // namespace

struct DocumentTable::State {
  using Accepts = std::function<bool(const DocumentRecord&)>;

  /// The chunks of all documents that a condition accepts, kept up to date with each change.
  struct View {
    Accepts accepts;
    Bitmap chunks;
  };
  /// The last ones that were asked for.
  class Views {
   public:
    const View* Find(const std::string& key) const {
      const auto found = views_.find(key);
      return found == views_.end() ? nullptr : &found->second;
    }
    const View& Add(const std::string& key, View view) {
      if (order_.size() == kKept) {
        views_.erase(order_.front());
        order_.pop_front();
      }
      order_.push_back(key);
      return views_.insert_or_assign(key, std::move(view)).first->second;
    }
    void ForEach(const auto& visit) {
      for (auto& [key, view] : views_) visit(view);
    }

   private:
    // A set of a million chunks takes 128 KB.
    static constexpr std::size_t kKept = 64;
    std::unordered_map<std::string, View> views_;
    std::deque<std::string> order_;
  };

  mutable std::shared_mutex mutex;
  std::unordered_map<DocumentId, Document> documents;
  std::unordered_map<ChunkId, DocumentId> owner;
  mutable Views of_principals, of_filters;

  void ForEachView(const auto& visit) {
    of_principals.ForEach(visit);
    of_filters.ForEach(visit);
  }
  void ForEachChunk(const Document& document, DocumentId id, const auto& visit) const {
    for (const ChunkId chunk : document.chunks) {
      if (const auto found = owner.find(chunk); found != owner.end() && found->second == id) visit(chunk);
    }
  }
  /// In every view: there as long as the view accepts `record`; null: not there.
  void Show(const Document& document, DocumentId id, const DocumentRecord* record) {
    ForEachView([&](View& view) {
      const bool there = record != nullptr && view.accepts(*record);
      ForEachChunk(document, id, [&](ChunkId chunk) { there ? view.chunks.Add(chunk) : view.chunks.Remove(chunk); });
    });
  }
  View Make(Accepts accepts) const {
    View view{.accepts = std::move(accepts), .chunks = {}};
    for (const auto& [id, document] : documents) {
      if (document.record == nullptr || !view.accepts(*document.record)) continue;
      ForEachChunk(document, id, [&](ChunkId chunk) { view.chunks.Add(chunk); });
    }
    return view;
  }
  void Forget(ChunkId chunk) {
    const auto found = owner.find(chunk);
    if (found == owner.end()) return;
    const DocumentId id = found->second;
    owner.erase(found);
    ForEachView([&](View& view) { view.chunks.Remove(chunk); });
    Document& document = documents[id];
    if (++document.dead * 2 < document.chunks.size()) return;
    std::erase_if(document.chunks, [&](ChunkId other) {
      const auto live = owner.find(other);
      return live == owner.end() || live->second != id;
    });
    document.dead = 0;
  }
};

DocumentTable::DocumentTable() : state_(std::make_unique<State>()) {}
DocumentTable::~DocumentTable() = default;

void DocumentTable::Put(const DocumentRecord& record) {
  const std::unique_lock lock(state_->mutex);
  Document& document = state_->documents[record.id];
  document.record = std::make_shared<const DocumentRecord>(record);
  state_->Show(document, record.id, document.record.get());
}

void DocumentTable::Remove(DocumentId id) {
  const std::unique_lock lock(state_->mutex);
  const auto found = state_->documents.find(id);
  if (found == state_->documents.end()) return;
  state_->Show(found->second, id, nullptr);
  for (const ChunkId chunk : found->second.chunks) {
    const auto owned = state_->owner.find(chunk);
    if (owned != state_->owner.end() && owned->second == id) state_->owner.erase(owned);
  }
  state_->documents.erase(found);
}

void DocumentTable::AddChunk(ChunkId chunk, DocumentId id) {
  const std::unique_lock lock(state_->mutex);
  if (const auto found = state_->owner.find(chunk); found != state_->owner.end()) {
    if (found->second == id) return;
    state_->Forget(chunk);
  }
  Document& document = state_->documents[id];
  document.chunks.push_back(chunk);
  state_->owner[chunk] = id;
  if (document.record == nullptr) return;
  state_->ForEachView([&](State::View& view) {
    if (view.accepts(*document.record)) view.chunks.Add(chunk);
  });
}

void DocumentTable::RemoveChunk(ChunkId chunk) {
  const std::unique_lock lock(state_->mutex);
  state_->Forget(chunk);
}

Bitmap DocumentTable::Allowed(const Principal& principal, const Filter* filter) const {
  const std::string who = KeyOf(principal);
  const auto both = [](const State::View& seen, const State::View* accepted) {
    Bitmap allowed = seen.chunks;
    if (accepted != nullptr) allowed.KeepOnly(accepted->chunks);
    return allowed;
  };
  {
    const std::shared_lock lock(state_->mutex);
    const State::View* seen = state_->of_principals.Find(who);
    const State::View* accepted = filter == nullptr ? nullptr : state_->of_filters.Find(filter->key());
    if (seen != nullptr && (filter == nullptr || accepted != nullptr)) return both(*seen, accepted);
  }
  const std::unique_lock lock(state_->mutex);
  const State::View* seen = state_->of_principals.Find(who);
  if (seen == nullptr) {
    seen = &state_->of_principals.Add(
        who, state_->Make([principal](const DocumentRecord& record) { return MaySee(principal, record.access); }));
  }
  if (filter == nullptr) return both(*seen, nullptr);
  const State::View* accepted = state_->of_filters.Find(filter->key());
  if (accepted == nullptr) {
    accepted = &state_->of_filters.Add(filter->key(), state_->Make([condition = *filter](const DocumentRecord& record) {
      return condition.Accepts(record.metadata);
    }));
  }
  return both(*seen, accepted);
}

std::shared_ptr<const DocumentRecord> DocumentTable::Find(DocumentId id, const Principal& principal,
                                                          const Filter* filter) const {
  std::shared_ptr<const DocumentRecord> record;
  {
    const std::shared_lock lock(state_->mutex);
    const auto found = state_->documents.find(id);
    if (found != state_->documents.end()) record = found->second.record;
  }
  if (record == nullptr || !MaySee(principal, record->access)) return nullptr;
  return filter == nullptr || filter->Accepts(record->metadata) ? record : nullptr;
}

std::vector<DocumentId> DocumentTable::Visible(const Principal& principal, DocumentId after, std::size_t limit) const {
  std::vector<DocumentId> ids;
  {
    const std::shared_lock lock(state_->mutex);
    for (const auto& [id, document] : state_->documents) {
      if (id > after && document.record != nullptr && MaySee(principal, document.record->access)) ids.push_back(id);
    }
  }
  const std::size_t count = std::min(limit, ids.size());
  std::ranges::partial_sort(ids, ids.begin() + static_cast<std::ptrdiff_t>(count));
  ids.resize(count);
  return ids;
}

std::optional<DocumentId> DocumentTable::DocumentOf(ChunkId chunk) const {
  const std::shared_lock lock(state_->mutex);
  const auto found = state_->owner.find(chunk);
  if (found == state_->owner.end()) return std::nullopt;
  return found->second;
}

}  // namespace strata::knowledge
