#include "knowledge/document/html_visibility.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "knowledge/document/clean_text.h"

namespace strata::knowledge {
namespace {

struct Declaration {
  std::string property, value;
};

std::vector<Declaration> Declarations(std::string_view style) {
  std::vector<Declaration> declarations;
  while (!style.empty()) {
    const std::size_t end = style.find(';');
    const std::string_view one = style.substr(0, end);
    if (const std::size_t colon = one.find(':'); colon != one.npos) {
      std::string value = LowerAscii(TrimSpaces(one.substr(colon + 1)));
      if (const std::size_t mark = value.find('!'); mark != value.npos) value = TrimSpaces(value.substr(0, mark));
      declarations.push_back({LowerAscii(TrimSpaces(one.substr(0, colon))), std::move(value)});
    }
    style = end == style.npos ? std::string_view() : style.substr(end + 1);
  }
  return declarations;
}

std::optional<double> Number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

bool IsFarOff(std::string_view length) {
  const auto value = Number(length);
  return value && *value <= -999;
}

bool HidesByItself(const Declaration& d) {
  if (d.property == "display") return d.value == "none";
  if (d.property == "visibility") return d.value == "hidden" || d.value == "collapse";
  if (d.property == "opacity") return Number(d.value) == 0.0;
  if (d.property == "font-size") {
    const auto size = Number(d.value);
    return size && (*size == 0 || (*size <= 1 && d.value.ends_with("px")));
  }
  if (d.property == "left" || d.property == "top" || d.property == "text-indent" || d.property == "margin-left") {
    return IsFarOff(d.value);
  }
  return d.property == "color" && d.value == "transparent";
}

bool IsWhite(std::string_view color) {
  return color == "white" || color == "#fff" || color == "#ffffff" || color == "#fefefe" ||
         color == "rgb(255,255,255)" || color == "rgb(255, 255, 255)";
}

bool Hides(const std::vector<Declaration>& declarations, bool white_page) {
  std::string_view color, background;
  bool zero_height = false, cut = false;
  for (const Declaration& d : declarations) {
    if (HidesByItself(d)) return true;
    if (d.property == "color") color = d.value;
    if (d.property == "background-color" || d.property == "background") background = d.value;
    if (d.property == "height" || d.property == "width" || d.property == "max-height") {
      zero_height = zero_height || Number(d.value) == 0.0;
    }
    if (d.property == "overflow") cut = d.value == "hidden" || d.value == "clip";
  }
  if (zero_height && cut) return true;
  if (color.empty()) return false;
  return color == background || (IsWhite(color) && (IsWhite(background) || (background.empty() && white_page)));
}

std::string WithoutComments(std::string_view css) {
  std::string out;
  while (true) {
    const std::size_t begin = css.find("/*");
    out += css.substr(0, begin);
    const std::size_t end = begin == css.npos ? css.npos : css.find("*/", begin + 2);
    if (end == css.npos) return out;
    css.remove_prefix(end + 2);
  }
}

/// Calls visit(word) for each word of "main-nav primary_menu".
template <class Visit>
void ForEachWord(std::string_view text, const char* separators, Visit&& visit) {
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(separators);
    if (end != 0) visit(text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
}

constexpr std::array kBoilerplateWords = {
    std::string_view("nav"),     std::string_view("navbar"),     std::string_view("navigation"),
    std::string_view("menu"),    std::string_view("breadcrumb"), std::string_view("breadcrumbs"),
    std::string_view("sidebar"), std::string_view("footer"),     std::string_view("cookie"),
    std::string_view("cookies"), std::string_view("consent"),    std::string_view("share"),
    std::string_view("social"),  std::string_view("advert"),     std::string_view("advertisement"),
    std::string_view("ads"),     std::string_view("pagination"), std::string_view("newsletter"),
    std::string_view("skip"),    std::string_view("toolbar"),    std::string_view("headerlink"),
};

bool HasBoilerplateWord(std::string_view names) {
  bool found = false;
  ForEachWord(names, " \t\n-_", [&](std::string_view word) {
    found = found || std::ranges::find(kBoilerplateWords, LowerAscii(word)) != kBoilerplateWords.end();
  });
  return found;
}

}  // namespace

std::string_view Attribute(const GumboElement& element, const char* name) {
  const GumboAttribute* attribute = gumbo_get_attribute(&element.attributes, name);
  return attribute == nullptr ? std::string_view() : std::string_view(attribute->value);
}

void HtmlVisibility::AddStyleSheet(std::string_view text) {
  const std::string sheet = WithoutComments(text);
  std::string_view css = sheet;
  while (!css.empty()) {
    const std::size_t open = css.find('{');
    if (open == css.npos) break;
    const std::string_view selectors = TrimSpaces(css.substr(0, open));
    std::size_t close = open + 1;
    for (int depth = 1; close < css.size() && depth > 0; ++close) {
      depth += css[close] == '{' ? 1 : css[close] == '}' ? -1 : 0;
    }
    const std::string_view body = css.substr(open + 1, close - open - (close > open + 1 ? 2 : 1));
    css.remove_prefix(close);
    if (selectors.starts_with('@') || !knowledge::Hides(Declarations(body), false)) continue;
    ForEachWord(selectors, ",", [this](std::string_view selector) {
      selector = TrimSpaces(selector);
      if (selector.size() < 2 || selector.find_first_of(" >+~:[.#\t\n", 1) != selector.npos) return;
      if (selector[0] == '.') hidden_classes_.emplace(selector.substr(1));
      if (selector[0] == '#') hidden_ids_.emplace(selector.substr(1));
    });
  }
  knows_all_ = false;
}

bool HtmlVisibility::Hides(const GumboElement& element) const {
  if (element.attributes.length == 0) return false;
  if (gumbo_get_attribute(&element.attributes, "hidden") != nullptr) return true;
  if (const std::string_view style = Attribute(element, "style"); !style.empty()) {
    if (knowledge::Hides(Declarations(style), knows_all_)) return true;
  }
  if (element.tag == GUMBO_TAG_FONT && knows_all_ && IsWhite(LowerAscii(Attribute(element, "color")))) return true;
  if (hidden_ids_.contains(Attribute(element, "id"))) return true;
  bool hidden = false;
  if (!hidden_classes_.empty()) {
    ForEachWord(Attribute(element, "class"), " \t\n",
                [&](std::string_view name) { hidden = hidden || hidden_classes_.contains(name); });
  }
  return hidden;
}

bool IsBoilerplate(const GumboElement& element) {
  switch (element.tag) {
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_FOOTER:
      return true;
    case GUMBO_TAG_HTML:
    case GUMBO_TAG_BODY:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_TBODY:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
      return false;
    default:
      break;
  }
  const std::string_view role = Attribute(element, "role");
  if (role == "navigation" || role == "contentinfo" || role == "search" || role == "menu" || role == "menubar") {
    return true;
  }
  return HasBoilerplateWord(Attribute(element, "class")) || HasBoilerplateWord(Attribute(element, "id"));
}

bool IsNoText(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_EMBED:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_NOFRAMES:
    case GUMBO_TAG_RT:
    case GUMBO_TAG_RP:
      return true;
    default:
      return false;
  }
}

}  // namespace strata::knowledge
