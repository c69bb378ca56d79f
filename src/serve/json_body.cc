#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

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

/// The text of a JSON string between its quotes, escapes resolved: "a" and "\u0061" are the same key.
std::string Unescaped(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return std::string(raw);
  const auto parsed = nlohmann::json::parse(fmt::format("\"{}\"", raw), nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string(raw);
}

/// Depth, members of an object, and keys that come twice, in one pass over the text before anything is built from it.
/// Text that is no JSON at all passes: the parser says what is wrong with it.
class BoundsChecker {
 public:
  explicit BoundsChecker(std::string_view body) : body_(body) {}

  Status Check() {
    for (position_ = 0; position_ < body_.size(); ++position_) {
      const char c = body_[position_];
      if (c == '"') {
        STRATA_CHECK(String());
      } else if (c == '{' || c == '[') {
        if (levels_.size() == kMaxDepth) {
          return Fail(ErrorCode::kInvalidArgument, "the JSON body is nested deeper than {} levels at {}", kMaxDepth,
                      Position(body_, position_));
        }
        levels_.push_back({.object = c == '{', .expects_key = c == '{', .keys = {}});
      } else if (c == '}' || c == ']') {
        if (!levels_.empty()) levels_.pop_back();
      } else if (c == ',' && !levels_.empty()) {
        levels_.back().expects_key = levels_.back().object;
      }
    }
    return {};
  }

 private:
  struct Level {
    bool object;
    bool expects_key;
    std::unordered_set<std::string> keys;
  };

  /// From the opening quote to the closing one.
  Status String() {
    const std::size_t begin = position_ + 1;
    std::size_t end = begin;
    while (end < body_.size() && body_[end] != '"') end += body_[end] == '\\' ? 2 : 1;
    end = std::min(end, body_.size());
    const std::size_t start = std::exchange(position_, end);
    if (levels_.empty() || !levels_.back().expects_key) return {};
    Level& level = levels_.back();
    level.expects_key = false;
    std::string key = Unescaped(body_.substr(begin, end - begin));
    if (level.keys.size() == kMaxMembers) {
      return Fail(ErrorCode::kInvalidArgument, "an object of the JSON body has more than {} members at {}", kMaxMembers,
                  Position(body_, start));
    }
    if (level.keys.contains(key)) {
      return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                   fmt::format("the JSON body has the key \"{}\" a second time in one object at {}",
                                               key.substr(0, 100), Position(body_, start)))
                                 .WithParam(key.substr(0, 100)));
    }
    level.keys.insert(std::move(key));
    return {};
  }

  std::string_view body_;
  std::size_t position_ = 0;
  std::vector<Level> levels_;
};

/// Where and why the parser gives up.
struct ParseFailure : nlohmann::json_sax<nlohmann::ordered_json> {
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*elements*/) override { return true; }
  bool key(string_t& /*value*/) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t /*elements*/) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& error) override {
    offset = position;
    what = error.what();
    return false;
  }
  std::size_t offset = 0;
  std::string what;
};

}  // namespace

Result<nlohmann::ordered_json> ParseJsonObject(std::string_view body) {
  STRATA_CHECK(BoundsChecker(body).Check());
  auto json = nlohmann::ordered_json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    ParseFailure failure;
    nlohmann::ordered_json::sax_parse(body, &failure);
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...": the last part is for
    // people.
    std::string_view what = failure.what;
    if (const auto colon = what.find(": "); colon != std::string_view::npos) what.remove_prefix(colon + 2);
    if (const auto bracket = what.find("] "); what.starts_with('[') && bracket != std::string_view::npos) {
      what.remove_prefix(bracket + 2);
    }
    return Fail(ErrorCode::kInvalidArgument, "the body is not valid JSON at {}: {}",
                Position(body, failure.offset > 0 ? failure.offset - 1 : 0), what);
  }
  if (!json.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object, not {}", json.type_name());
  }
  return json;
}

}  // namespace strata::serve
