#include "formats/jinja/args.h"

#include <algorithm>
#include <vector>

namespace strata::jinja {

void CheckArguments(std::string_view function, std::string_view parameters, const CallArgs& args) {
  std::vector<std::string_view> names;
  for (std::string_view rest = parameters; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    names.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!names.empty() && names.back() == "*") return;
  if (args.positional.size() > names.size()) {
    Raise(fmt::format("{}() takes at most {} argument(s), {} given", function, names.size(), args.positional.size()));
  }
  for (const auto& [name, value] : args.named) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) Raise(fmt::format("{}() got an unexpected keyword argument '{}'", function, name));
    if (static_cast<std::size_t>(found - names.begin()) < args.positional.size()) {
      Raise(fmt::format("{}() got multiple values for argument '{}'", function, name));
    }
  }
}

bool Flag(const CallArgs& args, std::size_t index, std::string_view name, bool fallback) {
  const Value* value = args.Get(index, name);
  return value == nullptr ? fallback : Truth(*value);
}

std::int64_t Integer(const CallArgs& args, std::size_t index, std::string_view name, std::int64_t fallback) {
  const Value* value = args.Get(index, name);
  return value == nullptr || value->Is(Kind::kNone) ? fallback : RequireInt(*value, name);
}

std::string Text(const CallArgs& args, std::size_t index, std::string_view name, std::string fallback) {
  const Value* value = args.Get(index, name);
  return value == nullptr || value->Is(Kind::kNone) ? std::move(fallback) : Str(*value);
}

const Value& Needed(const CallArgs& args, std::size_t index, std::string_view name) {
  const Value* value = args.Get(index, name);
  if (value == nullptr) Raise(fmt::format("missing argument '{}'", name));
  return *value;
}

}  // namespace strata::jinja
