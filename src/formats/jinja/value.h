// The values of a template: Python's, as far as chat templates can tell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace strata::jinja {

/// Thrown inside the engine only; ChatTemplate turns it into an Error.
struct TemplateError {
  ErrorCode code;
  std::string message;
  int line = 0;                ///< 0: not known yet, the next node outward fills it in
  bool from_template = false;  ///< raise_exception: the message is the template's own
};
[[noreturn]] void Raise(std::string message);

struct Object {
  virtual ~Object() = default;
  /// str() and repr() of what has no literal.
  virtual std::string ToString() const { return "<object>"; }
};
struct StringObject;
struct SequenceObject;
struct DictObject;

enum class Kind : std::uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kSequence,
  kDict,
  kNamespace,
  kCallable,
  kLoop,
};

class Value {
 public:
  Value() : kind_(Kind::kUndefined) { hint_ = nullptr; }
  static Value Undefined(const std::string* hint) {
    Value v;
    v.hint_ = hint;
    return v;
  }
  /// An attribute that the sandbox withholds: undefined, with a reason of its own.
  static Value Unsafe() {
    Value v;
    v.unsafe_ = true;
    return v;
  }
  static Value None() { return Value(Kind::kNone, nullptr); }
  static Value Bool(bool b) {
    Value v(Kind::kBool, nullptr);
    v.int_ = b ? 1 : 0;
    return v;
  }
  static Value Int(std::int64_t i) {
    Value v(Kind::kInt, nullptr);
    v.int_ = i;
    return v;
  }
  static Value Float(double d) {
    Value v(Kind::kFloat, nullptr);
    v.float_ = d;
    return v;
  }
  static Value String(std::string text, bool markup = false);
  static Value List(std::vector<Value> items);
  static Value Tuple(std::vector<Value> items);
  static Value Generator(std::vector<Value> items);
  Value(Kind kind, std::shared_ptr<Object> object) : kind_(kind), object_(std::move(object)) { int_ = 0; }

  Kind kind() const { return kind_; }
  bool Is(Kind kind) const { return kind_ == kind; }
  bool IsUndefined() const { return kind_ == Kind::kUndefined; }
  bool IsString() const { return kind_ == Kind::kString; }
  bool IsNumber() const { return kind_ == Kind::kBool || kind_ == Kind::kInt || kind_ == Kind::kFloat; }
  bool IsIntegral() const { return kind_ == Kind::kBool || kind_ == Kind::kInt; }
  bool unsafe() const { return unsafe_; }
  const std::string* hint() const { return hint_; }
  std::int64_t integer() const { return int_; }
  double number() const { return kind_ == Kind::kFloat ? float_ : static_cast<double>(int_); }
  const std::string& text() const;
  bool markup() const;
  SequenceObject& sequence() const;
  DictObject& dict() const;
  template <class T>
  T& as() const {
    return static_cast<T&>(*object_);
  }
  const std::shared_ptr<Object>& object() const { return object_; }

 private:
  Kind kind_;
  bool unsafe_ = false;
  union {
    std::int64_t int_;
    double float_;
    const std::string* hint_;
  };
  std::shared_ptr<Object> object_;
};

struct StringObject final : Object {
  std::string text;
  bool markup = false;
};

enum class SequenceType : std::uint8_t { kList, kTuple, kGenerator, kKeys, kValues, kItems, kRange };

struct SequenceObject final : Object {
  SequenceType type = SequenceType::kList;
  std::vector<Value> items;
  std::size_t depth = 1;
  std::size_t cursor = 0;                      ///< generators are consumed
  std::int64_t start = 0, stop = 0, step = 1;  ///< of a range
  bool group = false;                          ///< a tuple of groupby, whose items are .grouper and .list, too
};

/// Keeps insertion order; lookups are linear because a message has a handful of keys.
struct DictObject final : Object {
  std::vector<std::pair<Value, Value>> items;
  std::size_t depth = 1;
  const Value* Find(std::string_view key) const;
  const Value* Find(const Value& key) const;
  void Set(const Value& key, Value value);
};

struct NamespaceObject final : Object {
  std::string ToString() const override;
  DictObject attributes;
};

/// A new sequence or dict; raises when values nest too deeply to be destroyed or printed by recursion.
Value MakeSequence(SequenceType type, std::vector<Value> items);
Value MakeDict(std::vector<std::pair<Value, Value>> unique_items);

struct CallArgs {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  /// The argument at `index` or of that name; nullptr when not given.
  const Value* Get(std::size_t index, std::string_view name) const;
};

class Interpreter;
struct CallableObject : Object {
  std::string name;
  bool is_macro = false;
  std::function<Value(Interpreter&, CallArgs&)> call;
  std::function<Value(std::string_view)> attribute;  ///< may be empty
  std::string ToString() const override {
    return is_macro ? fmt::format("<Macro '{}'>", name) : fmt::format("<function {}>", name);
  }
};
Value MakeCallable(std::string name, std::function<Value(Interpreter&, CallArgs&)> call);

/// bool(value), with Python's rules.
bool Truth(const Value& value);
/// a == b. Never raises.
bool Equal(const Value& a, const Value& b);
/// <0, 0, >0; raises for types Python does not order.
int Compare(const Value& a, const Value& b);
/// `needle in haystack`.
bool Contains(const Value& haystack, const Value& needle);
std::string_view TypeName(const Value& value);
/// str(value) and repr(value), appended.
void AppendStr(std::string& out, const Value& value);
void AppendRepr(std::string& out, const Value& value);
std::string Str(const Value& value);
std::string FloatRepr(double value);
/// Raises UndefinedError when the value is undefined.
void RequireDefined(const Value& value);
std::int64_t RequireInt(const Value& value, std::string_view what);
/// The items of anything iterable, as a list; consumes generators.
std::vector<Value> Iterate(const Value& value);
/// len(value); raises TypeError where Python does.
std::int64_t Length(const Value& value);

/// int(text, base) and float(text), undefined where Python refuses.
Value ParseInt(std::string_view text, std::int64_t base);
Value ParseFloat(std::string_view text);

}  // namespace strata::jinja
