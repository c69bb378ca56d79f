#include "knowledge/vectors/index.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "kernels/distance.h"
#include "knowledge/index_file.h"

namespace strata::knowledge {

struct VectorIndex::State {
  explicit State(VectorOptions given) : options(given) {}

  VectorOptions options;
  Sequence sequence = 0;
  mutable std::shared_mutex mutex;
  std::vector<ChunkId> ids;
  std::vector<std::uint16_t> rows;
  std::unordered_map<ChunkId, std::size_t> places;

  std::size_t width() const { return static_cast<std::size_t>(options.dimensions); }

  void Remove(ChunkId id) {
    const auto found = places.find(id);
    if (found == places.end()) return;
    const std::size_t place = found->second, last = ids.size() - 1;
    places.erase(found);
    if (place != last) {
      ids[place] = ids[last];
      places[ids[place]] = place;
      std::copy_n(rows.data() + last * width(), width(), rows.data() + place * width());
    }
    ids.pop_back();
    rows.resize(last * width());
  }
};

namespace {

constexpr std::uint32_t kFileVersion = 1;

}  // namespace

VectorIndex::VectorIndex(VectorOptions options) : state_(std::make_unique<State>(options)) {}
VectorIndex::~VectorIndex() = default;

Result<std::unique_ptr<VectorIndex>> VectorIndex::Load(const std::string& path, VectorOptions options) {
  auto index = std::make_unique<VectorIndex>(options);
  STRATA_TRY(IndexFile file, IndexFile::Open(path, IndexFileKind::kVectors, kFileVersion));
  STRATA_TRY(const auto made_with, file.Next<std::int64_t>());
  if (made_with != std::vector<std::int64_t>{options.dimensions}) {
    return Fail(ErrorCode::kCorrupt, "{}: made with other options", path);
  }
  State& state = *index->state_;
  STRATA_TRY(state.ids, file.Next<ChunkId>());
  STRATA_TRY(state.rows, file.Next<std::uint16_t>());
  if (state.rows.size() != state.ids.size() * state.width()) {
    return Fail(ErrorCode::kCorrupt, "{}: {} vectors of {} ids", path, state.rows.size(), state.ids.size());
  }
  STRATA_CHECK(file.ExpectEnd());
  for (std::size_t i = 0; i < state.ids.size(); ++i) state.places[state.ids[i]] = i;
  state.sequence = file.sequence();
  return index;
}

Status VectorIndex::Save(const std::string& path, Sequence sequence) const {
  const std::shared_lock lock(state_->mutex);
  IndexFileWriter writer(IndexFileKind::kVectors, kFileVersion, sequence);
  writer.Add(std::span(&state_->options.dimensions, 1));
  writer.Add(state_->ids);
  writer.Add(state_->rows);
  return writer.Write(path);
}

Sequence VectorIndex::sequence() const { return state_->sequence; }

void VectorIndex::Add(ChunkId id, std::span<const float> vector) {
  const std::unique_lock lock(state_->mutex);
  state_->Remove(id);
  state_->places[id] = state_->ids.size();
  state_->ids.push_back(id);
  state_->rows.resize(state_->ids.size() * state_->width());
  kernels::SelectDistanceKernels(Cpu()).narrow(vector.data(), vector.size(),
                                               state_->rows.data() + state_->rows.size() - state_->width());
}

void VectorIndex::Remove(ChunkId id) {
  const std::unique_lock lock(state_->mutex);
  state_->Remove(id);
}

Ranking VectorIndex::Search(std::span<const float> query, std::size_t k, const Options& options,
                            VectorPlan* plan) const {
  const std::shared_lock lock(state_->mutex);
  if (plan != nullptr) *plan = options.allowed == nullptr ? VectorPlan::kExact : VectorPlan::kExactFiltered;
  const kernels::DistanceKernels& kernels = kernels::SelectDistanceKernels(Cpu());
  Ranking ranking;
  for (std::size_t i = 0; i < state_->ids.size(); ++i) {
    if (options.allowed != nullptr && !options.allowed->Has(state_->ids[i])) continue;
    const std::uint16_t* row = state_->rows.data() + i * state_->width();
    ranking.push_back({state_->ids[i], 0});
    kernels.f16(query.data(), &row, 1, state_->width(), &ranking.back().score);
  }
  const auto better = [](const ScoredChunk& a, const ScoredChunk& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  };
  k = std::min(k, ranking.size());
  std::ranges::partial_sort(ranking, ranking.begin() + static_cast<std::ptrdiff_t>(k), better);
  ranking.resize(k);
  return ranking;
}

std::size_t VectorIndex::size() const {
  const std::shared_lock lock(state_->mutex);
  return state_->ids.size();
}
double VectorIndex::waste() const { return 0; }
void VectorIndex::Compact() {}

}  // namespace strata::knowledge
