#include "knowledge/document/docx_styles.h"

#include <algorithm>

#include <fmt/format.h>

#include "knowledge/document/clean_text.h"
#include "knowledge/document/number.h"
#include "knowledge/document/xml.h"

namespace strata::knowledge {
namespace {

constexpr int kMaxLevels = 9;
// Chains of base styles that are longer are cycles.
constexpr int kMaxBases = 20;

std::string_view Value(const pugi::xml_node& node, std::string_view child) {
  return AttributeOf(ChildOf(node, child), "val");
}

std::string Roman(int value) {
  if (value <= 0 || value >= 4000) return fmt::format("{}", value);
  static constexpr std::pair<int, std::string_view> kDigits[] = {
      {1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"},
      {40, "xl"},  {10, "x"},   {9, "ix"},  {5, "v"},    {4, "iv"},  {1, "i"}};
  std::string out;
  for (const auto& [worth, digit] : kDigits) {
    for (; value >= worth; value -= worth) out += digit;
  }
  return out;
}

/// a, b, ... z, aa, bb, ... (17.18.59, lowerLetter).
std::string Letter(int value) {
  if (value <= 0 || value > 26 * 10) return fmt::format("{}", value);
  return std::string(static_cast<std::size_t>((value - 1) / 26 + 1), static_cast<char>('a' + (value - 1) % 26));
}

std::string Written(int value, std::string_view format) {
  const auto upper = [](std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    return text;
  };
  if (format == "lowerRoman") return Roman(value);
  if (format == "upperRoman") return value > 0 && value < 4000 ? upper(Roman(value)) : Roman(value);
  if (format == "lowerLetter") return Letter(value);
  if (format == "upperLetter") return value > 0 && value <= 260 ? upper(Letter(value)) : Letter(value);
  return fmt::format("{}", value);
}

}  // namespace

void DocxStyles::Load(const pugi::xml_node& styles) {
  for (const pugi::xml_node node : styles.children()) {
    if (LocalName(node) != "style") continue;
    const pugi::xml_node paragraph = ChildOf(node, "pPr");
    const std::string_view outline = Value(paragraph, "outlineLvl");
    styles_.try_emplace(std::string(AttributeOf(node, "styleId")),
                        Style{.name = LowerAscii(Value(node, "name")),
                              .base = std::string(Value(node, "basedOn")),
                              .numbering = std::string(Value(ChildOf(paragraph, "numPr"), "numId")),
                              .outline = NumberOr(outline, -1)});
  }
}

const DocxStyles::Style* DocxStyles::Find(std::string_view id) const {
  const auto found = styles_.find(id);
  return found == styles_.end() ? nullptr : &found->second;
}

int DocxStyles::HeadingLevel(std::string_view id) const {
  const Style* style = Find(id);
  for (int i = 0; style != nullptr && i < kMaxBases; ++i, style = Find(style->base)) {
    if (style->outline >= 0) return style->outline < 9 ? std::min(style->outline + 1, 6) : 0;
    if (style->name == "title") return 1;
    if (style->name == "subtitle") return 2;
    if (style->name.starts_with("heading "))
      return std::clamp(NumberOr(std::string_view(style->name).substr(8), 0), 0, 6);
  }
  return 0;
}

bool DocxStyles::NameContains(std::string_view id, std::string_view word) const {
  const Style* style = Find(id);
  return style != nullptr && style->name.find(word) != style->name.npos;
}

bool DocxStyles::IsCode(std::string_view id) const {
  return NameContains(id, "code") || NameContains(id, "preformatted") || NameContains(id, "macro");
}
bool DocxStyles::IsQuote(std::string_view id) const { return NameContains(id, "quote"); }
bool DocxStyles::IsCaption(std::string_view id) const { return NameContains(id, "caption"); }

std::string_view DocxStyles::Numbering(std::string_view id) const {
  const Style* style = Find(id);
  for (int i = 0; style != nullptr && i < kMaxBases; ++i, style = Find(style->base)) {
    if (!style->numbering.empty()) return style->numbering;
  }
  return {};
}

void DocxNumbering::Load(const pugi::xml_node& numbering) {
  for (const pugi::xml_node node : numbering.children()) {
    if (LocalName(node) == "abstractNum") {
      Abstract& abstract = abstracts_[std::string(AttributeOf(node, "abstractNumId"))];
      for (const pugi::xml_node level : node.children()) {
        if (LocalName(level) != "lvl") continue;
        abstract.levels[NumberOr(AttributeOf(level, "ilvl"), 0)] = {.format = std::string(Value(level, "numFmt")),
                                                                    .text = std::string(Value(level, "lvlText")),
                                                                    .start = NumberOr(Value(level, "start"), 1)};
      }
    } else if (LocalName(node) == "num") {
      abstract_of_.try_emplace(std::string(AttributeOf(node, "numId")), std::string(Value(node, "abstractNumId")));
    }
  }
}

std::string DocxNumbering::Next(std::string_view num_id, int level) {
  const auto abstract_id = abstract_of_.find(num_id);
  if (abstract_id == abstract_of_.end()) return {};
  const auto abstract = abstracts_.find(abstract_id->second);
  if (abstract == abstracts_.end()) return {};
  level = std::clamp(level, 0, kMaxLevels - 1);
  std::vector<int>& counters = counters_[abstract_id->second];
  const auto level_of = [&](int i) {
    const auto found = abstract->second.levels.find(i);
    return found == abstract->second.levels.end() ? Level{} : found->second;
  };
  for (int i = static_cast<int>(counters.size()); i < level; ++i) counters.push_back(level_of(i).start);
  counters.resize(std::min(counters.size(), static_cast<std::size_t>(level) + 1));
  if (counters.size() == static_cast<std::size_t>(level)) {
    counters.push_back(level_of(level).start);
  } else {
    ++counters.back();
  }
  const Level own = level_of(level);
  if (own.format == "bullet" || own.format == "none") return {};
  std::string text;
  for (std::size_t i = 0; i < own.text.size(); ++i) {
    const char digit = own.text[i] == '%' && i + 1 < own.text.size() ? own.text[i + 1] : '\0';
    if (digit < '1' || digit > '9') {
      text += own.text[i];
      continue;
    }
    ++i;
    const int place = digit - '1';
    if (place <= level) text += Written(counters[static_cast<std::size_t>(place)], level_of(place).format);
  }
  return text.empty() ? text : text + " ";
}

}  // namespace strata::knowledge
