#include "formats/special_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMark = "<strata:special:";

}  // namespace

SpecialTexts::SpecialTexts(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  for (TokenId token = 0; token < tokenizer.vocab_size(); ++token) {
    if (!tokenizer.IsSpecial(token)) continue;
    std::string text(tokenizer.TokenBytes(token));
    if (text.empty()) continue;
    begins_[static_cast<unsigned char>(text.front())] = true;
    texts_.push_back(std::move(text));
  }
  std::ranges::stable_sort(texts_, std::ranges::greater(), &std::string::size);
}

int SpecialTexts::At(std::string_view text) const {
  if (text.empty() || !begins_[static_cast<unsigned char>(text.front())]) return -1;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    if (text.starts_with(texts_[i])) return static_cast<int>(i);
  }
  return -1;
}

bool SpecialTexts::Has(const Json& value) const {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (At(std::string_view(text).substr(i)) >= 0) return true;
    }
    return false;
  }
  if (!value.is_structured()) return false;
  for (const auto& [key, member] : value.items()) {
    if (Has(member) || (value.is_object() && Has(Json(key)))) return true;
  }
  return false;
}

std::string SpecialTexts::Hidden(std::string_view text) const {
  std::string hidden;
  while (!text.empty()) {
    const int special = At(text);
    if (special < 0) {
      hidden += text.front();
      text.remove_prefix(1);
    } else {
      hidden += fmt::format("{}{}>", kMark, special);
      text.remove_prefix(texts_[static_cast<std::size_t>(special)].size());
    }
  }
  return hidden;
}

void SpecialTexts::Hide(Json& value) const {
  if (value.is_string()) {
    value = Hidden(value.get_ref<const std::string&>());
  } else if (value.is_array()) {
    for (Json& element : value) Hide(element);
  } else if (value.is_object()) {
    Json hidden = Json::object();
    for (const auto& [key, member] : value.items()) Hide(hidden[Hidden(key)] = std::move(member));
    value = std::move(hidden);
  }
}

std::vector<TokenId> SpecialTexts::Encode(std::string& prompt, bool add_special_tokens) const {
  std::vector<TokenId> tokens;
  std::string restored;
  // Each piece as it stands: the special tokens that a model adds come with the first.
  const auto add = [&](std::string_view piece, bool parse_special) {
    const bool first = restored.empty();
    if (piece.empty() && !first) return;
    const std::vector<TokenId> more =
        tokenizer_.Encode(piece, {.add_special_tokens = add_special_tokens && first, .parse_special = parse_special});
    tokens.insert(tokens.end(), more.begin(), more.end());
    restored += piece;
  };
  std::string_view rest = prompt;
  for (std::size_t from = 0;;) {
    const std::size_t mark = rest.find(kMark, from);
    if (mark == std::string_view::npos) break;
    const std::string_view number = rest.substr(mark + kMark.size());
    std::size_t special = texts_.size();
    const auto read = std::from_chars(number.data(), number.data() + number.size(), special);
    const auto digits = static_cast<std::size_t>(read.ptr - number.data());
    if (read.ec != std::errc() || special >= texts_.size() || !number.substr(digits).starts_with('>')) {
      from = mark + kMark.size();  // somebody else's text
      continue;
    }
    add(rest.substr(0, mark), true);
    add(texts_[special], false);
    rest = number.substr(digits + 1);
    from = 0;
  }
  add(rest, true);
  prompt = std::move(restored);
  return tokens;
}

}  // namespace strata
