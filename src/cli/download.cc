#include "cli/download.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/mapped_file.h"
#include "mcp/http_stream.h"

namespace strata::cli {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr int kMaxRedirects = 5;
constexpr int kMaxTries = 5;  // without a byte between them
constexpr seconds kStall{60};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// Where a redirect leads; nullopt: the response is none.
Result<std::optional<mcp::Url>> RedirectOf(const mcp::Url& url, const mcp::HttpStream& stream) {
  const int status = stream.status();
  if (status != 301 && status != 302 && status != 303) return std::optional<mcp::Url>();
  STRATA_TRY(mcp::Url next, mcp::ResolveUrl(url, stream.header("Location")), "{} redirects", url.text);
  if (url.tls && !next.tls)
    return Fail(ErrorCode::kUnavailable, "{} redirects to {}, without TLS", url.text, next.text);
  return std::optional(std::move(next));
}

asio::awaitable<Result<mcp::HttpStream>> Open(mcp::Url url, mcp::Headers headers) {
  const mcp::HttpRequest request{.headers = std::move(headers), .body = {}};
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    mcp::Interrupt stall(co_await asio::this_coro::executor, kStall, {}, fmt::format("the answer of {}", url.text));
    auto stream = co_await mcp::Until(stall, mcp::HttpStream::Open(url, request));
    if (!stream) co_return stream;
    auto next = RedirectOf(url, *stream);
    if (!next) co_return std::unexpected(std::move(next).error());
    if (!*next) co_return stream;
    url = std::move(**next);
  }
  co_return Fail(ErrorCode::kUnavailable, "{}: more than {} redirects", url.text, kMaxRedirects);
}

std::unexpected<Error> Refusal(const std::string& url, int status) {
  const ErrorCode code = status == 404 || status == 410 ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
  return Fail(code, "{}: HTTP {}", url, status);
}

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// What identifies the file on the server; empty when nothing strong does.
std::string Validator(const mcp::HttpStream& stream) {
  const std::string etag = stream.header("ETag");
  return etag.starts_with("W/") || etag.empty() ? stream.header("Last-Modified") : etag;
}

class Transfer {
 public:
  Transfer(std::string url, std::string path, const DownloadProgress& progress)
      : url_(std::move(url)), path_(std::move(path)), progress_(progress) {}

  asio::awaitable<Status> Run() {
    for (int failures = 0;;) {
      const std::uint64_t before = Size();
      Status done = co_await Once();
      if (done || done.error().code() != ErrorCode::kUnavailable || stop_) co_return done;
      failures = Size() > before ? 0 : failures + 1;
      if (failures == kMaxTries) co_return done;
      co_await mcp::Sleep(seconds(failures));
    }
  }

 private:
  std::uint64_t Size() const {
    std::error_code none;
    const auto size = fs::file_size(path_, none);
    return none ? 0 : size;
  }

  /// The validator under which the beginning of the file came; empty when it was another URL's, or none is known.
  std::string KnownValidator() const {
    const auto source = ReadFile(path_ + ".source");
    if (!source || !source->starts_with(url_ + "\n")) return "";
    return source->substr(url_.size() + 1);
  }

  asio::awaitable<Status> Once() {
    const auto url = mcp::ParseUrl(url_);
    if (!url) co_return std::unexpected(url.error());
    const std::string known = KnownValidator();
    const std::uint64_t have = known.empty() ? 0 : Size();
    mcp::Headers headers = {{"Accept-Encoding", "identity"}};
    if (have > 0) {
      headers.emplace_back("Range", fmt::format("bytes={}-", have));
      headers.emplace_back("If-Range", known);
    }
    auto stream = co_await Open(*url, std::move(headers));
    if (!stream) co_return std::unexpected(std::move(stream).error());
    const int status = stream->status();
    // All of it is here already: the server has nothing behind the end.
    if (status == 416 && stream->header("Content-Range") == fmt::format("bytes */{}", have)) co_return Status();
    const bool resumed = status == 206;
    if (resumed && !stream->header("Content-Range").starts_with(fmt::format("bytes {}-", have)))
      co_return Fail(ErrorCode::kUnavailable, "{}: the server sends another range than asked for", url_);
    if (status != 200 && !resumed) {
      stop_ = status < 500 && status != 408 && status != 429;
      co_return Refusal(url_, status);
    }
    const Status noted = WriteFileAtomically(path_ + ".source", fmt::format("{}\n{}", url_, Validator(*stream)));
    if (!noted) co_return noted;
    co_return co_await Body(*stream, resumed ? have : 0);
  }

  asio::awaitable<Status> Body(mcp::HttpStream& stream, std::uint64_t begin) {
    const File file(std::fopen(path_.c_str(), begin > 0 ? "ab" : "wb"), std::fclose);
    if (file == nullptr) co_return Fail(ErrorCode::kIo, "cannot write {}", path_);
    const auto length = Number(stream.header("Content-Length"));
    const std::uint64_t total = length ? begin + *length : 0;
    for (std::uint64_t done = begin;;) {
      mcp::Interrupt stall(co_await asio::this_coro::executor, kStall, {}, fmt::format("the next piece of {}", url_));
      auto piece = co_await mcp::Until(stall, stream.Read());
      if (!piece) co_return Fail(ErrorCode::kUnavailable, "{}: {}", url_, piece.error().ToString());
      if (piece->empty()) break;
      if (std::fwrite(piece->data(), 1, piece->size(), file.get()) != piece->size())
        co_return Fail(ErrorCode::kIo, "cannot write {}", path_);
      done += piece->size();
      progress_(done, total);
    }
    if (std::fflush(file.get()) != 0) co_return Fail(ErrorCode::kIo, "cannot write {}", path_);
    co_return Status();
  }

  const std::string url_, path_;
  const DownloadProgress& progress_;
  bool stop_ = false;  ///< trying again is no use
};

template <class T>
Result<T> RunOf(asio::awaitable<Result<T>> work) {
  asio::io_context context;
  std::optional<Result<T>> result;
  asio::co_spawn(context, std::move(work),
                 [&](const std::exception_ptr&, Result<T> value) { result = std::move(value); });
  context.run();
  return std::move(*result);
}

asio::awaitable<Result<std::string>> Text(const std::string& address, std::size_t max_bytes) {
  const auto url = mcp::ParseUrl(address);
  if (!url) co_return std::unexpected(url.error());
  auto stream = co_await Open(*url, {});
  if (!stream) co_return std::unexpected(std::move(stream).error());
  if (stream->status() != 200) co_return Refusal(address, stream->status());
  co_return co_await stream->ReadAll(max_bytes);
}

}  // namespace

Status Download(const std::string& url, const std::string& path, const DownloadProgress& progress) {
  Transfer transfer(url, path, progress);
  STRATA_CHECK(RunOf(transfer.Run()));
  std::error_code ignored;
  fs::remove(path + ".source", ignored);
  return {};
}

Result<std::string> DownloadText(const std::string& url, std::size_t max_bytes) { return RunOf(Text(url, max_bytes)); }

}  // namespace strata::cli
