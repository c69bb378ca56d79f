#include "grammar/char_class.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include <utf8proc.h>

#include "base/unicode.h"

namespace strata::grammar {
namespace {

constexpr std::size_t kCategories = UTF8PROC_CATEGORY_CO + 1;

struct CategoryName {
  std::string_view short_name;
  std::string_view long_name;
  std::uint32_t members;  ///< a bit for each utf8proc_category_t
};

constexpr std::uint32_t Bit(int category) { return std::uint32_t{1} << category; }
/// Categories are numbered in the order of the standard, so that each group is a run.
constexpr std::uint32_t Bits(int first, int last) { return (Bit(last) << 1) - Bit(first); }

// PropertyValueAliases.txt, gc. Surrogates (Cs) are in no text.
constexpr auto kCategoryNames = std::to_array<CategoryName>({
    {"L", "Letter", Bits(UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO)},
    {"LC", "Cased_Letter", Bits(UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LT)},
    {"L&", "Cased_Letter", Bits(UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LT)},
    {"Lu", "Uppercase_Letter", Bit(UTF8PROC_CATEGORY_LU)},
    {"Ll", "Lowercase_Letter", Bit(UTF8PROC_CATEGORY_LL)},
    {"Lt", "Titlecase_Letter", Bit(UTF8PROC_CATEGORY_LT)},
    {"Lm", "Modifier_Letter", Bit(UTF8PROC_CATEGORY_LM)},
    {"Lo", "Other_Letter", Bit(UTF8PROC_CATEGORY_LO)},
    {"M", "Mark", Bits(UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME)},
    {"M", "Combining_Mark", Bits(UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME)},
    {"Mn", "Nonspacing_Mark", Bit(UTF8PROC_CATEGORY_MN)},
    {"Mc", "Spacing_Mark", Bit(UTF8PROC_CATEGORY_MC)},
    {"Me", "Enclosing_Mark", Bit(UTF8PROC_CATEGORY_ME)},
    {"N", "Number", Bits(UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO)},
    {"Nd", "Decimal_Number", Bit(UTF8PROC_CATEGORY_ND)},
    {"Nd", "digit", Bit(UTF8PROC_CATEGORY_ND)},
    {"Nl", "Letter_Number", Bit(UTF8PROC_CATEGORY_NL)},
    {"No", "Other_Number", Bit(UTF8PROC_CATEGORY_NO)},
    {"P", "Punctuation", Bits(UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO)},
    {"P", "punct", Bits(UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO)},
    {"Pc", "Connector_Punctuation", Bit(UTF8PROC_CATEGORY_PC)},
    {"Pd", "Dash_Punctuation", Bit(UTF8PROC_CATEGORY_PD)},
    {"Ps", "Open_Punctuation", Bit(UTF8PROC_CATEGORY_PS)},
    {"Pe", "Close_Punctuation", Bit(UTF8PROC_CATEGORY_PE)},
    {"Pi", "Initial_Punctuation", Bit(UTF8PROC_CATEGORY_PI)},
    {"Pf", "Final_Punctuation", Bit(UTF8PROC_CATEGORY_PF)},
    {"Po", "Other_Punctuation", Bit(UTF8PROC_CATEGORY_PO)},
    {"S", "Symbol", Bits(UTF8PROC_CATEGORY_SM, UTF8PROC_CATEGORY_SO)},
    {"Sm", "Math_Symbol", Bit(UTF8PROC_CATEGORY_SM)},
    {"Sc", "Currency_Symbol", Bit(UTF8PROC_CATEGORY_SC)},
    {"Sk", "Modifier_Symbol", Bit(UTF8PROC_CATEGORY_SK)},
    {"So", "Other_Symbol", Bit(UTF8PROC_CATEGORY_SO)},
    {"Z", "Separator", Bits(UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZP)},
    {"Zs", "Space_Separator", Bit(UTF8PROC_CATEGORY_ZS)},
    {"Zl", "Line_Separator", Bit(UTF8PROC_CATEGORY_ZL)},
    {"Zp", "Paragraph_Separator", Bit(UTF8PROC_CATEGORY_ZP)},
    {"C", "Other", Bits(UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO) | Bit(UTF8PROC_CATEGORY_CN)},
    {"Cc", "Control", Bit(UTF8PROC_CATEGORY_CC)},
    {"Cc", "cntrl", Bit(UTF8PROC_CATEGORY_CC)},
    {"Cf", "Format", Bit(UTF8PROC_CATEGORY_CF)},
    {"Cn", "Unassigned", Bit(UTF8PROC_CATEGORY_CN)},
    {"Co", "Private_Use", Bit(UTF8PROC_CATEGORY_CO)},
    {"Cs", "Surrogate", 0},
});

bool IsSurrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

/// The ranges of each category. A walk over all of Unicode (some milliseconds), once.
const std::array<std::vector<CharRange>, kCategories>& CategoryRanges() {
  static const auto* const kRanges = [] {
    auto* ranges = new std::array<std::vector<CharRange>, kCategories>;
    for (char32_t c = 0; c <= kLastCodePoint; ++c) {
      if (IsSurrogate(c)) continue;
      auto& list = (*ranges)[static_cast<std::size_t>(utf8proc_category(static_cast<utf8proc_int32_t>(c)))];
      if (!list.empty() && list.back().last + 1 == c) {
        list.back().last = c;
      } else {
        list.push_back({c, c});
      }
    }
    return ranges;
  }();
  return *kRanges;
}

CharSet OfCategories(std::uint32_t members) {
  std::vector<CharRange> ranges;
  for (std::size_t i = 0; i < kCategories; ++i) {
    if ((members >> i & 1) == 0) continue;
    const auto& more = CategoryRanges()[i];
    ranges.insert(ranges.end(), more.begin(), more.end());
  }
  return CharSet(std::move(ranges));
}

CharSet WhiteSpaceProperty() {  // PropList.txt
  return CharSet({{0x09, 0x0D},
                  {0x20, 0x20},
                  {0x85, 0x85},
                  {0xA0, 0xA0},
                  {0x1680, 0x1680},
                  {0x2000, 0x200A},
                  {0x2028, 0x2029},
                  {0x202F, 0x202F},
                  {0x205F, 0x205F},
                  {0x3000, 0x3000}});
}

char32_t SimpleFold(char32_t c) {
  std::array<utf8proc_int32_t, 4> folded{};
  int boundary = UTF8PROC_BOUNDCLASS_START;
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded.data(), folded.size(),
                                             UTF8PROC_CASEFOLD, &boundary);
  if (count == 1) return static_cast<char32_t>(folded[0]);
  // CaseFolding.txt (Unicode 15.1): where the full folding is of several letters, the simple one is the lower case if
  // any, with the exception of İ, which has none, and of three letters that fold to a twin.
  switch (c) {
    case 0x0130:
      return c;
    case 0x1FD3:
      return 0x0390;
    case 0x1FE3:
      return 0x03B0;
    case 0xFB05:
      return 0xFB06;
    default:
      return ToLower(c);
  }
}

/// The sets of two or more code points that fold to the same one.
const std::vector<std::vector<char32_t>>& CaseClasses() {
  static const auto* const kClasses = [] {
    constexpr char32_t kLastCased = 0x1E943;  // Adlam
    std::unordered_map<char32_t, std::vector<char32_t>> by_fold;
    for (char32_t c = 0; c <= kLastCased; ++c) {
      if (IsSurrogate(c)) continue;
      const char32_t folded = SimpleFold(c);
      if (folded == c) continue;
      auto& members = by_fold[folded];
      if (members.empty()) members.push_back(folded);
      members.push_back(c);
    }
    auto* classes = new std::vector<std::vector<char32_t>>;
    for (auto& [fold, members] : by_fold) classes->push_back(std::move(members));
    return classes;
  }();
  return *kClasses;
}

}  // namespace

