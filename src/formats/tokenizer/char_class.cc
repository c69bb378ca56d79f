#include "formats/tokenizer/char_class.h"

#include <iterator>
#include <map>

#include <utf8proc.h>

namespace strata::tokenizer {
namespace {

/// What the general category alone says, in the order of utf8proc's numbers.
constexpr std::uint16_t kOfCategory[] = {
    0,                               // Cn, unassigned
    kLetter | kWord | kUpperLetter,  // Lu
    kLetter | kWord | kLowerLetter,  // Ll
    kLetter | kWord | kUpperLetter,  // Lt
    kLetter | kWord | kOtherLetter,  // Lm
    kLetter | kWord | kOtherLetter,  // Lo
    kMark | kWord | kNonspacing,     // Mn
    kMark | kWord,                   // Mc
    kMark | kWord,                   // Me
    kNumber | kWord,                 // Nd
    kNumber | kWord,                 // Nl
    kNumber,                         // No
    kPunctuation | kWord,            // Pc
    kPunctuation,                    // Pd
    kPunctuation,                    // Ps
    kPunctuation,                    // Pe
    kPunctuation,                    // Pi
    kPunctuation,                    // Pf
    kPunctuation,                    // Po
    kSymbol,                         // Sm
    kSymbol,                         // Sc
    kSymbol,                         // Sk
    kSymbol,                         // So
    kSpace,                          // Zs
    kSpace,                          // Zl
    kSpace,                          // Zp
    kOther,                          // Cc
    kOther,                          // Cf
    kOther,                          // Cs
    kOther,                          // Co
};
static_assert(std::size(kOfCategory) == UTF8PROC_CATEGORY_CO + 1);

std::uint16_t Classify(char32_t c) {
  unsigned bits = kOfCategory[utf8proc_category(static_cast<utf8proc_int32_t>(c))];
  // White_Space beyond separators.
  if ((c >= 0x09 && c <= 0x0D) || c == 0x85) bits |= kSpace;
  // Other_Alphabetic beyond marks: the circled and squared Latin letters.
  if ((c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
      (c >= 0x1F170 && c <= 0x1F189)) {
    bits |= kWord;
  }
  if (c == 0x200C || c == 0x200D) bits |= kWord;
  if (c == '\r' || c == '\n') bits |= kNewline;
  if (c > 0x20 && c < 0x7F) bits |= (bits & kLetter) != 0 ? kAsciiLetter : (bits & kNumber) != 0 ? 0 : kAsciiPunct;
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
