// For tests: a text through a dialect's parser, whole or in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/tools/dialect.h"

namespace strata::serve::tools {

using Tools = std::shared_ptr<const ToolSet>;

/// Tools by name and parameters (a JSON Schema as text).
inline Tools MakeTools(const std::vector<std::pair<std::string, std::string>>& list) {
  std::vector<Tool> tools;
  tools.reserve(list.size());
  for (const auto& [name, parameters] : list) {
    tools.push_back({.name = name, .parameters = nlohmann::ordered_json::parse(parameters)});
  }
  return std::make_shared<const ToolSet>(std::move(tools));
}

inline OutputDelta ParseAll(const Dialect& dialect, const Tools& tools, std::string_view text,
                            const ParserOptions& options = {}) {
  OutputDelta out;
  const auto parser = dialect.MakeParser(tools, options);
  parser->Push(text, out);
  parser->Finish(out);
  return out;
}

/// `next_size(left)` says how long each piece is.
template <class NextSize>
OutputDelta ParsePieces(const Dialect& dialect, const Tools& tools, std::string_view text, const ParserOptions& options,
                        NextSize next_size) {
  OutputDelta sum;
  const auto parser = dialect.MakeParser(tools, options);
  while (!text.empty()) {
    const std::size_t size = next_size(text.size());
    OutputDelta delta;
    parser->Push(text.substr(0, size), delta);
    sum.Append(std::move(delta));
    text.remove_prefix(size);
  }
  OutputDelta last;
  parser->Finish(last);
  sum.Append(std::move(last));
  return sum;
}

}  // namespace strata::serve::tools