const CharSet& DigitChars() {
  static const auto* const kSet = new CharSet({{'0', '9'}});
  return *kSet;
}

const CharSet& WordChars() {
  static const auto* const kSet = new CharSet({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  return *kSet;
}

const CharSet& SpaceChars() {
  static const auto* const kSet = new CharSet({{0x09, 0x0D},
                                               {0x20, 0x20},
                                               {0xA0, 0xA0},
                                               {0x1680, 0x1680},
                                               {0x2000, 0x200A},
                                               {0x2028, 0x2029},
                                               {0x202F, 0x202F},
                                               {0x205F, 0x205F},
                                               {0x3000, 0x3000},
                                               {0xFEFF, 0xFEFF}});
  return *kSet;
}

const CharSet& LineTerminators() {
  static const auto* const kSet = new CharSet({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
  return *kSet;
}

std::optional<CharSet> UnicodeProperty(std::string_view name) {
  for (const std::string_view prefix : {"General_Category=", "gc="}) {
    if (name.starts_with(prefix)) {
      name.remove_prefix(prefix.size());
      const auto found = std::ranges::find_if(kCategoryNames, [name](const CategoryName& category) {
        return category.short_name == name || category.long_name == name;
      });
      return found == kCategoryNames.end() ? std::nullopt : std::optional(OfCategories(found->members));
    }
  }
  for (const CategoryName& category : kCategoryNames) {
    if (category.short_name == name || category.long_name == name) return OfCategories(category.members);
  }
  if (name == "Any") return CharSet::All();
  if (name == "ASCII") return CharSet({{0, 0x7F}});
  if (name == "Assigned") return OfCategories(Bit(UTF8PROC_CATEGORY_CN)).Complement();
  if (name == "ASCII_Hex_Digit" || name == "AHex") return CharSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  if (name == "Hex_Digit" || name == "Hex") {  // PropList.txt
    return CharSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}, {0xFF10, 0xFF19}, {0xFF21, 0xFF26}, {0xFF41, 0xFF46}});
  }
  if (name == "White_Space" || name == "space") return WhiteSpaceProperty();
  return std::nullopt;
}

std::optional<CharSet> PosixClass(std::string_view name) {
  if (name == "alpha") return CharSet({{'A', 'Z'}, {'a', 'z'}});
  if (name == "digit") return DigitChars();
  if (name == "alnum") return CharSet({{'0', '9'}, {'A', 'Z'}, {'a', 'z'}});
  if (name == "upper") return CharSet({{'A', 'Z'}});
  if (name == "lower") return CharSet({{'a', 'z'}});
  if (name == "space") return CharSet({{0x09, 0x0D}, {' ', ' '}});
  if (name == "blank") return CharSet({{'\t', '\t'}, {' ', ' '}});
  if (name == "punct") return CharSet({{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}});
  if (name == "print") return CharSet({{' ', '~'}});
  if (name == "graph") return CharSet({{'!', '~'}});
  if (name == "cntrl") return CharSet({{0, 0x1F}, {0x7F, 0x7F}});
  if (name == "xdigit") return CharSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  if (name == "word") return WordChars();
  return std::nullopt;
}

CharSet CloseUnderCase(const CharSet& set) {
  std::vector<CharRange> ranges(set.ranges().begin(), set.ranges().end());
  for (const auto& members : CaseClasses()) {
    if (std::ranges::none_of(members, [&set](char32_t c) { return set.Contains(c); })) continue;
    for (const char32_t c : members) ranges.push_back({c, c});
  }
  return CharSet(std::move(ranges));
}

}  // namespace strata::grammar
