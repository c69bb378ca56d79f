// What may stand after `|`.
#include "formats/jinja/filters.h"

#include "formats/jinja/args.h"

namespace strata::jinja {

const Filter* FindFilter(std::string_view name) {
  static const FilterTable table = [] {
    FilterTable filters;
    AddSequenceFilters(filters);
    AddTextFilters(filters);
    AddNumberFilters(filters);
    return filters;
  }();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

Value CallFilter(Interpreter& interpreter, std::string_view name, const Filter* filter, const Value& input,
                 CallArgs& args) {
  if (filter == nullptr) Raise(fmt::format("no filter named '{}'", name));
  CheckArguments(name, filter->parameters, args);
  return filter->function(interpreter, input, args);
}

}  // namespace strata::jinja
