// Result<T>: how every function of strata that can fail says so.
//
//   Result<Model> Load(const std::string& path) {
//     STRATA_TRY(MappedFile file, MappedFile::Open(path));
//     if (file.size() < 8) return Fail(ErrorCode::kCorrupt, "{}: {} bytes is too short for a model", path,
//     file.size()); STRATA_CHECK(Verify(file), "while reading {}", path);
//     ...
//   }
//
// An Error names the offending thing (file and offset, field, tensor, JSON pointer) in words meant for the user.
// Anything that comes from outside the program is a Result; a programmer's mistake is an assert.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace strata {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,    ///< the caller's request is wrong (HTTP 400)
  kNotFound,           ///< a file, model, tensor or key does not exist (404)
  kUnsupported,        ///< well-formed, but not something strata can do (400)
  kCorrupt,            ///< data from outside violates its format
  kResourceExhausted,  ///< memory, KV blocks, queue slots (429/503)
  kCancelled,          ///< the client went away
  kDeadlineExceeded,   ///< out of time
  kUnavailable,        ///< not now: loading or draining (503)
  kIo,                 ///< the operating system said no
  kInternal,           ///< a bug in strata (500)
};

std::string_view ToString(ErrorCode code);

/// A code, a message for the user, and what caused it.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  /// The message alone, without causes.
  const std::string& message() const { return message_; }
  /// The JSON field or pointer that is at fault, when the error belongs to a request; empty otherwise.
  const std::string& param() const { return param_; }
  /// The message followed by its causes: "outer: inner: innermost".
  std::string ToString() const;

  /// This error seen from further out; the code and param stay.
  Error Wrap(std::string message) &&;
  Error WithParam(std::string param) &&;

 private:
  ErrorCode code_;
  std::string message_;
  std::string param_;
  std::shared_ptr<const Error> cause_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// `return Fail(ErrorCode::kCorrupt, "{}: bad magic at offset {}", path, 0);`
template <class... Args>
std::unexpected<Error> Fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected<Error>(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}

namespace internal {
inline Error Context(Error error) { return error; }
template <class... Args>
Error Context(Error error, fmt::format_string<Args...> format, Args&&... args) {
  return std::move(error).Wrap(fmt::format(format, std::forward<Args>(args)...));
}
}  // namespace internal

#define STRATA_CONCAT_INNER(a, b) a##b
#define STRATA_CONCAT(a, b) STRATA_CONCAT_INNER(a, b)

/// STRATA_TRY(auto x, Expression()) or STRATA_TRY(auto x, Expression(), "while loading {}", path): declares x or
/// returns the error.
#define STRATA_TRY(declaration, expression, ...) \
  STRATA_TRY_INNER(STRATA_CONCAT(strata_result_, __LINE__), declaration, expression __VA_OPT__(, ) __VA_ARGS__)
#define STRATA_TRY_INNER(result, declaration, expression, ...)                                                 \
  auto result = (expression);                                                                                  \
  if (!result)                                                                                                 \
    return std::unexpected(::strata::internal::Context(std::move(result).error() __VA_OPT__(, ) __VA_ARGS__)); \
  declaration = std::move(result).value()

/// STRATA_CHECK(StatusExpression()) returns the error, if any, with optional context.
#define STRATA_CHECK(expression, ...)                                                                \
  do {                                                                                               \
    if (auto strata_status = (expression); !strata_status)                                           \
      return std::unexpected(                                                                        \
          ::strata::internal::Context(std::move(strata_status).error() __VA_OPT__(, ) __VA_ARGS__)); \
  } while (0)

}  // namespace strata
