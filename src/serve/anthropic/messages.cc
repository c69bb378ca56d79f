// system and messages: Anthropic's blocks, in the form that chat templates take.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "serve/anthropic/messages_request.h"
#include "serve/field_table.h"

namespace strata::serve::anthropic {
namespace {

Result<std::string> TypeOf(const Json& block, const std::string& path) {
  if (!block.is_object()) return BadField(path, "must be an object, not {}", block.type_name());
  return StringMember(block, path, "type");
}

std::unexpected<Error> Unsupported(const std::string& path, const std::string& type, std::string_view where) {
  return std::unexpected(
      Error(ErrorCode::kUnsupported,
            fmt::format("{}.type: blocks of type \"{}\" are not supported in {}", path, type.substr(0, 100), where))
          .WithParam(path + ".type"));
}

/// {"type": "text", "text": "..."}
Result<std::string> ReadTextBlock(const Json& block, const std::string& path) {
  STRATA_CHECK(CheckMembers(block, path, {"type", "text", "cache_control", "citations"}));
  STRATA_TRY(std::string text, StringMember(block, path, "text"));
  if (text.empty()) return BadField(path + ".text", "must not be empty");
  return text;
}

/// A string, or text blocks: each text is given to `add`.
template <class Add>
Status ReadTexts(const Json& value, const std::string& path, std::string_view where, Add add) {
  if (value.is_string()) {
    add(value.get<std::string>());
    return {};
  }
  if (!value.is_array()) return BadField(path, "must be a string or an array of blocks, not {}", value.type_name());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string block_path = fmt::format("{}[{}]", path, i);
    STRATA_TRY(const std::string type, TypeOf(value[i], block_path));
    if (type != "text") return Unsupported(block_path, type, where);
    STRATA_TRY(std::string text, ReadTextBlock(value[i], block_path));
    add(std::move(text));
  }
  return {};
}

class MessageReader {
 public:
  explicit MessageReader(Conversation& conversation) : conversation_(conversation) {}

  Status Read(const Json& message, const std::string& path) {
    if (!message.is_object()) return BadField(path, "must be an object, not {}", message.type_name());
    STRATA_CHECK(CheckMembers(message, path, {"role", "content"}));
    STRATA_TRY(const std::string role, StringMember(message, path, "role"));
    if (role != "user" && role != "assistant") {
      return BadField(path + ".role", "must be \"user\" or \"assistant\" (system is a field of its own)");
    }
    const auto content = message.find("content");
    if (content == message.end()) return BadField(path + ".content", "is missing");
    const std::string content_path = path + ".content";
    if (role == "user") return ReadUser(*content, content_path);
    return ReadAssistant(*content, content_path);
  }

  Status CheckAnswered(const std::string& path) const {
    if (open_calls_.empty()) return {};
    return BadField(path, "tool_use blocks need their tool_result blocks at the beginning of the next message: {}",
                    fmt::join(open_calls_, ", "));
  }

 private:
  Status ReadUser(const Json& content, const std::string& path) {
    if (content.is_array()) {
      if (content.empty()) return BadField(path, "must not be empty");
      for (std::size_t i = 0; i < content.size(); ++i) {
        STRATA_CHECK(ReadUserBlock(content[i], fmt::format("{}[{}]", path, i)));
      }
      return CheckAnswered(path);
    }
    STRATA_CHECK(CheckAnswered(path));
    return ReadTexts(content, path, "", [&](std::string text) { conversation_.AddText("user", std::move(text)); });
  }

  Status ReadUserBlock(const Json& block, const std::string& path) {
    STRATA_TRY(const std::string type, TypeOf(block, path));
    if (type == "tool_result") return ReadToolResult(block, path);
    if (type != "text") return Unsupported(path, type, "the user's messages");
    STRATA_CHECK(CheckAnswered(path));
    STRATA_TRY(std::string text, ReadTextBlock(block, path));
    conversation_.AddText("user", std::move(text));
    return {};
  }

