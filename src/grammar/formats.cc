#include "grammar/formats.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/pattern.h"
#include "grammar/uri_syntax.h"

namespace strata::grammar {
namespace {

/// The whole language of a pattern of this file.
RegexId Pattern(RegexStore& store, std::string_view pattern) {
  const auto regex = ParsePattern(store, pattern, Anchoring::kWhole);
  assert(regex || store.exhausted());
  return regex ? *regex : RegexStore::kNothing;
}

/// RFC 3339, full-date. Without the year 0, which most libraries have no days for.
RegexId Date(RegexStore& store) {
  return Pattern(store,
                 R"((?!0000)(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|)"
                 R"(02-(?:0[1-9]|1\d|2[0-8]))|)"
                 R"((?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29))");
}

/// RFC 3339, full-time. Without leap seconds, which most validators refuse.
RegexId Time(RegexStore& store) {
  return Pattern(store, R"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d))");
}

RegexId DateTime(RegexStore& store) { return store.Concat({Date(store), Pattern(store, "[Tt]"), Time(store)}); }

/// RFC 3339, appendix A: units in order, none left out between two that are there, weeks alone.
RegexId Duration(RegexStore& store) {
  const std::string date = R"((?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D))";
  const std::string time = R"(T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))";
  return Pattern(store, R"(P(?:\d+W|)" + date + "(?:" + time + ")?|" + time + ")");
}

RegexId DotSeparated(RegexStore& store, RegexId part) {
  return store.Concat(part, store.Star(store.Concat(store.Char('.'), part)));
}

/// RFC 1123 and RFC 1034. A-labels (xn--) are valid only where Punycode and IDNA say so: none is taken.
RegexId HostnameLabel(RegexStore& store) {
  return Pattern(store, "(?![Xx][Nn]--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?");
}

RegexId UpToLength(RegexStore& store, RegexId regex, std::uint32_t characters) {
  return store.And({regex, store.Repeat(store.Set(CharSet::All()), 0, characters)});
}

RegexId Hostname(RegexStore& store) { return UpToLength(store, DotSeparated(store, HostnameLabel(store)), 253); }

/// Labels of lower-case letters whose IDNA2008 status is PVALID in any place and that NFC leaves alone (RFC 5892),
/// short enough for 63 octets as A-labels: not all U-labels, but nothing else.
RegexId UnicodeLabel(RegexStore& store) {
  const std::string letter =
      R"([a-z0-9\u00DF-\u00F6\u00F8-\u00FF\u03AC-\u03CE\u0430-\u045F\u3041-\u3096\u30A1-\u30FA\u4E00-\u9FA5)"
      R"(\uAC00-\uD7A3])";
  return UpToLength(store, Pattern(store, letter + "(?:-?" + letter + ")*"), 11);
}

/// Texts of at most `octets` bytes of UTF-8.
RegexId UpToOctets(RegexStore& store, std::uint32_t octets) {
  constexpr std::array<CharRange, 4> kByLength = {
      {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kLastCodePoint}}};
  std::vector<RegexId> within = {RegexStore::kEmpty};
  for (std::uint32_t left = 1; left <= octets; ++left) {
    std::vector<RegexId> alternatives = {RegexStore::kEmpty};
    for (std::uint32_t length = 1; length <= std::min(left, 4u); ++length) {
      alternatives.push_back(store.Concat(store.Set(CharSet({kByLength[length - 1]})), within[left - length]));
    }
    within.push_back(store.Or(alternatives));
  }
  return within.back();
}

/// RFC 5321, Mailbox: `extra` are the characters that RFC 6531 adds to it.
RegexId Mailbox(RegexStore& store, const std::string& extra, RegexId domain) {
  const std::string atoms = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~" + extra + "-]+";
  const std::string quoted = R"("(?:[ !#-\[\]-~)" + extra + R"(]|\\[ -~])*")";
  constexpr std::uint32_t kMaxLocalPart = 64;
  const RegexId local = Pattern(store, atoms + R"((?:\.)" + atoms + ")*|" + quoted);
  const RegexId literal = Pattern(store, R"(\[(?:)" + Ipv4Pattern() + "|IPv6:" + Ipv6Pattern() + R"()\])");
  return store.Concat(
      {store.And({local, UpToOctets(store, kMaxLocalPart)}), store.Char('@'), store.Or({domain, literal})});
}

RegexId Email(RegexStore& store) { return Mailbox(store, "", Hostname(store)); }

RegexId IdnEmail(RegexStore& store) {
  const RegexId label = store.Or({HostnameLabel(store), UnicodeLabel(store)});
  constexpr std::uint32_t kMaxLabels = 3;  // of at most 63 octets as A-labels, so that all are within 253
  const RegexId domain = store.Concat(label, store.Repeat(store.Concat(store.Char('.'), label), 0, kMaxLabels - 1));
  return Mailbox(store, R"(\u{80}-\u{10FFFF})", store.Or({Hostname(store), domain}));
}

RegexId Ipv4(RegexStore& store) { return Pattern(store, Ipv4Pattern()); }
RegexId Ipv6(RegexStore& store) { return Pattern(store, Ipv6Pattern()); }
RegexId Uri(RegexStore& store) { return Pattern(store, UriPattern(UriCharacters::kAscii)); }
RegexId UriReference(RegexStore& store) { return Pattern(store, UriReferencePattern(UriCharacters::kAscii)); }
RegexId Iri(RegexStore& store) { return Pattern(store, UriPattern(UriCharacters::kUnicode)); }
RegexId IriReference(RegexStore& store) { return Pattern(store, UriReferencePattern(UriCharacters::kUnicode)); }
RegexId UriTemplate(RegexStore& store) { return Pattern(store, UriTemplatePattern()); }

RegexId Uuid(RegexStore& store) {  // RFC 9562; any version and variant
  return Pattern(store, "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}");
}

RegexId JsonPointer(RegexStore& store) { return Pattern(store, "(?:/(?:[^~/]|~[01])*)*"); }  // RFC 6901

RegexId RelativeJsonPointer(RegexStore& store) {  // without the later index manipulation
  return Pattern(store, "(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~[01])*)*)");
}

RegexId Byte(RegexStore& store) {  // OpenAPI: base64 of RFC 4648, section 4, where bits of padding are 0
  return Pattern(store, "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?");
}

struct FormatEntry {
  std::string_view name;
  RegexId (*build)(RegexStore&);
};

constexpr auto kFormats = std::to_array<FormatEntry>({{"date-time", DateTime},
                                                      {"date", Date},
                                                      {"time", Time},
                                                      {"duration", Duration},
                                                      {"email", Email},
                                                      {"idn-email", IdnEmail},
                                                      {"hostname", Hostname},
                                                      {"ipv4", Ipv4},
                                                      {"ipv6", Ipv6},
                                                      {"uri", Uri},
                                                      {"uri-reference", UriReference},
                                                      {"iri", Iri},
                                                      {"iri-reference", IriReference},
                                                      {"uri-template", UriTemplate},
                                                      {"uuid", Uuid},
                                                      {"json-pointer", JsonPointer},
                                                      {"relative-json-pointer", RelativeJsonPointer},
                                                      {"byte", Byte}});

}  // namespace

std::optional<RegexId> FormatRegex(RegexStore& store, std::string_view format) {
  const auto found = std::ranges::find(kFormats, format, &FormatEntry::name);
  return found == kFormats.end() ? std::nullopt : std::optional(found->build(store));
}

bool IsDefinedButNotHeld(std::string_view format) { return format == "regex" || format == "idn-hostname"; }

bool IsHeldExactly(std::string_view format) {
  static constexpr std::array<std::string_view, 8> kExact = {
      "ipv4", "ipv6", "uuid", "date", "duration", "json-pointer", "relative-json-pointer", "byte"};
  return std::ranges::find(kExact, format) != kExact.end();
}

}  // namespace strata::grammar
