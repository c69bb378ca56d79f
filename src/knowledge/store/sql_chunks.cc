// Chunks and vectors of the store.
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "knowledge/store/sql_store.h"

namespace strata::knowledge::sql {
namespace {

constexpr std::string_view kColumns =
    "c.id, c.document, d.version, c.ordinal, c.parent, c.text, c.context, c.span_begin, c.span_end, c.page, "
    "c.box_left, c.box_top, c.box_right, c.box_bottom, c.tokens, c.searchable, c.hidden, c.hash_low, c.hash_high";
constexpr int kVectorColumn = 19;
constexpr std::string_view kFrom = "FROM chunks c JOIN documents d ON d.id = c.document";

StoredChunk ToChunk(const Row& row) {
  StoredChunk stored;
  stored.id = static_cast<ChunkId>(row.Int(0));
  stored.document = static_cast<DocumentId>(row.Int(1));
  stored.version = static_cast<std::uint32_t>(row.Int(2));
  stored.ordinal = static_cast<std::int32_t>(row.Int(3));
  if (!row.IsNull(4)) stored.parent_id = static_cast<ChunkId>(row.Int(4));
  Chunk& chunk = stored.chunk;
  chunk.text = row.Text(5);
  chunk.context = row.Text(6);
  chunk.span = {static_cast<std::size_t>(row.Int(7)), static_cast<std::size_t>(row.Int(8))};
  chunk.place.page = static_cast<std::int32_t>(row.Int(9));
  chunk.place.box = {static_cast<float>(row.Real(10)), static_cast<float>(row.Real(11)),
                     static_cast<float>(row.Real(12)), static_cast<float>(row.Real(13))};
  chunk.tokens = row.Int(14);
  chunk.searchable = row.Int(15) != 0;
  chunk.hidden = row.Int(16) != 0;
  chunk.hash = {static_cast<std::uint64_t>(row.Int(17)), static_cast<std::uint64_t>(row.Int(18))};
  return stored;
}

/// Vectors lie as little-endian f16 or f32, which their size tells apart from nothing: the base says which.
std::string Encode(std::span<const float> vector, bool full_precision) {
  std::string bytes(vector.size() * (full_precision ? sizeof(float) : sizeof(_Float16)), '\0');
  if (full_precision) {
    std::memcpy(bytes.data(), vector.data(), bytes.size());
    return bytes;
  }
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const auto half = static_cast<_Float16>(vector[i]);
    std::memcpy(bytes.data() + i * sizeof(half), &half, sizeof(half));
  }
  return bytes;
}

std::vector<float> Decode(std::string_view bytes, bool full_precision) {
  std::vector<float> vector(bytes.size() / (full_precision ? sizeof(float) : sizeof(_Float16)));
  if (full_precision) {
    std::memcpy(vector.data(), bytes.data(), vector.size() * sizeof(float));
    return vector;
  }
  for (std::size_t i = 0; i < vector.size(); ++i) {
    _Float16 half = 0;
    std::memcpy(&half, bytes.data() + i * sizeof(half), sizeof(half));
    vector[i] = static_cast<float>(half);
  }
  return vector;
}

auto VisitRow(const Store::VisitChunk& visit, bool full_precision) {
  return [&visit, full_precision](const Row& row) {
    const bool has_none = row.IsNull(kVectorColumn);
    return visit(ToChunk(row), has_none ? std::vector<float>() : Decode(row.Blob(kVectorColumn), full_precision));
  };
}

std::string IdArray(std::span<const ChunkId> ids) { return fmt::format("[{}]", fmt::join(ids, ",")); }

/// Which chunk of the version before goes on as one of this one. Equal hashes alone do not do: whether it can be found
/// must be the same too, for the indexes hear of nothing else.
using Identity = std::tuple<std::uint64_t, std::uint64_t, bool, bool>;

Identity IdentityOf(const Chunk& chunk) { return {chunk.hash.low, chunk.hash.high, chunk.searchable, chunk.hidden}; }

Result<std::map<Identity, std::deque<std::int64_t>>> ChunksBefore(Connection& connection, DocumentId document) {
  std::map<Identity, std::deque<std::int64_t>> before;
  STRATA_CHECK(connection.Run(
      "SELECT id, hash_low, hash_high, searchable, hidden FROM chunks WHERE document = $1 ORDER BY ordinal",
      {std::int64_t{document}}, [&](const Row& row) {
        before[{static_cast<std::uint64_t>(row.Int(1)), static_cast<std::uint64_t>(row.Int(2)), row.Int(3) != 0,
                row.Int(4) != 0}]
            .push_back(row.Int(0));
        return true;
      }));
  return before;
}

Status WriteChunk(Connection& connection, std::int64_t id, DocumentId document, std::int64_t ordinal,
                  const Chunk& chunk, std::optional<std::int64_t> parent) {
  const Box& box = chunk.place.box;
  STRATA_CHECK(connection.Run(
      "INSERT INTO chunks (id, document, ordinal, parent, text, context, span_begin, span_end, page, box_left, "
      "box_top, "
      "box_right, box_bottom, tokens, searchable, hidden, hash_low, hash_high) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) "
      "ON CONFLICT (id) DO UPDATE SET ordinal = excluded.ordinal, parent = excluded.parent, "
      "span_begin = excluded.span_begin, span_end = excluded.span_end, page = excluded.page, "
      "box_left = excluded.box_left, box_top = excluded.box_top, box_right = excluded.box_right, "
      "box_bottom = excluded.box_bottom, tokens = excluded.tokens",
      {id, std::int64_t{document}, ordinal, parent ? Value(*parent) : Value(Null{}), std::string_view(chunk.text),
       std::string_view(chunk.context), static_cast<std::int64_t>(chunk.span.begin),
       static_cast<std::int64_t>(chunk.span.end), std::int64_t{chunk.place.page}, double{box.left}, double{box.top},
       double{box.right}, double{box.bottom}, chunk.tokens, std::int64_t{chunk.searchable}, std::int64_t{chunk.hidden},
       static_cast<std::int64_t>(chunk.hash.low), static_cast<std::int64_t>(chunk.hash.high)}));
  return {};
}

Status WriteVector(Connection& connection, std::int64_t id, std::span<const float> vector, bool full_precision) {
  const std::string bytes = Encode(vector, full_precision);
  STRATA_CHECK(connection.Run("INSERT INTO vectors (chunk, vector) VALUES ($1, $2)", {id, Bytes{bytes}}));
  return {};
}

/// The vector of a chunk that says the same, or a place among those that wait for one. True: nothing in the base says
/// the same.
Result<bool> ShareVector(Connection& connection, std::int64_t id, const Hash128& hash) {
  const auto low = static_cast<std::int64_t>(hash.low), high = static_cast<std::int64_t>(hash.high);
  STRATA_TRY(const std::int64_t copied,
             connection.Run(
                 "INSERT INTO vectors (chunk, vector) SELECT CAST($1 AS bigint), v.vector FROM chunks c JOIN vectors v "
                 "ON v.chunk = c.id WHERE c.hash_low = $2 AND c.hash_high = $3 AND length(v.vector) > 0 "
                 "LIMIT 1",
                 {id, low, high}));
  if (copied > 0) return false;
  STRATA_CHECK(connection.Run("INSERT INTO unembedded (chunk) VALUES ($1)", {id}));
  bool fresh = true;
  STRATA_CHECK(connection.Run(
      "SELECT 1 FROM chunks WHERE hash_low = $1 AND hash_high = $2 AND searchable = 1 AND id <> $3 LIMIT 1",
      {low, high, id}, [&](const Row&) { return fresh = false; }));
  return fresh;
}

}  // namespace

