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

struct Grammar::State {
  std::mutex mutex;  ///< of what follows
  RegexStore regexes;
  Lexer lexer{regexes};
  Network network{lexer};
  std::vector<std::unique_ptr<NodeSource>> sources;
  std::unique_ptr<Machine> machine;
  std::unique_ptr<Masker> masker;
  std::unique_ptr<Completions> completions;
  std::unordered_map<ConfigId, std::optional<std::size_t>> completion_tokens;
};

Grammar::Grammar(std::shared_ptr<const Vocabulary> vocabulary)
    : vocabulary_(std::move(vocabulary)), state_(std::make_unique<State>()) {}
Grammar::~Grammar() = default;

Result<std::shared_ptr<Grammar>> Grammar::Compile(std::shared_ptr<const Vocabulary> vocabulary, const Format& format) {
  std::shared_ptr<Grammar> grammar(new Grammar(std::move(vocabulary)));
  State& state = *grammar->state_;
  STRATA_TRY(const NodeId root, CompileFormat(state.network, format, *grammar->vocabulary_, state.sources));
  state.machine = std::make_unique<Machine>(state.network, root);
  state.masker = std::make_unique<Masker>(*state.machine, *grammar->vocabulary_);
  state.completions = std::make_unique<Completions>(*state.machine);
  if (state.machine->exhausted()) return Fail(ErrorCode::kUnsupported, "the grammar is too complex");
  if (state.machine->start() == kDeadConfig) {
    return Fail(ErrorCode::kInvalidArgument, "the grammar accepts no text");
  }
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

Matcher::Matcher(std::shared_ptr<Grammar> grammar) : grammar_(std::move(grammar)) {
  history_.push_back(grammar_->state_->machine->start());
}

Status Matcher::CheckBounds() const {
  if (!grammar_->state_->machine->exhausted()) return {};
  return Fail(ErrorCode::kResourceExhausted, "the grammar has too many states for this text");
}

Status Matcher::FillMask(std::span<std::uint32_t> mask) {
  if (ended_) {
    std::ranges::fill(mask, 0);
    return {};
  }
  const std::lock_guard lock(grammar_->state_->mutex);
  grammar_->state_->masker->Fill(history_.back(), mask);
  return CheckBounds();
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
  if (!ended_ && token >= 0 && token < vocabulary.size()) {
    const std::lock_guard lock(grammar_->state_->mutex);
    const bool is_end = vocabulary.is_end(token);
    ConfigId next = kDeadConfig;
    if (is_end && grammar_->state_->machine->Accepts(history_.back())) next = history_.back();
    if (!is_end && !vocabulary.text(token).empty()) next = After(history_.back(), token);
    STRATA_CHECK(CheckBounds());
    if (next != kDeadConfig) {
      history_.push_back(next);
      ended_ = is_end;
      return {};
    }
  }
  return Fail(ErrorCode::kInvalidArgument, "token {} is not allowed here", token);
}

void Matcher::Rollback(std::size_t tokens) {
  if (tokens == 0) return;
  history_.resize(history_.size() - std::min(tokens, accepted()));
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
  std::optional<std::string> text;
  {
    const std::lock_guard lock(grammar_->state_->mutex);
    if (ended_) return std::vector<TokenId>();
    text = grammar_->state_->completions->Find(history_.back());
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
