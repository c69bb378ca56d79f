#include "serve/tools/json_calls.h"

#include <utility>

#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

/// An object on its way to be a call. Members may come in any order, and a call may be wrapped as OpenAI does
/// ({"type": "function", "function": {...}}).
class CallObject {
 public:
  CallObject(Session& session, bool marked) : session_(session), marked_(marked) {}

  Parse<bool> Read() {
    for (int depth = 1; depth > 0;) {
      const int c = co_await SkipSpace(session_.input);
      if (c == '}' || c == ',') {
        session_.input.Take();
        if (c == '}') --depth;
        continue;
      }
      if (c != '"') co_return Abandon(c);
      std::string key;
      if (!co_await ReadJsonString(session_.input, [&](std::string_view piece) { key += piece; })) {
        co_return Abandon(Input::kEnd);
      }
      const int colon = co_await SkipSpace(session_.input);
      if (colon != ':') co_return Abandon(colon);
      session_.input.Take();
      const int value = co_await SkipSpace(session_.input);
      if (key == "function" && value == '{' && !begun_) {
        session_.input.Take();
        ++depth;
      } else if (!co_await Member(key, value)) {
        co_return Abandon(value);
      }
    }
    if (!begun_ && !name_) co_return false;
    Begin();
    session_.EndCall();
    co_return true;
  }

 private:
  /// Reads the value of a member. False when this is no call.
  Parse<bool> Member(const std::string& key, int value) {
    if ((key == "name" || key == "tool_name" || key == "function") && value == '"' && !name_) {
      std::string name;
      const bool whole = co_await ReadJsonString(session_.input, [&](std::string_view piece) { name += piece; });
      if (!whole || !session_.IsName(name, marked_)) co_return false;
      name_ = std::move(name);
      if (!early_arguments_.empty()) Begin();
      co_return true;
    }
    if (!begun_ && (key == "arguments" || key == "parameters") && early_arguments_.empty()) {
      if (!BeginsArguments(value)) co_return false;
      if (name_) {
        Begin();
        co_await ReadArguments(session_);
      } else {
        const Sink early = [&](std::string_view piece) { early_arguments_ += piece; };
        co_await (value == '"' ? ReadJsonString(session_.input, early) : CopyJson(session_.input, early));
      }
      co_return true;
    }
    if (!begun_ && key == "id" && value == '"') {
      std::string id;
      if (co_await ReadJsonString(session_.input, [&](std::string_view piece) { id += piece; })) id_ = std::move(id);
      co_return true;
    }
    if (!begun_ && !marked_ && key != "type") co_return false;
    co_await CopyJson(session_.input, [](std::string_view) {});
    co_return true;
  }

  void Begin() {
    if (std::exchange(begun_, true)) return;
    session_.BeginCall(*name_, std::move(id_));
    if (early_arguments_ != "null") session_.emitter.Arguments(early_arguments_);
  }

  /// The object does not go on as one: `c` is where it stops.
  bool Abandon(int c) {
    if (c == Input::kEnd) {
      if (name_ && !begun_) Begin();  // cut off
      return false;
    }
    if (begun_) session_.EndCall();  // only its closing bracket is missing
    return begun_;
  }

  Session& session_;
  const bool marked_;
  bool begun_ = false;
  std::optional<std::string> name_, id_;
  std::string early_arguments_;  ///< as they are written, when they come before the name
};

}  // namespace

bool BeginsArguments(int c) { return c == '{' || c == '"' || c == 'n'; }

Parse<> ReadArguments(Session& session) {
  const int c = co_await session.input.Peek();
  const Sink arguments = [&](std::string_view piece) { session.emitter.Arguments(piece); };
  if (c == '"') {
    co_await ReadJsonString(session.input, arguments);
  } else if (c == 'n') {
    co_await CopyJson(session.input, [](std::string_view) {});
  } else {
    co_await CopyJson(session.input, arguments);
  }
}

Parse<bool> ReadCallObject(Session& session, bool marked) {
  CallObject object(session, marked);
  co_return co_await object.Read();
}

Parse<bool> ReadCallArray(Session& session, bool marked) {
  bool any = marked;  // an empty array in tags says that there is no call
  for (;;) {
    const int c = co_await SkipSpace(session.input);
    if (c == Input::kEnd || (c != '{' && c != ',' && (c != ']' || !any))) co_return false;
    session.input.Take();
    if (c == ']') {
      session.Understood();
      co_return true;
    }
    if (c != '{') continue;
    if (!co_await ReadCallObject(session, marked)) co_return false;
    if (session.done()) co_return true;
    any = true;
  }
}

}  // namespace strata::serve::tools
