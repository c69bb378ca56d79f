#include "engine/draft_model.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace strata {
namespace {

/// Deeper proposals than this seldom all come, and a model is seldom so much smaller that they were cheap.
constexpr std::int64_t kMostDepth = 8;
/// While nothing is known of costs or of how often proposals are right.
constexpr std::int64_t kFirstDepth = 2;
constexpr std::int64_t kTryEvery = 64;
constexpr double kKeep = 1 - 1.0 / 256;

/// As many decoding rows more, evenly spread over the sequences of `work`.
StepWork With(StepWork work, std::int64_t rows) {
  const std::int64_t sequences = std::max<std::int64_t>(work.decode_rows, 1);
  const std::int64_t context = work.reads / sequences;
  for (std::int64_t i = 0; i < rows; ++i) work.AddDecode(context, 1);
  return work;
}

}  // namespace

DraftModel::DraftModel(std::unique_ptr<ModelRunner> runner)
    : runner_(std::move(runner)), cache_(runner_->kv()), cost_(StepCostFit::kMemory, runner_->rows_at_once()) {}

void DraftModel::Reader::Release() {
  kv_.Release();
  read_.clear();
}

std::int64_t DraftModel::ChooseDepth(const StepCost& cost, const StepWork& work, std::int64_t most) {
  most = std::min(most, kMostDepth);
  if (!cost.known || verified_ < 16) return std::min(most, kFirstDepth);
  const double chance = right_ / verified_;
  const auto sequences = static_cast<double>(work.decode_rows);
  const double own = cost_.cost().Seconds(work);
  std::int64_t best = 0;
  double best_speed = sequences / cost.Seconds(work);
  double tokens = 1;
  double all_right = 1;
  for (std::int64_t depth = 1; depth <= most; ++depth) {
    tokens += all_right *= chance;
    const double seconds = static_cast<double>(depth) * own + cost.Seconds(With(work, depth * work.decode_rows));
    const double speed = sequences * tokens / seconds;
    if (speed <= best_speed) continue;
    best = depth;
    best_speed = speed;
  }
  if (best > 0 || ++since_tried_ < kTryEvery) return best;
  since_tried_ = 0;
  return std::min<std::int64_t>(most, 1);
}

bool DraftModel::CatchUp(Client& client) {
  Reader& reader = *client.reader;
  const auto length = std::ssize(client.tokens);
  // Proposals that were wrong are written over; the last token is always read, for what follows it.
  const auto same = std::ranges::mismatch(reader.read_, client.tokens).in1 - reader.read_.begin();
  const std::int64_t known = std::min(static_cast<std::int64_t>(same), length - 1);
  const std::int64_t reused = reader.kv_.Reuse(client.tokens, known, length - 1);
  reader.read_.assign(client.tokens.begin(), client.tokens.begin() + std::max(known, reused));
  return length + client.most < runner_->options().max_context && reader.kv_.Reserve(length + client.most).has_value();
}

Result<std::vector<TokenId>> DraftModel::Run(std::span<const Slice> slices) {
  std::vector<SequenceSlice> batch;
  StepWork work;
  for (const auto& [client, count] : slices) {
    Reader& reader = *client->reader;
    const auto start = std::ssize(reader.read_);
    // Behind the sequence's tokens come those that were proposed.
    const auto length = std::ssize(client->tokens);
    const std::span<const TokenId> from = start < length ? client->tokens.subspan(static_cast<std::size_t>(start))
                                                         : std::span<const TokenId>(client->draft.tokens).last(1);
    const std::span<const TokenId> tokens = from.first(static_cast<std::size_t>(count));
    const bool ends = start + count >= length;
    batch.push_back({tokens, start, reader.kv_.table(), ends ? WantLogits::kLast : WantLogits::kNone,
                     RowResult::kArgmax, start < client->prompt ? Phase::kPrefill : Phase::kDecode, client->prompt});
    count > 1 ? work.AddPrefill(start, count, ends ? 1 : 0) : work.AddDecode(start, 1);
  }
  const double begin = MonotonicSeconds();
  STRATA_TRY(const LogitsView logits, runner_->Run(batch));
  cost_.Observe(work, MonotonicSeconds() - begin);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    std::vector<TokenId>& read = slices[i].client->reader->read_;
    read.insert(read.end(), batch[i].tokens.begin(), batch[i].tokens.end());
  }
  return std::vector<TokenId>(logits.argmax.begin(), logits.argmax.end());
}

Status DraftModel::Propose(std::span<Client> clients, std::int64_t depth) {
  std::vector<Slice> reading;
  for (Client& client : clients) {
    if (client.most <= 0 || !CatchUp(client)) continue;
    reading.push_back({&client, std::ssize(client.tokens) - std::ssize(client.reader->read_)});
  }
  // Who has little to read comes first; what does not fit a step is read on the next time.
  std::ranges::sort(reading, {}, &Slice::count);
  if (std::ssize(reading) > runner_->options().max_sequences) {
    reading.resize(static_cast<std::size_t>(runner_->options().max_sequences));
  }
  std::int64_t room = runner_->options().max_step_tokens;
  for (Slice& slice : reading) room -= slice.count = std::min(slice.count, room);
  std::erase_if(reading, [](const Slice& slice) { return slice.count == 0; });
  const auto chance = static_cast<float>(verified_ > 0 ? right_ / verified_ : 0.5);
  for (std::int64_t written = 0; written < depth && !reading.empty(); ++written) {
    STRATA_TRY(const std::vector<TokenId> next, Run(reading));
    std::size_t row = 0;
    std::vector<Slice> writing;
    for (const auto& [client, count] : reading) {
      const auto length = std::ssize(client->tokens);
      if (written == 0)
        client->reader->kv_.Publish(client->tokens, std::min(std::ssize(client->reader->read_), length));
      if (std::ssize(client->reader->read_) < length) continue;
      Draft& draft = client->draft;
      draft.tokens.push_back(next[row++]);
      draft.chances.push_back(draft.chances.empty() ? chance : draft.chances.back() * chance);
      if (std::ssize(draft.tokens) < client->most) writing.push_back({client, 1});
    }
    reading = std::move(writing);
  }
  return {};
}

void DraftModel::Count(std::int64_t right, std::int64_t verified) {
  // Those behind the first wrong one were not tried.
  const auto tried = static_cast<double>(std::min(right + 1, verified));
  right_ = right_ * kKeep + static_cast<double>(right);
  verified_ = verified_ * kKeep + tried;
}

}  // namespace strata
