#include "formats/tokenizer/char_class.h"

#include <map>

#include <utf8proc.h>

#include "base/unicode.h"

namespace strata::tokenizer {
namespace {

std::uint16_t Classify(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  unsigned bits = 0;
  if (IsLetter(c)) bits |= kLetter | kWord;
  if (IsNumber(c)) bits |= kNumber;
  if (IsMark(c)) bits |= kMark | kWord;
  if (IsPunctuation(c)) bits |= kPunctuation;
  if (IsSymbol(c)) bits |= kSymbol;
  if (IsWhiteSpace(c)) bits |= kSpace;
  if (IsControl(c)) bits |= kOther;
  if (category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT) bits |= kUpperLetter;
  if (category == UTF8PROC_CATEGORY_LL) bits |= kLowerLetter;
  if (category == UTF8PROC_CATEGORY_LM || category == UTF8PROC_CATEGORY_LO) bits |= kOtherLetter;
  if (category == UTF8PROC_CATEGORY_MN) bits |= kNonspacing;
  if (category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_PC) {
    bits |= kWord;
  }
  // Other_Alphabetic beyond marks: the circled and squared Latin letters.
  if ((c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
      (c >= 0x1F170 && c <= 0x1F189)) {
    bits |= kWord;
  }
  if (c == 0x200C || c == 0x200D) bits |= kWord;
  if (c == '\r' || c == '\n') bits |= kNewline;
  if (c > 0x20 && c < 0x7F) bits |= (IsLetter(c) ? kAsciiLetter : IsNumber(c) ? 0 : kAsciiPunct);
  return static_cast<std::uint16_t>(bits);
}

}  // namespace

CharTable::CharTable() {
  std::map<std::array<std::uint16_t, kBlock>, std::uint16_t> seen;
  for (char32_t block = 0; block < kLimit / kBlock; ++block) {
    std::array<std::uint16_t, kBlock> bits{};
    for (char32_t i = 0; i < kBlock; ++i) bits[i] = Classify(block * kBlock + i);
    const auto [entry, added] = seen.emplace(bits, static_cast<std::uint16_t>(blocks_.size()));
    if (added) blocks_.push_back(bits);
    block_of_[block] = entry->second;
  }
}

const CharTable& CharClasses() {
  static const CharTable table;
  return table;
}

}  // namespace strata::tokenizer
