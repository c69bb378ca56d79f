#include <algorithm>

#include <nlohmann/json.hpp>

#include "serve/request.h"

namespace strata::serve {
namespace {

constexpr std::size_t kMaxDepth = 100;     // tool schemas in the wild stay below 30
constexpr std::size_t kMaxMembers = 4096;  // of one object; OpenAI allows 300 entries of logit_bias

std::string Position(std::string_view body, std::size_t offset) {
  offset = std::min(offset, body.size());
  const std::string_view before = body.substr(0, offset);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t start = before.rfind('\n');
  const std::size_t column = offset - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return fmt::format("line {} column {}", line, column);
}

/// One pass over the text that needs no memory of its own but a stack of bounded depth.
Status CheckBounds(std::string_view body) {
  struct Level {
    bool object;
    std::size_t commas = 0;
  };
  std::vector<Level> levels;
  bool in_string = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') {
      if (levels.size() == kMaxDepth) {
        return Fail(ErrorCode::kInvalidArgument, "the JSON body is nested deeper than {} levels at {}", kMaxDepth,
                    Position(body, i));
      }
      levels.push_back({.object = c == '{'});
    }
    if ((c == '}' || c == ']') && !levels.empty()) levels.pop_back();
    if (c == ',' && !levels.empty() && levels.back().object && ++levels.back().commas >= kMaxMembers) {
      return Fail(ErrorCode::kInvalidArgument, "an object of the JSON body has more than {} members at {}", kMaxMembers,
                  Position(body, i));
    }
  }
  return {};
}

}  // namespace

Result<nlohmann::ordered_json> ParseJsonObject(std::string_view body) {
  STRATA_CHECK(CheckBounds(body));
  nlohmann::ordered_json json;
  try {
    json = nlohmann::ordered_json::parse(body);
  } catch (const nlohmann::json::parse_error& error) {
    std::string_view what = error.what();
    if (const auto colon = what.find(": "); colon != std::string_view::npos) what.remove_prefix(colon + 2);
    return Fail(ErrorCode::kInvalidArgument, "the body is not valid JSON at {}: {}",
                Position(body, error.byte > 0 ? error.byte - 1 : 0), what);
  } catch (const nlohmann::json::exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "the body is not valid JSON: {}", error.what());
  }
  if (!json.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object, not {}", json.type_name());
  }
  return json;
}

}  // namespace strata::serve