Result<ChunkCounts> PutChunks(Connection& connection, DocumentId document, const DocumentVersion& version,
                              bool full_precision, ChangeLog& log) {
  const auto searchable = std::ranges::count_if(version.chunks, &Chunk::searchable);
  const std::size_t dimensions = searchable == 0 ? 0 : version.vectors.size() / static_cast<std::size_t>(searchable);
  if (dimensions * static_cast<std::size_t>(searchable) != version.vectors.size()) {
    return Fail(ErrorCode::kInvalidArgument, "{}: {} floats are no vectors of {} chunks", version.record.uri,
                version.vectors.size(), searchable);
  }
  STRATA_TRY(auto before, ChunksBefore(connection, document));
  std::vector<std::int64_t> ids;
  std::int64_t news = 0;
  for (const Chunk& chunk : version.chunks) {
    auto& same = before[IdentityOf(chunk)];
    ids.push_back(same.empty() ? 0 : same.front());
    if (same.empty()) {
      ++news;
    } else {
      same.pop_front();
    }
  }
  STRATA_TRY(const std::int64_t last, TakeNumbers(connection, "chunk", news));
  std::int64_t next = last - news;
  std::size_t row = 0;
  ChunkCounts counts{.all = searchable};
  for (std::size_t i = 0; i < version.chunks.size(); ++i) {
    const Chunk& chunk = version.chunks[i];
    const bool is_new = ids[i] == 0;
    if (is_new) ids[i] = ++next;
    std::optional<std::int64_t> parent;
    if (chunk.parent) {
      if (*chunk.parent < 0 || static_cast<std::size_t>(*chunk.parent) >= i) {
        return Fail(ErrorCode::kInvalidArgument, "{}: the chunk {} comes before its parent", version.record.uri, i);
      }
      parent = ids[static_cast<std::size_t>(*chunk.parent)];
    }
    STRATA_CHECK(WriteChunk(connection, ids[i], document, static_cast<std::int64_t>(i), chunk, parent));
    if (!chunk.searchable) continue;
    if (is_new && dimensions > 0) {
      const auto vector = std::span(version.vectors).subspan(row * dimensions, dimensions);
      STRATA_CHECK(WriteVector(connection, ids[i], vector, full_precision));
    } else if (is_new) {
      STRATA_TRY(const bool fresh, ShareVector(connection, ids[i], chunk.hash));
      counts.fresh += fresh ? 1 : 0;
    }
    if (is_new) log.Add(Change::Kind::kChunkAdded, static_cast<ChunkId>(ids[i]));
    ++row;
  }
  for (const auto& [identity, gone] : before) {
    for (const std::int64_t id : gone) {
      STRATA_CHECK(connection.Run("DELETE FROM chunks WHERE id = $1", {id}));
      if (std::get<2>(identity)) log.Add(Change::Kind::kChunkRemoved, static_cast<ChunkId>(id));
    }
  }
  return counts;
}

