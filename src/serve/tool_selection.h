// Which tools a prompt carries when there are too many for it. The others can be called all the same: constraint and
// parser know every tool of the request.
//
// The choice is by words (word_index.h), of the request alone and always the same for the same request. Tools keep
// their order, so that prompts that carry the same ones share their beginning.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

#include "formats/tokenizer.h"
#include "serve/word_index.h"

namespace strata::serve {

/// An index of tools (OpenAI's array): their names, descriptions, parameters and listed values.
WordIndex IndexTools(const nlohmann::ordered_json& tools);

/// What a conversation asks of tools: the user's last turns, the last one most.
std::vector<WordIndex::Part> QuestionOf(const nlohmann::ordered_json& messages);

/// Numbers of all tools, the most promising first; of equal ones, the first comes first. `scores`: of WordIndex.
std::vector<std::size_t> RankTools(const std::vector<double>& scores);

/// What counts besides words.
struct SelectionRules {
  std::int64_t max_tokens = 0;                    ///< of the carried tools' JSON
  std::unordered_set<std::string> always = {};    ///< by name: carried whatever they cost
  std::unordered_set<std::string> deferred = {};  ///< by name: carried only when the conversation speaks of them
};

/// Counts the tokens of tools' JSON, and remembers them: clients send the same tools with every request. Thread-safe.
class ToolTokens {
 public:
  /// `tokenizer` must outlive it.
  explicit ToolTokens(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::int64_t Of(const nlohmann::ordered_json& tool);

 private:
  static constexpr std::size_t kMaxRemembered = 1 << 16;

  const Tokenizer& tokenizer_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::int64_t> counts_;  ///< by hash of the JSON
};

struct ToolSelection {
  std::vector<std::size_t> carried;   ///< numbers, in the request's order
  std::vector<std::size_t> left_out;  ///< the most promising first
  std::int64_t tokens = 0;            ///< of what is carried
};

/// Chooses among `tools` (OpenAI's array) for the conversation `messages`. Tools that it has called stay. All are
/// carried where they fit and none is deferred.
ToolSelection SelectTools(const SelectionRules& rules, const nlohmann::ordered_json& tools,
                          const nlohmann::ordered_json& messages, ToolTokens& tokens);

std::string ToolNameOf(const nlohmann::ordered_json& tool);

/// A line with the names of tools that are left out, the most promising first, as many as the bound leaves room for.
/// Empty where it leaves none.
std::string TellOthers(const SelectionRules& rules, const ToolSelection& selection, const nlohmann::ordered_json& tools,
                       const Tokenizer& tokenizer);

}  // namespace strata::serve
