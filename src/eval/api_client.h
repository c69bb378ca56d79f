// Requests to an OpenAI-compatible server, over HTTP and HTTPS.
//
//   STRATA_TRY(const Endpoint endpoint, ParseEndpoint("http://127.0.0.1:8000/v1"));
//   ApiClient client(endpoint, key, std::chrono::seconds(600));
//   auto reply = co_await client.Send("/chat/completions", body);
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::eval {

struct Endpoint {
  bool tls = false;
  std::string host;
  std::string port;
  std::string path;  ///< "/v1"; no slash at its end
};

/// "http://HOST[:PORT][/PATH]", "https://…". Errors: kInvalidArgument with the address.
Result<Endpoint> ParseEndpoint(std::string_view base_url);

/// Each request has a connection of its own. Certificates are checked against the system's authorities.
class ApiClient {
 public:
  /// `key` empty: no Authorization.
  ApiClient(Endpoint endpoint, std::string key, std::chrono::milliseconds timeout);
  ~ApiClient();

  /// POST of `body`, GET where it is null. 429 and 503 are asked again, at most kMaxTries times, after what Retry-After
  /// says (a minute at most) or else after 1, 2, 4 … seconds. Errors: kIo (no connection, timeout, not JSON),
  /// kInvalidArgument (any status but 200, with the server's own words).
  boost::asio::awaitable<Result<nlohmann::ordered_json>> Send(std::string path, nlohmann::ordered_json body) const;

  static constexpr int kMaxTries = 6;

 private:
  struct Tls;
  struct Reply;
  boost::asio::awaitable<Result<Reply>> Exchange(const std::string& path, const std::string& body) const;

  const Endpoint endpoint_;
  const std::string key_;
  const std::chrono::milliseconds timeout_;
  const std::unique_ptr<Tls> tls_;  ///< null over plain HTTP
};

}  // namespace strata::eval
