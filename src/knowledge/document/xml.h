// XML parts of packages, with pugixml: no DTD is read, no entity but XML's own is known, nothing is fetched.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <pugixml.hpp>

#include "base/result.h"

namespace strata::knowledge {

using PackageParts = std::map<std::string, std::string, std::less<>>;

/// Errors: kCorrupt with the part's name and the offset.
Status LoadXml(std::string_view xml, std::string_view name, pugi::xml_document& document);

/// The name without its prefix: "w:p" -> "p".
std::string_view LocalName(const pugi::xml_node& node);
/// The first child of that local name; a null node where there is none.
pugi::xml_node ChildOf(const pugi::xml_node& node, std::string_view local_name);
/// The value of the first attribute of that local name; empty where there is none.
std::string_view AttributeOf(const pugi::xml_node& node, std::string_view local_name);
/// Calls visit(node) for each element below `node`, in order; false: not into its children. Not recursive.
void ForEachBelow(const pugi::xml_node& node, const std::function<bool(const pugi::xml_node&)>& visit);
/// All text below `node`.
std::string TextBelow(const pugi::xml_node& node);

/// OPC relationships (ECMA-376 part 2, 9.3) of a part: id -> path of the target within the package. Targets outside it
/// are left out.
struct Relationships {
  std::map<std::string, std::string, std::less<>> by_id;
  /// By the last part of the relationship's type ("styles", "notesSlide"): the first such target.
  std::map<std::string, std::string, std::less<>> by_type;
};
Relationships RelationshipsOf(const PackageParts& parts, std::string_view part);
/// The part, path and content, that a relationship leads to; nullptr where the package has none.
const PackageParts::value_type* TargetOf(const PackageParts& parts, const Relationships& related, std::string_view id);

/// "ppt/slides/a.xml" and "../media/b.xml" -> "ppt/media/b.xml"; empty where that leads out of the package.
std::string ResolvePath(std::string_view base_part, std::string_view target);

class DocumentBuilder;
/// docProps/core.xml: title, author, dates, subject.
void ReadCoreProperties(const PackageParts& parts, DocumentBuilder& builder);

}  // namespace strata::knowledge
