#include "mcp/server_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/json_pointer.h"
#include "mcp/message.h"
#include "mcp/param_headers.h"
#include "mcp/protocol.h"
#include "mcp/url.h"

namespace strata::mcp {
namespace {

constexpr std::size_t kMaxLabelBytes = 64;
constexpr double kMaxSeconds = 86'400;
constexpr std::size_t kMaxOutputBytes = 16 << 20;

template <class... Args>
std::unexpected<Error> Bad(const std::string& pointer, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(
      Error(ErrorCode::kInvalidArgument, fmt::format("{}: {}", pointer.empty() ? "the file" : pointer,
                                                     fmt::format(format, std::forward<Args>(args)...)))
          .WithParam(pointer));
}

/// The fields of one server, read one after the other; `pointer` is where it stands in the file.
class ServerReader {
 public:
  ServerReader(const Json& json, std::string pointer) : json_(json), pointer_(std::move(pointer)) {}

  Result<ServerConfig> Read(std::string label) {
    if (!json_.is_object()) return Bad(pointer_, "must be an object, not {}", json_.type_name());
    STRATA_CHECK(CheckNames());
    ServerConfig server;
    server.label = std::move(label);
    STRATA_CHECK(ReadTransport(server));
    if (json_.contains("allowedTools")) {
      STRATA_TRY(server.allowed_tools, Strings(json_["allowedTools"], pointer_ + "/allowedTools"));
    }
    STRATA_CHECK(ReadApproval(server.approval));
    STRATA_CHECK(ReadSeconds("timeoutSeconds", server.tool_timeout));
    STRATA_CHECK(ReadSeconds("startupTimeoutSeconds", server.startup_timeout));
    if (const auto bytes = json_.find("maxOutputBytes"); bytes != json_.end()) {
      if (!bytes->is_number_unsigned() || *bytes == 0 || *bytes > kMaxOutputBytes) {
        return Bad(pointer_ + "/maxOutputBytes", "must be a whole number from 1 to {}", kMaxOutputBytes);
      }
      server.max_output_bytes = bytes->get<std::size_t>();
    }
    if (const Status status = CheckServer(server); !status) return Bad(pointer_, "{}", status.error().message());
    return server;
  }

 private:
  Status CheckNames() const {
    constexpr std::array<std::string_view, 12> kNames = {"type",
                                                         "command",
                                                         "args",
                                                         "env",
                                                         "cwd",
                                                         "url",
                                                         "headers",
                                                         "allowedTools",
                                                         "requireApproval",
                                                         "timeoutSeconds",
                                                         "startupTimeoutSeconds",
                                                         "maxOutputBytes"};
    for (const auto& [name, _] : json_.items()) {
      if (!Contains(kNames, name)) return Bad(pointer_ + PointerToken(name), "there is no such field");
    }
    return {};
  }

  Status ReadTransport(ServerConfig& server) const {
    const bool has_command = json_.contains("command"), has_url = json_.contains("url");
    if (has_command == has_url) {
      return Bad(pointer_, "must have {} of \"command\" and \"url\"", has_url ? "only one" : "one");
    }
    std::string type = has_url ? "http" : "stdio";
    if (json_.contains("type")) {
      STRATA_TRY(type, String("type"));
      if (type == "streamable-http" || type == "streamableHttp") type = "http";
      if (has_url ? type != "http" && type != "sse" : type != "stdio") {
        return Bad(pointer_ + "/type", "must be {} here", has_url ? "\"http\" or \"sse\"" : "\"stdio\"");
      }
    }
    for (const char* name : {"args", "env", "cwd"}) {
      if (has_url && json_.contains(name)) return Bad(pointer_ + "/" + name, "belongs to \"command\", not to \"url\"");
    }
    if (!has_url && json_.contains("headers")) return Bad(pointer_ + "/headers", "belongs to \"url\"");
    if (has_url) {
      HttpTransport http{.url = {}, .headers = {}, .sse = type == "sse"};
      STRATA_TRY(http.url, String("url"));
      STRATA_TRY(http.headers, Pairs("headers"));
      server.transport = std::move(http);
      return {};
    }
    StdioTransport stdio;
    STRATA_TRY(stdio.command, String("command"));
    if (json_.contains("args")) {
      STRATA_TRY(stdio.args, Strings(json_["args"], pointer_ + "/args"));
    }
    STRATA_TRY(stdio.env, Pairs("env"));
    if (json_.contains("cwd")) {
      STRATA_TRY(stdio.cwd, String("cwd"));
    }
    server.transport = std::move(stdio);
    return {};
  }

  Status ReadApproval(ApprovalPolicy& policy) const {
    const auto json = json_.find("requireApproval");
    const std::string pointer = pointer_ + "/requireApproval";
    if (json == json_.end()) return {};
    if (*json == "always" || *json == "never") {
      policy.by_default = *json == "always";
      return {};
    }
    if (!json->is_object()) return Bad(pointer, "must be \"always\", \"never\" or an object of lists");
    for (const auto& [name, list] : json->items()) {
      if (name != "always" && name != "never") return Bad(pointer + PointerToken(name), "there is no such field");
      STRATA_TRY(const std::vector<std::string> tools, Strings(list, fmt::format("{}/{}", pointer, name)));
      (name == "always" ? policy.always : policy.never).insert(tools.begin(), tools.end());
    }
    return {};
  }

