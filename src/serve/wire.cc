#include "serve/wire.h"

#include <array>
#include <ctime>

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

namespace strata::serve {

std::string HttpDate(std::int64_t unix_seconds) {
  // strftime would name days by the locale.
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = unix_seconds;
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                     kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                     utc.tm_sec);
}

std::string ResponseHead(const HttpResponse& response, BodyFraming framing, bool keep_alive,
                         std::int64_t now_unix_seconds) {
  namespace http = boost::beast::http;
  const std::string_view reason =
      response.status == 529  // Anthropic's; no RFC has it
          ? "Overloaded"
          : std::string_view(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status))));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nServer: strata\r\nDate: {}\r\n", response.status, reason,
                                 HttpDate(now_unix_seconds));
  const bool bodiless = response.status == 204;  // RFC 9110: no Content-Length, no body
  if (!bodiless) {
    head += fmt::format("Content-Type: {}\r\n", response.content_type);
    if (framing == BodyFraming::kLength) head += fmt::format("Content-Length: {}\r\n", response.body.size());
    if (framing == BodyFraming::kChunked) head += "Transfer-Encoding: chunked\r\n";
  }
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  head += keep_alive && framing != BodyFraming::kClose ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

std::string Chunk(std::string_view data) { return fmt::format("{:x}\r\n{}\r\n", data.size(), data); }

}  // namespace strata::serve
