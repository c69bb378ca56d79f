#include "grammar/grammar.h"

#include <algorithm>

#include "base/unicode.h"

namespace strata::grammar {

Grammar::Grammar(std::shared_ptr<const Vocabulary> vocabulary)
    : vocabulary_(std::move(vocabulary)), lexer_(regexes_), network_(lexer_) {}

Result<std::shared_ptr<Grammar>> Grammar::Compile(std::shared_ptr<const Vocabulary> vocabulary, const Format& format) {
  std::shared_ptr<Grammar> grammar(new Grammar(std::move(vocabulary)));
  STRATA_TRY(const NodeId root, CompileFormat(grammar->network_, format, *grammar->vocabulary_, grammar->sources_));
  grammar->machine_ = std::make_unique<Machine>(grammar->network_, root);
  grammar->masker_ = std::make_unique<Masker>(*grammar->machine_, *grammar->vocabulary_);
  if (grammar->machine_->exhausted()) return Fail(ErrorCode::kUnsupported, "the grammar is too complex");
  if (grammar->machine_->start() == kDeadConfig) {
    return Fail(ErrorCode::kInvalidArgument, "the grammar accepts no text");
  }
  return grammar;
}

std::size_t Grammar::size() const {
  const std::lock_guard lock(mutex_);
  return machine_->size();
}

Matcher::Matcher(std::shared_ptr<Grammar> grammar) : grammar_(std::move(grammar)) {
  history_.push_back(grammar_->machine_->start());
}

Status Matcher::CheckBounds() const {
  if (!grammar_->machine_->exhausted()) return {};
  return Fail(ErrorCode::kResourceExhausted, "the grammar has too many states for this text");
}

Status Matcher::FillMask(MaskWords mask) {
  if (ended_) {
    std::ranges::fill(mask, 0);
    return {};
  }
  const std::lock_guard lock(grammar_->mutex_);
  grammar_->masker_->Fill(history_.back(), mask);
  return CheckBounds();
}

ConfigId Matcher::After(ConfigId config, TokenId token) {
  for (const char byte : grammar_->vocabulary_->text(token)) {
    config = grammar_->machine_->Step(config, static_cast<std::uint8_t>(byte));
  }
  return config;
}

bool Matcher::Allows(TokenId token) {
  if (ended_ || token < 0 || token >= grammar_->vocabulary_->size()) return false;
  const std::lock_guard lock(grammar_->mutex_);
  if (grammar_->vocabulary_->is_end(token)) return grammar_->machine_->Accepts(history_.back());
  return !grammar_->vocabulary_->text(token).empty() && After(history_.back(), token) != kDeadConfig;
}

Status Matcher::Accept(TokenId token) {
  const Vocabulary& vocabulary = *grammar_->vocabulary_;
  if (!ended_ && token >= 0 && token < vocabulary.size()) {
    const std::lock_guard lock(grammar_->mutex_);
    const bool is_end = vocabulary.is_end(token);
    ConfigId next = kDeadConfig;
    if (is_end && grammar_->machine_->Accepts(history_.back())) next = history_.back();
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

bool Matcher::may_end() {
  const std::lock_guard lock(grammar_->mutex_);
  return grammar_->machine_->Accepts(history_.back());
}

std::string Matcher::ForcedText(std::size_t limit) {
  const std::lock_guard lock(grammar_->mutex_);
  Machine& machine = *grammar_->machine_;
  std::string text;
  for (ConfigId at = history_.back(); text.size() < limit && !ended_ && !machine.Accepts(at);) {
    ConfigId only = kDeadConfig;
    int forced = -1;
    for (int byte = 0; byte < 256; ++byte) {
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

}  // namespace strata::grammar
