// The tables of filters, by what they take. jinja2 also has lipsum-like ones that no prompt needs: pprint, random,
// striptags, urlize, wordwrap and xmlattr are not here.
#pragma once

#include <map>
#include <string>

#include "formats/jinja/interpreter.h"

namespace strata::jinja {

using FilterTable = std::map<std::string, Filter, std::less<>>;
void AddSequenceFilters(FilterTable& filters);
void AddTextFilters(FilterTable& filters);
void AddNumberFilters(FilterTable& filters);

/// "a.b.0" along attributes and items; what is undefined on the way becomes `fallback`, if given.
Value Along(Interpreter& it, Value value, const Value& path, const Value* fallback = nullptr);

}  // namespace strata::jinja