Status LogRemovedChunks(Connection& connection, DocumentId document, ChangeLog& log) {
  STRATA_CHECK(connection.Run("SELECT id FROM chunks WHERE document = $1 AND searchable = 1 ORDER BY id",
                              {std::int64_t{document}}, [&](const Row& row) {
                                log.Add(Change::Kind::kChunkRemoved, static_cast<ChunkId>(row.Int(0)));
                                return true;
                              }));
  return {};
}

Result<std::vector<StoredChunk>> SqlStore::Chunks(std::span<const ChunkId> ids) {
  return Read([&](Connection& connection) -> Result<std::vector<StoredChunk>> {
    std::map<ChunkId, StoredChunk> found;
    const std::string list = IdArray(ids);
    STRATA_CHECK(
        connection.Run(fmt::format("SELECT {} {} WHERE c.id IN {}", kColumns, kFrom, connection.dialect().id_list),
                       {std::string_view(list)}, [&](const Row& row) {
                         StoredChunk chunk = ToChunk(row);
                         found.insert_or_assign(chunk.id, std::move(chunk));
                         return true;
                       }));
    std::vector<StoredChunk> chunks;
    for (const ChunkId id : ids) {
      if (const auto chunk = found.find(id); chunk != found.end()) chunks.push_back(chunk->second);
    }
    return chunks;
  });
}

Result<std::vector<StoredChunk>> SqlStore::ChunksOf(DocumentId id, std::int32_t first, std::int32_t count) {
  return Read([&](Connection& connection) -> Result<std::vector<StoredChunk>> {
    std::vector<StoredChunk> chunks;
    STRATA_CHECK(
        connection.Run(fmt::format("SELECT {} {} WHERE c.document = $1 AND c.ordinal >= $2 ORDER BY c.ordinal LIMIT $3",
                                   kColumns, kFrom),
                       {std::int64_t{id}, std::int64_t{first}, std::int64_t{count}}, [&](const Row& row) {
                         chunks.push_back(ToChunk(row));
                         return true;
                       }));
    return chunks;
  });
}

Status SqlStore::ForEachChunk(std::span<const ChunkId> ids, const VisitChunk& visit) {
  return Read([&](Connection& connection) -> Status {
    const std::string list = IdArray(ids);
    const auto visit_row = VisitRow(visit, options_.full_precision);
    STRATA_CHECK(connection.Run(
        fmt::format(
            "SELECT {}, v.vector {} LEFT JOIN vectors v ON v.chunk = c.id WHERE c.searchable = 1 AND c.id IN {} "
            "ORDER BY c.id",
            kColumns, kFrom, connection.dialect().id_list),
        {std::string_view(list)}, visit_row));
    return {};
  });
}

