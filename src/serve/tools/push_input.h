// Parsers that are pushed, written as if they pulled: a coroutine that reads a byte stops where the text so far ends
// and goes on when more comes. So a grammar is a recursive descent, and how its text was cut into pieces cannot matter.
//
//   Parse<bool> Word(Input& in) {
//     while (IsLetter(co_await in.Peek())) in.Take();
//     co_return true;
//   }
#pragma once

#include <coroutine>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace strata::serve::tools {

namespace internal {

struct PromiseBase {
  std::coroutine_handle<> caller = std::noop_coroutine();

  /// Goes on with whoever awaits this coroutine, without a deeper stack.
  struct Return {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().caller;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Return final_suspend() const noexcept { return {}; }
  /// Parsers throw nothing but bad_alloc, which is the end of the process here as elsewhere.
  void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  T value{};
  void return_value(T result) { value = std::move(result); }
};
template <>
struct Promise<void> : PromiseBase {
  void return_void() const noexcept {}
};

}  // namespace internal

/// A part of a parser; `co_await` runs it.
template <class T = void>
class [[nodiscard]] Parse {
 public:
  struct promise_type : internal::Promise<T> {
    Parse get_return_object() { return Parse(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };

  Parse(Parse&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Parse& operator=(Parse&&) = delete;
  ~Parse() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().caller = caller;
    return handle_;
  }
  T await_resume() noexcept {
    if constexpr (!std::is_void_v<T>) return std::move(handle_.promise().value);
  }

  /// The outermost parser: runs until it waits for its first byte.
  void Start() { handle_.resume(); }

 private:
  explicit Parse(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

/// The text, as far as it has come.
class Input {
 public:
  static constexpr int kEnd = -1;

  /// The next byte, 0 to 255, or kEnd; it stays the next one until Take.
  auto Peek() { return Next(*this); }
  void Take() {
    if (recording_) record_ += text_.front();
    text_.remove_prefix(1);
  }

  /// From now on what is taken is kept (after `begun`), so that it can become plain text if it is no call.
  void Record(std::string begun = {}) {
    recording_ = true;
    record_ = std::move(begun);
  }
  /// What was recorded; ends the recording.
  std::string TakeRecord() {
    recording_ = false;
    return std::exchange(record_, {});
  }

  /// Gives the parser more text. It takes all of it before this returns.
  void Feed(std::string_view text) {
    text_ = text;
    if (!text_.empty()) Resume();
  }
  void End() {
    ended_ = true;
    Resume();
  }

 private:
  class Next {
   public:
    explicit Next(Input& input) : input_(input) {}
    bool await_ready() const noexcept { return !input_.text_.empty() || input_.ended_; }
    void await_suspend(std::coroutine_handle<> parser) const noexcept { input_.waiting_ = parser; }
    int await_resume() const noexcept {
      return input_.text_.empty() ? kEnd : static_cast<unsigned char>(input_.text_.front());
    }

   private:
    Input& input_;
  };

  void Resume() {
    if (waiting_) std::exchange(waiting_, {}).resume();
  }

  std::string_view text_;
  std::string record_;
  std::coroutine_handle<> waiting_;
  bool ended_ = false;
  bool recording_ = false;
};

}  // namespace strata::serve::tools
