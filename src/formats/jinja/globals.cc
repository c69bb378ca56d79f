// The functions that a template may call by name. jinja2's lipsum is not among them.
#include <ctime>

#include "formats/jinja/args.h"
#include "formats/jinja/interpreter.h"

namespace strata::jinja {
namespace {

Value Range(Interpreter& interpreter, CallArgs& args) {
  const auto& given = args.positional;
  if (given.empty() || given.size() > 3 || !args.named.empty()) Raise("range expected 1 to 3 arguments");
  const std::int64_t start = given.size() > 1 ? RequireInt(given[0], "range") : 0;
  const std::int64_t stop = RequireInt(given[given.size() > 1 ? 1 : 0], "range");
  const std::int64_t step = given.size() > 2 ? RequireInt(given[2], "range") : 1;
  if (step == 0) Raise("range() arg 3 must not be zero");
  return MakeRange(interpreter, start, stop, step);
}

/// dict(): the pairs of a mapping, or of an iterable of pairs, then the keywords.
DictObject Pairs(CallArgs& args) {
  if (args.positional.size() > 1) Raise("expected at most one positional argument");
  DictObject dict;
  for (const Value& value : args.positional) {
    RequireDefined(value);
    if (value.Is(Kind::kDict)) {
      for (const auto& [key, item] : value.dict().items) dict.Set(key, item);
      continue;
    }
    for (const Value& pair : Iterate(value)) {
      const std::vector<Value> both = Iterate(pair);
      if (both.size() != 2) Raise("a sequence of pairs is needed");
      dict.Set(both[0], both[1]);
    }
  }
  for (const auto& [name, value] : args.named) dict.Set(Value::String(name), value);
  return dict;
}

Value Namespace(Interpreter&, CallArgs& args) {
  auto object = std::make_shared<NamespaceObject>();
  object->attributes = Pairs(args);
  for (const auto& [key, value] : object->attributes.items) {
    if (value.Is(Kind::kNamespace)) Raise("a namespace cannot hold a namespace");
  }
  return Value(Kind::kNamespace, std::move(object));
}

Value Dict(Interpreter&, CallArgs& args) { return MakeDict(Pairs(args).items); }

/// jinja2.utils.Cycler: items in turn, one a call of next().
Value Cycler(Interpreter&, CallArgs& args) {
  if (args.positional.empty()) Raise("at least one item has to be provided");
  struct State {
    std::vector<Value> items;
    std::size_t at = 0;
  };
  auto state = std::make_shared<State>(State{args.positional});
  auto cycler = std::make_shared<CallableObject>();
  cycler->name = "Cycler";
  cycler->call = [](Interpreter&, CallArgs&) -> Value { Raise("'Cycler' object is not callable"); };
  cycler->attribute = [state](std::string_view name) -> Value {
    if (name == "current") return state->items[state->at];
    if (name == "next") {
      return MakeCallable("next", [state](Interpreter&, CallArgs&) {
        const Value item = state->items[state->at];
        state->at = (state->at + 1) % state->items.size();
        return item;
      });
    }
    if (name == "reset") {
      return MakeCallable("reset", [state](Interpreter&, CallArgs&) {
        state->at = 0;
        return Value::None();
      });
    }
    return {};
  };
  return Value(Kind::kCallable, std::move(cycler));
}

/// jinja2.utils.Joiner: nothing on the first call, the separator on every other.
Value Joiner(Interpreter&, CallArgs& args) {
  CheckArguments("joiner", "sep", args);
  return MakeCallable(
      "Joiner", [separator = Text(args, 0, "sep", ", "), used = std::make_shared<bool>()](Interpreter& it, CallArgs&) {
        return std::exchange(*used, true) ? it.MakeString(separator) : Value::String("");
      });
}

Value RaiseException(Interpreter&, CallArgs& args) {
  CheckArguments("raise_exception", "message", args);
  throw TemplateError{ErrorCode::kInvalidArgument, Str(Needed(args, 0, "message")), 0, true};
}

/// datetime.now().strftime(): Python's naive time has no zone, and %f is its own.
std::string StrfTime(std::string_view format, std::int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::string native;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      native += format[i];
      continue;
    }
    const char code = format[++i];
    if (code == 'f') {
      native += "000000";
    } else if (code != 'z' && code != 'Z') {
      native += {'%', code};
    }
  }
  if (native.empty()) return "";
  std::string out(native.size() * 16 + 64, '\0');
  out.resize(std::strftime(out.data(), out.size(), native.c_str(), &parts));
  return out;
}

Value StrftimeNow(Interpreter& interpreter, CallArgs& args) {
  CheckArguments("strftime_now", "format", args);
  const Value& format = Needed(args, 0, "format");
  if (!format.IsString()) Raise(fmt::format("strftime_now() needs a string, not {}", TypeName(format)));
  interpreter.CheckSize(format.text().size() * 16);
  return interpreter.MakeString(StrfTime(format.text(), interpreter.now()));
}

}  // namespace

Value MakeRange(Interpreter& interpreter, std::int64_t start, std::int64_t stop, std::int64_t step) {
  std::vector<Value> items;
  constexpr std::size_t kMaxRange = 100'000;  // jinja2's sandbox has the same
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() == kMaxRange) throw TemplateError{ErrorCode::kResourceExhausted, "range too big"};
    items.push_back(Value::Int(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  interpreter.Step(items.size());
  Value range = MakeSequence(SequenceType::kRange, std::move(items));
  range.sequence().start = start;
  range.sequence().stop = stop;
  range.sequence().step = step;
  return range;
}

void AddGlobals(Interpreter& interpreter) {
  const auto add = [&](const char* name, Value (*function)(Interpreter&, CallArgs&)) {
    interpreter.SetGlobal(name, MakeCallable(name, function));
  };
  add("range", Range);
  add("namespace", Namespace);
  add("dict", Dict);
  add("cycler", Cycler);
  add("joiner", Joiner);
  add("raise_exception", RaiseException);
  add("strftime_now", StrftimeNow);
}

}  // namespace strata::jinja
