#include "base/result.h"

namespace strata {

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kResourceExhausted:
      return "resource exhausted";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kDeadlineExceeded:
      return "deadline exceeded";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kIo:
      return "i/o error";
    case ErrorCode::kInternal:
      return "internal error";
  }
  return "unknown";
}

std::string Error::ToString() const {
  std::string text = message_;
  for (const Error* cause = cause_.get(); cause != nullptr; cause = cause->cause_.get()) {
    text += ": ";
    text += cause->message_;
  }
  return text;
}

Error Error::Wrap(std::string message) && {
  Error outer(code_, std::move(message));
  outer.param_ = param_;
  outer.cause_ = std::make_shared<const Error>(std::move(*this));
  return outer;
}

Error Error::WithParam(std::string param) && {
  param_ = std::move(param);
  return std::move(*this);
}

}  // namespace strata
