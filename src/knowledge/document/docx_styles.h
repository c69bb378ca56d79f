// What a DOCX file's styles and numberings say of its paragraphs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

namespace strata::knowledge {

class DocxStyles {
 public:
  /// word/styles.xml.
  void Load(const pugi::xml_node& styles);
  /// 1 to 6 by the style's outline level or name, its bases included; 0: no heading.
  int HeadingLevel(std::string_view style) const;
  bool IsCode(std::string_view style) const;
  bool IsQuote(std::string_view style) const;
  bool IsCaption(std::string_view style) const;
  /// "numId" of the style, "" for none.
  std::string_view Numbering(std::string_view style) const;

 private:
  struct Style {
    std::string name, base, numbering;
    int outline = -1;
  };
  const Style* Find(std::string_view id) const;
  bool NameContains(std::string_view id, std::string_view word) const;
  std::map<std::string, Style, std::less<>> styles_;
};

/// Counts numbered paragraphs as Word does (ECMA-376 part 1, 17.9).
class DocxNumbering {
 public:
  /// word/numbering.xml.
  void Load(const pugi::xml_node& numbering);
  /// The number or bullet of the next paragraph of that numbering and level: "2.1. ", "a) ", "" for bullets.
  std::string Next(std::string_view num_id, int level);

 private:
  struct Level {
    std::string format = "decimal", text;
    int start = 1;
  };
  struct Abstract {
    std::map<int, Level> levels;
  };
  std::map<std::string, Abstract, std::less<>> abstracts_;
  std::map<std::string, std::string, std::less<>> abstract_of_;    // numId -> abstractNumId
  std::map<std::string, std::vector<int>, std::less<>> counters_;  // by abstractNumId
};

}  // namespace strata::knowledge
