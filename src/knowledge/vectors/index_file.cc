#include "knowledge/index_file.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "knowledge/vectors/state.h"

namespace strata::knowledge {
namespace {

constexpr std::uint32_t kFileVersion = 1;

std::vector<std::int64_t> Identity(const VectorOptions& options) {
  return {options.dimensions, static_cast<std::int64_t>(options.storage), options.m, options.ef_construction};
}

// Rows of these slots, as few parts as memory has them in.
std::vector<std::span<const std::byte>> PartsOf(const GrowingArray& array, std::span<const std::uint32_t> slots) {
  std::vector<std::span<const std::byte>> parts;
  for (const std::uint32_t slot : slots) {
    const std::byte* row = array[slot];
    if (!parts.empty() && parts.back().data() + parts.back().size() == row) {
      parts.back() = {parts.back().data(), parts.back().size() + array.row_bytes()};
    } else {
      parts.emplace_back(row, array.row_bytes());
    }
  }
  return parts;
}

void CopyRows(std::span<const std::byte> bytes, GrowingArray& array) {
  for (std::uint32_t row = 0; !bytes.empty(); ++row, bytes = bytes.subspan(array.row_bytes())) {
    array.Reserve(row);
    std::memcpy(array[row], bytes.data(), array.row_bytes());
  }
}

}  // namespace

// Slots are numbered anew, without those that are free. Rows are written while others change the index: a slot that is
// read of is not used again.
Status VectorIndex::Save(const std::string& path, Sequence sequence) const {
  State& state = *state_;
  const std::vector<std::int64_t> identity = Identity(state.options);
  std::vector<std::uint32_t> slots, ids, levels, links;
  std::uint32_t entry = Graph::kNone;
  std::optional<GracePeriod::Reader> reader;
  state.SweepInSlices();
  {
    const std::scoped_lock lock(state.write_mutex);
    reader.emplace(state.grace);
    std::vector<std::uint32_t> numbers(state.slots.load(), Graph::kNone);
    for (std::uint32_t slot = 0; slot < numbers.size(); ++slot) {
      if (state.ids.Load(slot) == 0) continue;
      numbers[slot] = static_cast<std::uint32_t>(slots.size());
      slots.push_back(slot);
      ids.push_back(state.ids.Load(slot));
    }
    for (const std::uint32_t slot : slots) {
      const int level = state.graph.Level(slot);
      levels.push_back(static_cast<std::uint32_t>(level + 1));
      for (int at = 0; at <= level; ++at) {
        const std::size_t count = links.size();
        links.push_back(0);
        for (const std::uint32_t neighbour : state.graph.Neighbours(slot, at)) {
          if (numbers[neighbour] != Graph::kNone) links.push_back(numbers[neighbour]);  // else it died since the sweep
        }
        links[count] = static_cast<std::uint32_t>(links.size() - count - 1);
      }
    }
    if (state.graph.entry() != Graph::kNone) {
      if (numbers[state.graph.entry()] == Graph::kNone) state.graph.MoveEntry(state.linked.load(), state.Live());
      if (state.graph.entry() != Graph::kNone) entry = numbers[state.graph.entry()];
    }
  }
  IndexFileWriter writer(IndexFileKind::kVectors, kFileVersion, sequence);
  writer.Add(identity);
  writer.Add(ids);
  writer.AddParts(PartsOf(state.rows.values(), slots));
  writer.AddParts(state.rows.has_bytes() ? PartsOf(state.rows.bytes(), slots)
                                         : std::vector<std::span<const std::byte>>());
  writer.Add(levels);
  writer.Add(links);
  writer.Add(std::span(&entry, 1));
  return writer.Write(path);
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::Load(const std::string& path, VectorOptions options) {
  STRATA_TRY(IndexFile file, IndexFile::Open(path, IndexFileKind::kVectors, kFileVersion));
  const auto corrupt = [&](std::string_view what) { return Fail(ErrorCode::kCorrupt, "{}: {}", path, what); };
  STRATA_TRY(const auto identity, file.Next<std::int64_t>());
  if (identity != Identity(options)) return corrupt("made with other options");
  auto index = std::make_unique<VectorIndex>(options);
  State& state = *index->state_;
  STRATA_TRY(const auto ids, file.Next<ChunkId>());
  STRATA_TRY(const auto values, file.NextBytes());
  STRATA_TRY(const auto bytes, file.NextBytes());
  STRATA_TRY(const auto levels, file.Next<std::uint32_t>());
  STRATA_TRY(const auto links, file.Next<std::uint32_t>());
  STRATA_TRY(const auto entry, file.Next<std::uint32_t>());
  STRATA_CHECK(file.ExpectEnd());
  const std::size_t count = ids.size();
  if (values.size() != count * state.rows.values().row_bytes() ||
      bytes.size() != count * state.rows.bytes().row_bytes() || levels.size() != count || entry.size() != 1) {
    return corrupt("not a row and a level for each id");
  }
  CopyRows(values, state.rows.values());
  if (state.rows.has_bytes()) CopyRows(bytes, state.rows.bytes());
  // Slots up to the first that is in no graph are linked.
  std::uint32_t linked = 0;
  for (std::uint32_t slot = 0; slot < count; ++slot) {
    if (ids[slot] == 0 || state.SlotOf(ids[slot])) return corrupt("an id of none, or twice");
    state.SetSlot(ids[slot], slot);
    if (levels[slot] > Graph::kMaxLevel + 1) return corrupt("a level that is too high");
    if (levels[slot] != 0 && linked != slot) return corrupt("a node beyond those that are linked");
    if (levels[slot] != 0) linked = slot + 1;
    state.ids.Reserve(slot);
    state.graph.Reserve(slot);
    state.ids.Store(slot, ids[slot]);
    state.graph.Restore(slot, static_cast<int>(levels[slot]) - 1);
  }
  std::span<const std::uint32_t> rest = links;
  for (std::uint32_t slot = 0; slot < linked; ++slot) {
    for (int level = 0; level <= state.graph.Level(slot); ++level) {
      if (rest.empty() || rest[0] > rest.size() - 1 || rest[0] > state.graph.ListSize(level) - 1) {
        return corrupt("a list of neighbours that does not fit");
      }
      const std::span<const std::uint32_t> neighbours = rest.subspan(1, rest[0]);
      rest = rest.subspan(1 + neighbours.size());
      for (const std::uint32_t neighbour : neighbours) {
        if (neighbour >= linked || state.graph.Level(neighbour) < level) return corrupt("a neighbour that is none");
      }
      state.graph.SetNeighbours(slot, level, neighbours);
    }
  }
  if (!rest.empty()) return corrupt("lists of no node");
  if (linked == 0 ? entry[0] != Graph::kNone : entry[0] >= linked) return corrupt("it begins at no node");
  state.graph.RestoreEntry(entry[0]);
  state.slots = static_cast<std::uint32_t>(count);
  state.linked = linked;
  state.live = static_cast<std::uint32_t>(count);
  state.sequence = file.sequence();
  return index;
}

}  // namespace strata::knowledge
