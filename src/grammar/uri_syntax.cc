#include "grammar/uri_syntax.h"

#include <fmt/format.h>

namespace strata::grammar {
namespace {

constexpr const char* kUnreserved = R"(A-Za-z0-9\-._~)";
constexpr const char* kSubDelims = "!$&'()*+,;=";
constexpr const char* kPercent = "%[0-9A-Fa-f]{2}";
// RFC 3987, section 2.2; noncharacters are out.
constexpr const char* kUcsChar =
    R"(\u{A0}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFEF}\u{10000}-\u{1FFFD}\u{20000}-\u{2FFFD}\u{30000}-\u{3FFFD})"
    R"(\u{40000}-\u{4FFFD}\u{50000}-\u{5FFFD}\u{60000}-\u{6FFFD}\u{70000}-\u{7FFFD}\u{80000}-\u{8FFFD})"
    R"(\u{90000}-\u{9FFFD}\u{A0000}-\u{AFFFD}\u{B0000}-\u{BFFFD}\u{C0000}-\u{CFFFD}\u{D0000}-\u{DFFFD})"
    R"(\u{E1000}-\u{EFFFD})";
constexpr const char* kPrivate = R"(\u{E000}-\u{F8FF}\u{F0000}-\u{FFFFD}\u{100000}-\u{10FFFD})";

/// One of the characters of a class, or any percent-encoded.
std::string OneOf(const std::string& characters) { return fmt::format("(?:[{}]|{})", characters, kPercent); }

/// The parts of RFC 3986, appendix A, that do not depend on whether there is a scheme.
struct Parts {
  std::string authority;  ///< with its slashes and the path behind it
  std::string absolute;   ///< path-absolute
  std::string rootless;
  std::string no_scheme;
  std::string tail;  ///< query and fragment
};

Parts MakeParts(UriCharacters characters) {
  const bool unicode = characters == UriCharacters::kUnicode;
  const std::string plain = std::string(kUnreserved) + (unicode ? kUcsChar : "") + kSubDelims;
  const std::string segment_char = OneOf(plain + ":@");
  const std::string path = fmt::format("(?:/{}*)*", segment_char);
  const std::string future = fmt::format(R"([Vv][0-9A-Fa-f]+\.[{}{}:]+)", kUnreserved, kSubDelims);
  const std::string host = fmt::format(R"((?:\[(?:{}|{})\]|{}*))", Ipv6Pattern(), future, OneOf(plain));
  return {.authority = fmt::format(R"(//(?:{}*@)?{}(?::\d*)?{})", OneOf(plain + ":"), host, path),
          .absolute = fmt::format("/(?:{}+{})?", segment_char, path),
          .rootless = fmt::format("{}+{}", segment_char, path),
          .no_scheme = fmt::format("{}+{}", OneOf(plain + "@"), path),
          .tail = fmt::format(R"((?:\?{}*)?(?:#{}*)?)", OneOf(plain + ":@/?" + (unicode ? kPrivate : "")),
                              OneOf(plain + ":@/?"))};
}

std::string Absolute(const Parts& parts) {
  return fmt::format("[A-Za-z][A-Za-z0-9+.-]*:(?:{}|{}|{})?{}", parts.authority, parts.absolute, parts.rootless,
                     parts.tail);
}

std::string Relative(const Parts& parts) {
  return fmt::format("(?:{}|{}|{})?{}", parts.authority, parts.absolute, parts.no_scheme, parts.tail);
}

}  // namespace

std::string UriPattern(UriCharacters characters) { return Absolute(MakeParts(characters)); }

std::string UriReferencePattern(UriCharacters characters) {
  const Parts parts = MakeParts(characters);
  return fmt::format("{}|{}", Absolute(parts), Relative(parts));
}

std::string UriTemplatePattern() {
  const std::string name_char = OneOf("A-Za-z0-9_");
  // A prefix of a variable may have four digits; validators that take three are in use.
  const std::string variable = fmt::format(R"({0}(?:\.?{0})*(?::[1-9]\d{{0,2}}|\*)?)", name_char);
  const std::string expression = fmt::format(R"(\{{[+#./;?&]?{0}(?:,{0})*\}})", variable);
  const std::string literal = OneOf(fmt::format(R"(!#$&-;=?-\[\]_a-z~{}{})", kUcsChar, kPrivate));
  return fmt::format("(?:{}|{})*", literal, expression);
}

std::string Ipv4Pattern() {
  const std::string octet = R"((?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))";
  return fmt::format(R"({0}\.{0}\.{0}\.{0})", octet);
}

std::string Ipv6Pattern() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string ipv4 = Ipv4Pattern();
  std::string pattern = fmt::format("(?:(?:{0}:){{6}}(?:{0}:{0}|{1})", group, ipv4);
  // With "::" for one or more groups; an IPv4 address at the end stands for two.
  constexpr int kMaxGroups = 7;
  for (int before = 0; before <= kMaxGroups; ++before) {
    const int after = kMaxGroups - before;
    pattern += "|";
    if (before > 0) pattern += fmt::format("{0}(?::{0}){{{1}}}", group, before - 1);
    pattern += "::";
    if (after >= 1) pattern += fmt::format("(?:(?:{0}:){{0,{1}}}{0}", group, after - 1);
    if (after >= 2) pattern += fmt::format("|(?:{0}:){{0,{1}}}{2}", group, after - 2, ipv4);
    if (after >= 1) pattern += ")?";
  }
  return pattern + ")";
}

}  // namespace strata::grammar
