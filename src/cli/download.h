// Files over HTTP and HTTPS, resumed where a download before broke off.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace strata::cli {

/// Done and total bytes; total 0: the server does not say.
using DownloadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// The content of `url` to `path`, which may hold its beginning already: then the rest is asked for, provided that the
/// server still has the same file (an ETag or date in PATH.source says so). A connection that breaks or stalls is tried
/// again a few times. On errors what has come stays, for the next time. Redirects are followed, but never from https to
/// http. Errors: kUnavailable, kNotFound, kIo, naming the URL.
Status Download(const std::string& url, const std::string& path, const DownloadProgress& progress);

/// A small text, at most `max_bytes`. Errors as above.
Result<std::string> DownloadText(const std::string& url, std::size_t max_bytes);

}  // namespace strata::cli
