#include "serve/tool_selection.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/hash.h"
#include "serve/tools/tool.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;
using Part = WordIndex::Part;

// A name says in two words what a description says in twenty. Recall on BFCL is flat around
// these weights; without parameters it falls by 3 points (docs/function-calls.md).
constexpr double kNameWeight = 3, kDescriptionWeight = 1, kParameterWeight = 1, kParameterTextWeight = 0.5;
constexpr int kMaxDepth = 16;          // of parameters within parameters
constexpr int kTurns = 4;              // of the user, each worth half of the next one
constexpr std::size_t kDeferred = 16;  // that are carried at once, at most: recall@16 on BFCL is 0.98

std::string TextOf(const Json& object, const char* name) {
  const auto text = object.find(name);
  return text != object.end() && text->is_string() ? text->get<std::string>() : "";
}

const Json& FunctionOf(const Json& tool) { return tool.contains("function") ? tool["function"] : tool; }

/// Names, descriptions and listed values of parameters, however deep.
void AddSchema(const Json& schema, int depth, std::vector<Part>& parts) {
  if (!schema.is_object() || depth > kMaxDepth) return;
  if (depth > 0) parts.push_back({TextOf(schema, "description"), kParameterTextWeight});
  if (const auto values = schema.find("enum"); values != schema.end() && values->is_array()) {
    for (const Json& value : *values) {
      if (value.is_string()) parts.push_back({value.get<std::string>(), kParameterTextWeight});
    }
  }
  if (const auto properties = schema.find("properties"); properties != schema.end() && properties->is_object()) {
    for (const auto& [name, property] : properties->items()) {
      parts.push_back({name, kParameterWeight});
      AddSchema(property, depth + 1, parts);
    }
  }
  if (const auto items = schema.find("items"); items != schema.end()) AddSchema(*items, depth + 1, parts);
}

std::string ContentOf(const Json& message) {
  const auto content = message.find("content");
  if (content == message.end() || content->is_string()) return TextOf(message, "content");
  std::string text;
  if (!content->is_array()) return text;
  for (const Json& part : *content) text += TextOf(part, "text") + "\n";
  return text;
}

/// Names of the tools that the conversation has called.
std::unordered_set<std::string> CalledIn(const Json& messages) {
  std::unordered_set<std::string> called;
  for (const Json& message : messages) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !calls->is_array()) continue;
    for (const Json& call : *calls) called.insert(ToolNameOf(call));
  }
  return called;
}

}  // namespace

std::string ToolNameOf(const Json& tool) { return TextOf(FunctionOf(tool), "name"); }

std::string TellOthers(const SelectionRules& rules, const ToolSelection& selection, const Json& tools,
                       const Tokenizer& tokenizer) {
  std::string line = "More functions can be called by name: ";
  const auto tokens = [&](std::string_view text) {
    return static_cast<std::int64_t>(
        tokenizer.Encode(text, {.add_special_tokens = false, .parse_special = false}).size());
  };
  std::int64_t room = rules.max_tokens - selection.tokens - tokens(line);
  bool any = false;
  for (const std::size_t tool : selection.left_out) {
    const std::string name = (any ? ", " : "") + ToolNameOf(tools[tool]);
    room -= tokens(name);
    if (room < 0) break;
    line += name;
    any = true;
  }
  return any ? line + "." : "";
}

WordIndex IndexTools(const Json& tools) {
  WordIndex index;
  for (const Json& tool : tools) {
    const Json& function = FunctionOf(tool);
    std::vector<Part> parts = {{TextOf(function, "name"), kNameWeight},
                               {TextOf(function, "description"), kDescriptionWeight}};
    if (const auto schema = function.find("parameters"); schema != function.end()) AddSchema(*schema, 0, parts);
    index.Add(parts);
  }
  index.Finish();
  return index;
}

std::vector<Part> QuestionOf(const Json& messages) {
  std::vector<Part> question;
  double weight = 1;
  for (std::size_t i = messages.size(); i-- > 0 && question.size() < kTurns;) {
    if (messages[i].value("role", "") != "user") continue;
    question.push_back({ContentOf(messages[i]), weight});
    weight /= 2;
  }
  return question;
}

std::vector<std::size_t> RankTools(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

std::int64_t ToolTokens::Of(const Json& tool) {
  const std::string text = tools::SpacedJson(tool);
  const std::uint64_t key = Hash64(text);
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = counts_.find(key); known != counts_.end()) return known->second;
  }
  const auto count =
      static_cast<std::int64_t>(tokenizer_.Encode(text, {.add_special_tokens = false, .parse_special = false}).size());
  const std::lock_guard lock(mutex_);
  if (counts_.size() == kMaxRemembered) counts_.clear();
  counts_[key] = count;
  return count;
}

ToolSelection SelectTools(const SelectionRules& rules, const Json& tools, const Json& messages, ToolTokens& tokens) {
  std::vector<std::int64_t> costs;
  for (const Json& tool : tools) costs.push_back(tokens.Of(tool));
  ToolSelection selection;
  selection.tokens = std::accumulate(costs.begin(), costs.end(), std::int64_t{0});
  if (selection.tokens <= rules.max_tokens && rules.deferred.empty()) {
    selection.carried.resize(tools.size());
    std::iota(selection.carried.begin(), selection.carried.end(), std::size_t{0});
    return selection;
  }
  const std::vector<double> scores = IndexTools(tools).Score(QuestionOf(messages));
  const std::vector<std::size_t> order = RankTools(scores);
  const std::unordered_set<std::string> called = CalledIn(messages);
  std::vector<bool> carried(tools.size());
  std::int64_t spent = 0;
  const auto carry = [&](std::size_t tool) {
    carried[tool] = true;
    spent += costs[tool];
  };
  std::vector<std::size_t> first, later;  // that need not be carried, by rank
  for (const std::size_t tool : order) {
    const std::string name = ToolNameOf(tools[tool]);
    if (rules.always.contains(name) || called.contains(name)) {
      carry(tool);
    } else if (!rules.deferred.contains(name)) {
      first.push_back(tool);
    } else if (scores[tool] > 0 && later.size() < kDeferred) {
      later.push_back(tool);
    }
  }
  // What nobody spoke of fills the room only where everything that somebody did speak of has found its place.
  bool missed = false;
  for (const std::vector<std::size_t>* some : {&first, &later}) {
    for (const std::size_t tool : *some) {
      const bool fits = spent + costs[tool] <= rules.max_tokens;
      if (fits && (scores[tool] > 0 || !missed)) carry(tool);
      if (!fits && scores[tool] > 0) missed = true;
    }
  }
  for (std::size_t tool = 0; tool < carried.size(); ++tool) {
    if (carried[tool]) selection.carried.push_back(tool);
  }
  for (const std::size_t tool : order) {
    if (!carried[tool]) selection.left_out.push_back(tool);
  }
  selection.tokens = spent;
  return selection;
}

}  // namespace strata::serve