Status SqlStore::ForEachChunk(const VisitChunk& visit) {
  return Read([&](Connection& connection) -> Status {
    const auto visit_row = VisitRow(visit, options_.full_precision);
    STRATA_CHECK(connection.Run(
        fmt::format("SELECT {}, v.vector {} LEFT JOIN vectors v ON v.chunk = c.id WHERE c.searchable = 1 ORDER BY c.id",
                    kColumns, kFrom),
        {}, visit_row));
    return {};
  });
}

Status SqlStore::ForEachChunkId(const std::function<void(ChunkId chunk, DocumentId document)>& visit) {
  return Read([&](Connection& connection) -> Status {
    STRATA_CHECK(
        connection.Run("SELECT id, document FROM chunks WHERE searchable = 1 ORDER BY id", {}, [&](const Row& row) {
          visit(static_cast<ChunkId>(row.Int(0)), static_cast<DocumentId>(row.Int(1)));
          return true;
        }));
    return {};
  });
}

Result<std::vector<std::pair<Hash128, std::vector<float>>>> SqlStore::VectorsOf(std::span<const Hash128> hashes) {
  return Read([&](Connection& connection) -> Result<std::vector<std::pair<Hash128, std::vector<float>>>> {
    std::set<std::pair<std::int64_t, std::int64_t>> wanted;
    nlohmann::json list = nlohmann::json::array();
    for (const Hash128& hash : hashes) {
      const auto low = static_cast<std::int64_t>(hash.low);
      if (wanted.emplace(low, static_cast<std::int64_t>(hash.high)).second) list.push_back(low);
    }
    const std::string lows = list.dump();
    std::vector<std::pair<Hash128, std::vector<float>>> vectors;
    STRATA_CHECK(connection.Run(
        fmt::format(
            "SELECT f.hash_low, f.hash_high, v.vector FROM (SELECT c.hash_low, c.hash_high, MIN(c.id) AS id FROM "
            "chunks c JOIN vectors w ON w.chunk = c.id WHERE c.hash_low IN {} AND length(w.vector) > 0 "
            "GROUP BY c.hash_low, c.hash_high) f JOIN vectors v ON v.chunk = f.id",
            connection.dialect().id_list),
        {std::string_view(lows)}, [&](const Row& row) {
          if (!wanted.contains({row.Int(0), row.Int(1)})) return true;
          vectors.emplace_back(Hash128{static_cast<std::uint64_t>(row.Int(0)), static_cast<std::uint64_t>(row.Int(1))},
                               Decode(row.Blob(2), options_.full_precision));
          return true;
        }));
    return vectors;
  });
}

Result<std::vector<StoredChunk>> SqlStore::Unembedded(std::size_t limit) {
  return Read([&](Connection& connection) -> Result<std::vector<StoredChunk>> {
    std::vector<StoredChunk> chunks;
    STRATA_CHECK(connection.Run(
        fmt::format("SELECT {} {} JOIN unembedded u ON u.chunk = c.id ORDER BY u.chunk LIMIT $1", kColumns, kFrom),
        {static_cast<std::int64_t>(limit)}, [&](const Row& row) {
          chunks.push_back(ToChunk(row));
          return true;
        }));
    return chunks;
  });
}

Status SqlStore::PutVectors(std::span<const ChunkId> ids, std::span<const float> vectors) {
  const std::size_t dimensions = ids.empty() ? 0 : vectors.size() / ids.size();
  if (dimensions * ids.size() != vectors.size()) {
    return Fail(ErrorCode::kInvalidArgument, "{} floats are no vectors of {} chunks", vectors.size(), ids.size());
  }
  return Write([&](Connection& connection) -> Status {
    ChangeLog log;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::int64_t id = ids[i];
      STRATA_TRY(const std::int64_t waited, connection.Run("DELETE FROM unembedded WHERE chunk = $1", {id}));
      if (waited == 0) continue;
      const auto vector = vectors.subspan(i * dimensions, dimensions);
      STRATA_CHECK(WriteVector(connection, id, vector, options_.full_precision));
      log.Add(Change::Kind::kVectorAdded, ids[i]);
    }
    return log.Write(connection, options_.kept_changes);
  });
}

}  // namespace strata::knowledge::sql
