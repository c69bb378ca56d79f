#include "mcp/url.h"

#include <algorithm>
#include <cctype>

#include <boost/url/parse.hpp>
#include <boost/url/src.hpp>  // Debian has the headers only: this is where Boost.URL is compiled
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

namespace strata::mcp {
namespace {

namespace urls = boost::urls;

std::string_view DefaultPort(bool tls) { return tls ? "443" : "80"; }

std::string Text(urls::string_view view) { return {view.data(), view.size()}; }

/// An address, or a name as DNS has them: the URL's own syntax permits any percent-encoded byte.
bool IsHost(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == ':';
  });
}

/// RFC 3986, appendix A; brackets are looked at by Boost.URL.
bool HasUrlCharactersOnly(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) ||
           std::string_view("-._~:/?#[]@!$&'()*+,;=%").contains(static_cast<char>(c));
  });
}

/// Whether a scheme and a host come first. Boost.URL 1.81 asserts where nothing stands between a scheme and what
/// follows the path.
bool BeginsWithHost(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && text.substr(colon).starts_with("://");
}

Result<Url> FromView(const urls::url_view_base& view) {
  const std::string text = Text(view.buffer());
  Url url;
  if (view.scheme_id() == urls::scheme::https) {
    url.tls = true;
  } else if (view.scheme_id() != urls::scheme::http) {
    return Fail(ErrorCode::kInvalidArgument, "{}: the scheme must be http or https", text);
  }
  if (view.has_userinfo()) return Fail(ErrorCode::kInvalidArgument, "a URL may not have a user name or a password");
  if (view.has_fragment()) return Fail(ErrorCode::kInvalidArgument, "{}: a URL may not have a fragment", text);
  url.host = view.host_type() == urls::host_type::ipv6 ? view.host_ipv6_address().to_string() : view.host();
  if (!IsHost(url.host)) return Fail(ErrorCode::kInvalidArgument, "{}: the host is missing or no name", text);
  std::ranges::transform(url.host, url.host.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  url.port = view.port().empty() ? std::string(DefaultPort(url.tls)) : Text(view.port());
  url.target = Text(view.encoded_path());
  if (url.target.empty()) url.target = "/";
  if (view.has_query()) url.target += "?" + Text(view.encoded_query());
  url.text = text;
  return url;
}

}  // namespace

std::string Url::authority() const {
  const std::string name = host.contains(':') ? "[" + host + "]" : host;
  return port == DefaultPort(tls) ? name : name + ":" + port;
}

Result<Url> ParseUrl(std::string_view text) {
  if (!HasUrlCharactersOnly(text) || !BeginsWithHost(text))
    return Fail(ErrorCode::kInvalidArgument, "{} is no URL", text);
  const auto parsed = urls::parse_uri(urls::string_view(text.data(), text.size()));
  if (!parsed) return Fail(ErrorCode::kInvalidArgument, "{} is no URL: {}", text, parsed.error().message());
  return FromView(*parsed);
}

Result<Url> ResolveUrl(const Url& base, std::string_view reference) {
  if (BeginsWithHost(reference)) return ParseUrl(reference);
  // What is relative has no scheme, and no brackets.
  const bool has_scheme = reference.substr(0, reference.find_first_of("/?#")).contains(':');
  if (!HasUrlCharactersOnly(reference) || has_scheme || reference.find_first_of("[]") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument, "{} is no URL", reference);
  }
  const auto of_base = urls::parse_uri(base.text);
  const auto relative = urls::parse_uri_reference(urls::string_view(reference.data(), reference.size()));
  if (!of_base || !relative) return Fail(ErrorCode::kInvalidArgument, "{} is no URL", reference);
  urls::url resolved(*of_base);
  if (const auto done = resolved.resolve(*relative); !done) {
    return Fail(ErrorCode::kInvalidArgument, "{} is no URL: {}", reference, done.error().message());
  }
  return FromView(resolved);
}

}  // namespace strata::mcp
