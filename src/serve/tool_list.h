// The tools that a request offers, whichever protocol describes them.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "serve/request.h"
#include "serve/tools/tool.h"

namespace strata::serve {

class ToolList {
 public:
  /// Errors: kInvalidArgument, param `name_path`: a name that is not 1 to 128 letters, digits or _ - . / :, or that
  /// another tool has; param "tools": too many.
  Status Add(tools::Tool tool, const std::string& name_path);

  /// {"type": "registered", "name": …}: the operator's tool of this name, or all of them without a name. They keep
  /// their place as `path`. Errors: kNotFound: there is none of this name; and those of Add.
  Status AddRegistered(const nlohmann::ordered_json& value, const std::string& path, const tools::ToolSet* registered);

  bool Has(const std::string& name) const { return names_.contains(name); }

  /// The tools into `use`, in their order. Nothing changes where there are none.
  void Finish(ToolUse& use) &&;
  /// As templates expect them: OpenAI's form, with parameters also where a tool has none.
  nlohmann::ordered_json Offered() const;
  const std::vector<tools::Tool>& tools() const { return tools_; }

 private:
  std::vector<tools::Tool> tools_;
  std::unordered_set<std::string> names_;
};

/// One of them. A custom tool is a function of one text.
nlohmann::ordered_json OfferedTool(const tools::Tool& tool);

bool IsRegistered(const nlohmann::ordered_json& tool);
/// OpenAI's {"type": "tool_search"} and Anthropic's {"type": "tool_search_tool_…"}: that deferred tools are to be
/// found. Here they always are (tool_selection.h): the server looks for them, not the model.
bool IsToolSearch(const nlohmann::ordered_json& tool);

/// OpenAI's two APIs differ in how they write that a tool is meant ({"type": "function", …}), and where the members of
/// "allowed_tools" stand.
using ReadNamedTool =
    std::function<Status(const nlohmann::ordered_json& value, const std::string& path, std::string& name)>;
using ReadAllowedTools =
    std::function<Status(const nlohmann::ordered_json& value, const std::string& path, tools::ToolChoice& choice)>;

/// OpenAI's tool_choice.
Status ReadOpenAiToolChoice(const nlohmann::ordered_json& value, const std::string& path, tools::ToolChoice& choice,
                            const ReadNamedTool& named, const ReadAllowedTools& allowed);
/// The members `mode` and `tools` of "allowed_tools", in the object at `path`.
Status ReadAllowedList(const nlohmann::ordered_json& object, const std::string& path, tools::ToolChoice& choice,
                       const ReadNamedTool& named);

/// Makes of `tool` one that takes a text, of OpenAI's custom `format` (null: any text). `grammar_apart`: a grammar's
/// definition and syntax stand in an object of their own. Errors: kInvalidArgument; whether the grammar is good is
/// found out when it is compiled.
Status ReadCustomFormat(const nlohmann::ordered_json& format, const std::string& path, bool grammar_apart,
                        tools::Tool& tool);
/// A custom call's text as the arguments of the function that it is to models.
std::string CustomArguments(const std::string& input);

/// A tool's parameters: the schema of an object.
Status ReadToolParameters(const nlohmann::ordered_json& value, const std::string& path, tools::Tool& tool);

}  // namespace strata::serve