  Status ReadToolResult(const Json& block, const std::string& path) {
    STRATA_CHECK(CheckMembers(block, path, {"type", "tool_use_id", "content", "is_error", "cache_control"}));
    STRATA_TRY(std::string id, StringMember(block, path, "tool_use_id"));
    if (std::erase(open_calls_, id) == 0) {
      return BadField(path + ".tool_use_id", "the message before has no tool_use block with the id {}",
                      id.substr(0, 100));
    }
    std::string result;
    if (const auto content = block.find("content"); content != block.end() && !content->is_null()) {
      STRATA_CHECK(ReadTexts(*content, path + ".content", "results of tools", [&](const std::string& text) {
        if (!result.empty()) result += '\n';
        result += text;
      }));
    }
    bool failed = false;
    if (const auto flag = block.find("is_error"); flag != block.end() && !flag->is_null()) {
      STRATA_CHECK(ReadBool(*flag, path + ".is_error", failed));
    }
    // Templates have no other place for it.
    if (failed) result.insert(0, "Error: ");
    conversation_.AddToolResult(std::move(id), std::move(result));
    return {};
  }

  Status ReadAssistant(const Json& content, const std::string& path) {
    STRATA_CHECK(CheckAnswered(path));
    if (content.is_string()) {
      conversation_.AddAnswer(content.get_ref<const std::string&>());
      return {};
    }
    if (!content.is_array()) {
      return BadField(path, "must be a string or an array of blocks, not {}", content.type_name());
    }
    for (std::size_t i = 0; i < content.size(); ++i) {
      STRATA_CHECK(ReadAssistantBlock(content[i], fmt::format("{}[{}]", path, i)));
    }
    return {};
  }

  Status ReadAssistantBlock(const Json& block, const std::string& path) {
    STRATA_TRY(const std::string type, TypeOf(block, path));
    if (type == "text") {
      STRATA_TRY(const std::string text, ReadTextBlock(block, path));
      conversation_.AddAnswer(text);
      return {};
    }
    if (type == "thinking") {
      STRATA_CHECK(CheckMembers(block, path, {"type", "thinking", "signature"}));
      STRATA_TRY(const std::string text, StringMember(block, path, "thinking"));
      if (!text.empty()) conversation_.AddReasoning(text);
      return {};
    }
    if (type == "redacted_thinking") return {};  // nobody but Anthropic can read it
    if (type == "tool_use") return ReadToolUse(block, path);
    return Unsupported(path, type, "the assistant's messages");
  }

  Status ReadToolUse(const Json& block, const std::string& path) {
    STRATA_CHECK(CheckMembers(block, path, {"type", "id", "name", "input", "caller", "cache_control"}));
    STRATA_TRY(std::string id, StringMember(block, path, "id"));
    STRATA_TRY(std::string name, StringMember(block, path, "name"));
    if (std::ranges::find(open_calls_, id) != open_calls_.end()) {
      return BadField(path + ".id", "another tool_use block has the id {}", id.substr(0, 100));
    }
    const auto input = block.find("input");
    if (input == block.end() || !input->is_object()) return BadField(path + ".input", "must be an object");
    open_calls_.push_back(id);
    conversation_.AddCall(std::move(id), std::move(name), input->dump());
    return {};
  }

  Conversation& conversation_;
  std::vector<std::string> open_calls_;  ///< of the message before
};

}  // namespace

Status ReadSystem(const Json& value, const std::string& path, Conversation& conversation) {
  return ReadTexts(value, path, "system", [&](std::string text) { conversation.AddText("system", std::move(text)); });
}

Status ReadMessages(const Json& value, const std::string& path, Conversation& conversation) {
  if (!value.is_array()) return BadField(path, "must be an array, not {}", value.type_name());
  if (value.empty()) return BadField(path, "must not be empty");
  MessageReader reader(conversation);
  for (std::size_t i = 0; i < value.size(); ++i) STRATA_CHECK(reader.Read(value[i], fmt::format("{}[{}]", path, i)));
  return reader.CheckAnswered(path);
}

}  // namespace strata::serve::anthropic
