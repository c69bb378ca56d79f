#include "grammar/grammar.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "base/unicode.h"
#include "grammar/completion.h"
#include "grammar/machine.h"
#include "grammar/masker.h"
#include "grammar/structural_tag.h"
#include "grammar/vocabulary.h"

namespace strata::grammar {
namespace {

/// A renewal takes as long as compiling and the text so far: a text that needs one more often is refused.
constexpr std::size_t kTokensOfARenewal = 16;

}  // namespace

struct Grammar::State {
  Format format;
  std::mutex successor_mutex;
  std::shared_ptr<Grammar> successor;  ///< the last that was made
  std::mutex mutex;                    ///< of what follows
  RegexStore regexes;
  Lexer lexer{regexes};
  Network network{lexer};
  std::vector<std::unique_ptr<NodeSource>> sources;
  std::unique_ptr<Machine> machine;
  std::unique_ptr<Masker> masker;
  std::unique_ptr<Completions> completions;
  std::unordered_map<ConfigId, std::optional<std::size_t>> completion_tokens;
};

Grammar::Grammar(std::shared_ptr<const Vocabulary> vocabulary, Format format)
    : vocabulary_(std::move(vocabulary)), state_(std::make_unique<State>(std::move(format))) {}
Grammar::~Grammar() = default;

Result<std::shared_ptr<Grammar>> Grammar::Compile(std::shared_ptr<const Vocabulary> vocabulary, const Format& format) {
  std::shared_ptr<Grammar> grammar(new Grammar(std::move(vocabulary), format));
  State& state = *grammar->state_;
  STRATA_TRY(const NodeId root, CompileFormat(state.network, format, *grammar->vocabulary_, state.sources));
  state.machine = std::make_unique<Machine>(state.network, root);
  state.masker = std::make_unique<Masker>(*state.machine, *grammar->vocabulary_);
  state.completions = std::make_unique<Completions>(*state.machine);
  if (state.machine->exhausted()) return Fail(ErrorCode::kUnsupported, "the grammar is too complex");
  if (state.machine->start() == kDeadConfig) {
    return Fail(ErrorCode::kInvalidArgument, "the grammar accepts no text");
  }
  state.regexes.AllowGrowth();
  return grammar;
}

bool Grammar::worn() const {
  const std::lock_guard lock(state_->mutex);
  return state_->machine->exhausted() || state_->machine->size() > Machine::kMaxConfigs / 2 ||
         state_->regexes.size() > RegexStore::kMaxNodes / 2;
}

std::size_t Grammar::states() const {
  const std::lock_guard lock(state_->mutex);
  return state_->machine->size();
}

bool Grammar::exhausted() const {
  const std::lock_guard lock(state_->mutex);
  return state_->machine->exhausted();
}

Result<std::shared_ptr<Grammar>> Grammar::Successor() {
  const std::lock_guard lock(state_->successor_mutex);
  std::shared_ptr<Grammar>& successor = state_->successor;
  if (!successor || successor->exhausted()) {
    STRATA_TRY(successor, Compile(vocabulary_, state_->format));
  }
  return successor;
}

Matcher::Matcher(std::shared_ptr<Grammar> grammar) : grammar_(std::move(grammar)) {
  history_.push_back(grammar_->state_->machine->start());
}

Status Matcher::Renew() {
  if (!renewed_at_ || accepted() >= *renewed_at_ + kTokensOfARenewal) {
    renewed_at_ = accepted();
    const std::shared_ptr<Grammar> old = grammar_;
    for (int i = 0; i < 2; ++i) {  // others may have left too little of the first
      STRATA_TRY(grammar_, old->Successor());
      if (Replay()) return {};
    }
  }
  return Fail(ErrorCode::kResourceExhausted, "the grammar has too many states for this text");
}

bool Matcher::Replay() {
  const std::lock_guard lock(grammar_->state_->mutex);
  history_ = {grammar_->state_->machine->start()};
  for (const TokenId token : tokens_) {
    const bool is_end = grammar_->vocabulary_->is_end(token);
    history_.push_back(is_end ? history_.back() : After(history_.back(), token));
  }
  return !grammar_->state_->machine->exhausted();
}

Status Matcher::FillMask(std::span<std::uint32_t> mask) {
  if (ended_) {
    std::ranges::fill(mask, 0);
    return {};
  }
  for (;;) {
    {
      const std::lock_guard lock(grammar_->state_->mutex);
      grammar_->state_->masker->Fill(history_.back(), mask);
      if (!grammar_->state_->machine->exhausted()) return {};
    }
    STRATA_CHECK(Renew());
  }
}

ConfigId Matcher::After(ConfigId config, TokenId token) {
  return grammar_->state_->machine->Read(config, grammar_->vocabulary_->text(token));
}

bool Matcher::Allows(TokenId token) {
  if (ended_ || token < 0 || token >= grammar_->vocabulary_->size()) return false;
  const std::lock_guard lock(grammar_->state_->mutex);
  if (grammar_->vocabulary_->is_end(token)) return grammar_->state_->machine->Accepts(history_.back());
  return !grammar_->vocabulary_->text(token).empty() && After(history_.back(), token) != kDeadConfig;
}

Status Matcher::Accept(TokenId token) {
  const Vocabulary& vocabulary = *grammar_->vocabulary_;
  while (!ended_ && token >= 0 && token < vocabulary.size()) {
    {
      const std::lock_guard lock(grammar_->state_->mutex);
      const bool is_end = vocabulary.is_end(token);
      ConfigId next = kDeadConfig;
      if (is_end && grammar_->state_->machine->Accepts(history_.back())) next = history_.back();
      if (!is_end && !vocabulary.text(token).empty()) next = After(history_.back(), token);
      if (next != kDeadConfig) {
        tokens_.push_back(token);
        history_.push_back(next);
        ended_ = is_end;
        return {};
      }
      if (!grammar_->state_->machine->exhausted()) break;
    }
    STRATA_CHECK(Renew());
  }
  return Fail(ErrorCode::kInvalidArgument, "token {} is not allowed here", token);
}

void Matcher::Rollback(std::size_t tokens) {
  if (tokens == 0) return;
  tokens_.resize(accepted() - std::min(tokens, accepted()));
  history_.resize(accepted() + 1);
  ended_ = false;
}

bool Matcher::may_end() const {
  const std::lock_guard lock(grammar_->state_->mutex);
  return grammar_->state_->machine->Accepts(history_.back());
}

bool Matcher::ended() const {
  const std::lock_guard lock(grammar_->state_->mutex);
  const Machine& machine = *grammar_->state_->machine;
  return ended_ || (machine.Accepts(history_.back()) && machine.threads(history_.back()).empty());
}

std::string Matcher::ForcedText(std::size_t limit) {
  const std::lock_guard lock(grammar_->state_->mutex);
  Machine& machine = *grammar_->state_->machine;
  std::string text;
  for (ConfigId at = history_.back(); text.size() < limit && !ended_ && !machine.Accepts(at);) {
    ConfigId only = kDeadConfig;
    int forced = -1;
    const ByteSet& may = machine.MayFollow(at);
    for (int byte = 0; byte < 256; ++byte) {
      if (!may.Contains(static_cast<std::uint8_t>(byte))) continue;
      const ConfigId next = machine.Step(at, static_cast<std::uint8_t>(byte));
      if (next == kDeadConfig) continue;
      forced = forced < 0 ? byte : 256;
      only = next;
      if (forced == 256) break;
    }
    if (forced < 0 || forced >= 256) break;
    text.push_back(static_cast<char>(forced));
    at = only;
  }
  // A special token is no text.
  if (const auto special = text.find('\xFF'); special != std::string::npos) text.resize(special);
  text.resize(CompleteUtf8Prefix(text));
  return text;
}

std::optional<std::vector<TokenId>> Matcher::Completion() {
  if (ended_) return std::vector<TokenId>();
  std::optional<std::string> text;
  for (bool exhausted = true; exhausted;) {
    {
      const std::lock_guard lock(grammar_->state_->mutex);
      text = grammar_->state_->completions->Find(history_.back());
      exhausted = !text && grammar_->state_->machine->exhausted();
    }
    if (exhausted && !Renew()) break;
  }
  if (!text) return std::nullopt;
  return vocabulary().Spell(*text);
}

std::optional<std::size_t> Matcher::CompletionTokens() {
  if (ended_) return 0;
  {
    const std::lock_guard lock(grammar_->state_->mutex);
    const auto& known = grammar_->state_->completion_tokens;
    if (const auto found = known.find(history_.back()); found != known.end()) return found->second;
  }
  const std::optional<std::vector<TokenId>> completion = Completion();
  const auto tokens = completion ? std::optional(completion->size()) : std::nullopt;
  const std::lock_guard lock(grammar_->state_->mutex);
  grammar_->state_->completion_tokens.emplace(history_.back(), tokens);
  return tokens;
}

}  // namespace strata::grammar
