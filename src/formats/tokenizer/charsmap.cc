#include <cstring>
#include <string_view>
#include <vector>

#include <utf8proc.h>

#include "formats/tokenizer/char_class.h"
#include "formats/tokenizer/normalizer.h"

namespace strata::tokenizer {
namespace {

/// Longest grapheme, in bytes, that is looked up whole.
constexpr std::size_t kWholeGrapheme = 5;

class Charsmap final : public Normalizer {
 public:
  Charsmap(std::vector<std::uint32_t> units, std::string replacements)
      : units_(std::move(units)), replacements_(std::move(replacements)) {}

  void Apply(std::string& text) const override {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = GraphemeEnd(text, at);
      const std::string_view grapheme = std::string_view(text).substr(at, end - at);
      if (grapheme.size() > kWholeGrapheme || !Append(grapheme, out)) {
        for (std::size_t i = 0; i < grapheme.size();) {
          const std::string_view character = grapheme.substr(i, CharacterAt(grapheme, i).length);
          if (!Append(character, out)) out += character;
          i += character.size();
        }
      }
      at = end;
    }
    text = std::move(out);
  }

 private:
  static std::size_t GraphemeEnd(std::string_view text, std::size_t at) {
    Character character = CharacterAt(text, at);
    std::size_t end = at + character.length;
    utf8proc_int32_t state = 0;
    while (end < text.size()) {
      const Character next = CharacterAt(text, end);
      // Between two ASCII characters there is a boundary, except within CR LF.
      if (character.code_point < 0x80 && next.code_point < 0x80 && character.code_point != '\r') break;
      if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(character.code_point),
                                           static_cast<utf8proc_int32_t>(next.code_point), &state)) {
        break;
      }
      character = next;
      end += next.length;
    }
    return end;
  }

  /// Appends the replacement of the shortest key that `chunk` begins with; false when there is none. (Darts' layout: an
  /// unit has a label, the offset of its children, and whether a leaf with a value is among them.)
  bool Append(std::string_view chunk, std::string& out) const {
    const auto offset = [](std::uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); };
    std::size_t node = offset(units_[0]);
    for (const char c : chunk) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte == 0) return false;
      node ^= byte;
      if (node >= units_.size()) return false;
      const std::uint32_t unit = units_[node];
      if ((unit & ((1U << 31) | 0xFF)) != byte) return false;
      node ^= offset(unit);
      if (node >= units_.size()) return false;
      if (((unit >> 8) & 1) != 0) {
        const std::size_t value = units_[node] & ((1U << 31) - 1);
        if (value >= replacements_.size()) return false;
        out += replacements_.c_str() + value;  // each ends with a NUL
        return true;
      }
    }
    return false;
  }

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace

Result<NormalizerPtr> MakeCharsmap(std::span<const std::byte> blob) {
  std::uint32_t trie_bytes = 0;
  if (blob.size() < sizeof(trie_bytes)) {
    return Fail(ErrorCode::kCorrupt, "precompiled_charsmap of {} bytes is too short", blob.size());
  }
  std::memcpy(&trie_bytes, blob.data(), sizeof(trie_bytes));
  const auto rest = blob.subspan(sizeof(trie_bytes));
  if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes > rest.size()) {
    return Fail(ErrorCode::kCorrupt, "precompiled_charsmap: a trie of {} bytes in {}", trie_bytes, rest.size());
  }
  std::vector<std::uint32_t> units(trie_bytes / 4);
  std::memcpy(units.data(), rest.data(), trie_bytes);
  const auto text = rest.subspan(trie_bytes);
  std::string replacements(reinterpret_cast<const char*>(text.data()), text.size());
  if (!IsValidUtf8(replacements)) {
    return Fail(ErrorCode::kCorrupt, "precompiled_charsmap: the replacements are not UTF-8");
  }
  return std::make_unique<Charsmap>(std::move(units), std::move(replacements));
}

}  // namespace strata::tokenizer
