#include "knowledge/search/rewrite.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/unicode.h"

namespace strata::knowledge {
namespace {

constexpr std::int64_t kQueryTokens = 96;
constexpr std::int64_t kPassageTokens = 160;
// Of a conversation: what was said long ago seldom says what "it" is.
constexpr std::size_t kTurns = 6;
constexpr std::size_t kBytesOfTurn = 2000;

std::string_view Trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// Without a list's mark and without quotation marks around it.
std::string_view Unlisted(std::string_view line) {
  line = Trimmed(line);
  const auto digits = line.find_first_not_of("0123456789");
  if (digits != std::string_view::npos && digits > 0 && (line[digits] == '.' || line[digits] == ')')) {
    line.remove_prefix(digits + 1);
  } else if (line.starts_with("- ") || line.starts_with("* ")) {
    line.remove_prefix(2);
  }
  line = Trimmed(line);
  if (line.size() > 1 && line.front() == '"' && line.back() == '"') line = line.substr(1, line.size() - 2);
  return line;
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const std::string_view line = Unlisted(text.substr(0, end)); !line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<std::string> Ask(Writer& writer, const char* task, std::string content, std::int64_t tokens) {
  const std::vector<Writer::Message> messages = {{"system", task}, {"user", std::move(content)}};
  return writer.Write(messages, {.max_tokens = tokens});
}

}  // namespace

Result<std::string> StandaloneQuery(Writer& writer, std::span<const Writer::Message> conversation,
                                    const std::string& query) {
  std::string content = "Conversation:\n";
  for (const Writer::Message& turn : conversation.last(std::min(conversation.size(), kTurns))) {
    if (turn.role != "user" && turn.role != "assistant") continue;
    const std::string_view said = std::string_view(turn.content).substr(0, kBytesOfTurn);
    content += fmt::format("{}: {}\n", turn.role, said.substr(0, CompleteUtf8Prefix(said)));
  }
  content += fmt::format("\nLast question: {}", query);
  STRATA_TRY(const std::string written,
             Ask(writer,
                 "Rewrite the last question so that it can be understood without the conversation: put names in the "
                 "place of words like \"it\" and \"they\". Keep its language. Write the question only, in one line.",
                 std::move(content), kQueryTokens),
             "while rewriting the query");
  const std::vector<std::string> lines = Lines(written);
  return lines.empty() ? query : lines.front();
}

Result<std::vector<std::string>> OtherWordings(Writer& writer, const std::string& query, int count) {
  STRATA_TRY(const std::string written,
             Ask(writer,
                 "Write the question in other words, as somebody might who looks for the same and uses other terms. "
                 "Keep its language. One wording a line, nothing else.",
                 fmt::format("Question: {}\nWordings: {}", query, count), kQueryTokens * count),
             "while looking for other wordings");
  std::vector<std::string> wordings;
  for (std::string& line : Lines(written)) {
    if (line != query && std::ranges::find(wordings, line) == wordings.end()) wordings.push_back(std::move(line));
    if (wordings.size() == static_cast<std::size_t>(count)) break;
  }
  return wordings;
}

Result<std::string> HypotheticalPassage(Writer& writer, const std::string& query) {
  STRATA_TRY(const std::string written,
             Ask(writer, "Write a short passage, as it could stand in a document, that answers the question.", query,
                 kPassageTokens),
             "while writing a hypothetical passage");
  return std::string(Trimmed(written));
}

}  // namespace strata::knowledge