  Status ReadSeconds(const char* name, std::chrono::milliseconds& value) const {
    const auto json = json_.find(name);
    if (json == json_.end()) return {};
    const double seconds = json->is_number() ? json->get<double>() : 0;
    if (!(seconds >= 0.001 && seconds <= kMaxSeconds)) {
      return Bad(pointer_ + "/" + name, "must be a number of seconds, at most {}", kMaxSeconds);
    }
    value = std::chrono::milliseconds(std::llround(seconds * 1000));
    return {};
  }

  Result<std::string> String(const char* name) const {
    const Json& json = json_[name];
    if (!json.is_string() || json.get_ref<const std::string&>().empty())
      return Bad(pointer_ + "/" + name, "must be a string, and not empty");
    return json.get<std::string>();
  }

  static Result<std::vector<std::string>> Strings(const Json& json, const std::string& pointer) {
    if (!json.is_array()) return Bad(pointer, "must be an array of strings, not {}", json.type_name());
    std::vector<std::string> strings;
    for (std::size_t i = 0; i < json.size(); ++i) {
      if (!json[i].is_string()) return Bad(fmt::format("{}/{}", pointer, i), "must be a string");
      strings.push_back(json[i].get<std::string>());
    }
    return strings;
  }

  Result<std::vector<std::pair<std::string, std::string>>> Pairs(const char* name) const {
    std::vector<std::pair<std::string, std::string>> pairs;
    const auto json = json_.find(name);
    if (json == json_.end()) return pairs;
    const std::string pointer = pointer_ + "/" + name;
    if (!json->is_object()) return Bad(pointer, "must be an object of strings, not {}", json->type_name());
    for (const auto& [key, value] : json->items()) {
      if (!value.is_string()) return Bad(pointer + PointerToken(key), "must be a string, not {}", value.type_name());
      pairs.emplace_back(key, value.get<std::string>());
    }
    return pairs;
  }

  const Json& json_;
  std::string pointer_;
};

Status CheckStdio(const StdioTransport& stdio) {
  const auto has_nul = [](const std::string& text) { return text.contains('\0'); };
  if (stdio.command.empty()) return Fail(ErrorCode::kInvalidArgument, "the command is empty");
  if (has_nul(stdio.command) || has_nul(stdio.cwd) || std::ranges::any_of(stdio.args, has_nul)) {
    return Fail(ErrorCode::kInvalidArgument, "the command has a NUL byte");
  }
  for (const auto& [name, value] : stdio.env) {
    if (name.empty() || name.contains('=') || has_nul(name) || has_nul(value)) {
      return Fail(ErrorCode::kInvalidArgument, "\"{}\" is no name of an environment variable", Excerpt(name));
    }
  }
  return {};
}

Status CheckHttp(const HttpTransport& http) {
  // What the protocol, or HTTP itself, says with them is not the operator's to say.
  constexpr std::array<std::string_view, 9> kOwn = {"host",   "connection",    "content-length",
                                                    "accept", "content-type",  "transfer-encoding",
                                                    "expect", "last-event-id", "accept-encoding"};
  STRATA_TRY(const Url url, ParseUrl(http.url));
  for (const auto& [name, value] : http.headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!IsHeaderName(name)) return Fail(ErrorCode::kInvalidArgument, "\"{}\" is no name of a header", Excerpt(name));
    if (Contains(kOwn, lower) || lower.starts_with("mcp-")) {
      return Fail(ErrorCode::kInvalidArgument, "the header {} is set by the client itself", name);
    }
    if (!IsHeaderValue(value)) {
      return Fail(ErrorCode::kInvalidArgument, "the value of the header {} has characters that none may have", name);
    }
  }
  return {};
}

}  // namespace

bool ApprovalPolicy::Requires(std::string_view tool) const {
  if (always.contains(tool)) return true;
  return by_default && !never.contains(tool);
}

bool ServerConfig::Allows(std::string_view tool) const { return !allowed_tools || Contains(*allowed_tools, tool); }

Status CheckLabel(std::string_view label) {
  const bool letters = std::ranges::all_of(
      label, [](unsigned char c) { return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '-'); });
  if (label.empty() || label.size() > kMaxLabelBytes || !letters) {
    return Fail(ErrorCode::kInvalidArgument, "the label \"{}\" must be 1 to {} letters, digits, \"_\" and \"-\"",
                Excerpt(label), kMaxLabelBytes);
  }
  return {};
}

Status CheckServer(const ServerConfig& server) {
  STRATA_CHECK(CheckLabel(server.label));
  for (const std::string& tool : server.approval.always) {
    if (server.approval.never.contains(tool)) {
      return Fail(ErrorCode::kInvalidArgument, "the tool {} both always and never needs approval", tool);
    }
  }
  if (const auto* http = std::get_if<HttpTransport>(&server.transport)) return CheckHttp(*http);
  return CheckStdio(std::get<StdioTransport>(server.transport));
}

Result<std::vector<ServerConfig>> ParseServersFile(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (json.is_discarded()) return Bad("", "is not valid JSON");
  if (!json.is_object()) return Bad("", "must be an object, not {}", json.type_name());
  for (const auto& [name, _] : json.items()) {
    if (name != "mcpServers") return Bad(PointerToken(name), "there is no such field");
  }
  const auto servers = json.find("mcpServers");
  if (servers == json.end()) return Bad("/mcpServers", "is missing");
  if (!servers->is_object()) return Bad("/mcpServers", "must be an object, not {}", servers->type_name());
  std::vector<ServerConfig> result;
  for (const auto& [label, server] : servers->items()) {
    STRATA_TRY(result.emplace_back(), ServerReader(server, "/mcpServers" + PointerToken(label)).Read(label));
  }
  return result;
}

}  // namespace strata::mcp
