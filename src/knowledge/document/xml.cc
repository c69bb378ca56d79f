#include "knowledge/document/xml.h"

#include <vector>

#include "knowledge/document/builder.h"

namespace strata::knowledge {

Status LoadXml(std::string_view xml, std::string_view name, pugi::xml_document& document) {
  const pugi::xml_parse_result result = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_auto);
  if (result.status == pugi::status_out_of_memory) throw std::bad_alloc();
  if (!result) {
    return Fail(ErrorCode::kCorrupt, "{}: at offset {}: {}", name, result.offset, result.description());
  }
  return {};
}

std::string_view LocalName(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

pugi::xml_node ChildOf(const pugi::xml_node& node, std::string_view local_name) {
  for (pugi::xml_node child : node.children()) {
    if (LocalName(child) == local_name) return child;
  }
  return {};
}

std::string_view AttributeOf(const pugi::xml_node& node, std::string_view local_name) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    const std::string_view name = attribute.name();
    const std::size_t colon = name.find(':');
    if (name.substr(colon == name.npos ? 0 : colon + 1) == local_name) return attribute.value();
  }
  return {};
}

void ForEachBelow(const pugi::xml_node& node, const std::function<bool(const pugi::xml_node&)>& visit) {
  pugi::xml_node at = node.first_child();
  while (at && at != node) {
    const bool into = at.type() == pugi::node_element && visit(at);
    pugi::xml_node next = into ? at.first_child() : pugi::xml_node();
    for (; !next && at != node; at = at.parent()) {
      next = at.next_sibling();
      if (next) break;
    }
    if (!next) return;
    at = next;
  }
}

std::string TextBelow(const pugi::xml_node& node) {
  std::string text;
  const auto append = [&](const pugi::xml_node& element) {
    for (const pugi::xml_node child : element.children()) {
      if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) text += child.value();
    }
    return true;
  };
  append(node);
  ForEachBelow(node, append);
  return text;
}

const PackageParts::value_type* TargetOf(const PackageParts& parts, const Relationships& related, std::string_view id) {
  const auto target = related.by_id.find(id);
  const auto part = target == related.by_id.end() ? parts.end() : parts.find(target->second);
  return part == parts.end() ? nullptr : &*part;
}

std::string ResolvePath(std::string_view base_part, std::string_view target) {
  std::vector<std::string_view> folders;
  const auto add = [&](std::string_view path) {
    while (!path.empty()) {
      const std::size_t end = path.find('/');
      const std::string_view name = path.substr(0, end);
      path = end == path.npos ? std::string_view() : path.substr(end + 1);
      if (name == "..") {
        if (folders.empty()) return false;
        folders.pop_back();
      } else if (!name.empty() && name != ".") {
        folders.push_back(name);
      }
    }
    return true;
  };
  const std::size_t slash = base_part.rfind('/');
  if (!target.starts_with('/') && slash != base_part.npos) add(base_part.substr(0, slash));
  if (!add(target)) return {};
  std::string path;
  for (const std::string_view name : folders) (path += path.empty() ? "" : "/") += name;
  return path;
}

Relationships RelationshipsOf(const PackageParts& parts, std::string_view part) {
  Relationships relationships;
  const std::size_t slash = part.rfind('/');
  const std::string_view folder = slash == part.npos ? "" : part.substr(0, slash + 1);
  const std::string_view file = slash == part.npos ? part : part.substr(slash + 1);
  const auto found = parts.find(fmt::format("{}_rels/{}.rels", folder, file));
  pugi::xml_document xml;
  if (found == parts.end() || !LoadXml(found->second, found->first, xml)) return relationships;
  for (const pugi::xml_node one : xml.document_element().children()) {
    if (AttributeOf(one, "TargetMode") == "External") continue;
    std::string path = ResolvePath(part, AttributeOf(one, "Target"));
    if (path.empty()) continue;
    const std::string_view type = AttributeOf(one, "Type");
    const std::size_t last = type.rfind('/');
    relationships.by_type.try_emplace(std::string(last == type.npos ? type : type.substr(last + 1)), path);
    relationships.by_id.try_emplace(std::string(AttributeOf(one, "Id")), std::move(path));
  }
  return relationships;
}

void ReadCoreProperties(const PackageParts& parts, DocumentBuilder& builder) {
  const auto found = parts.find("docProps/core.xml");
  pugi::xml_document xml;
  if (found == parts.end() || !LoadXml(found->second, found->first, xml)) return;
  for (const pugi::xml_node one : xml.document_element().children()) {
    const std::string_view name = LocalName(one);
    const std::string text = TextBelow(one);
    if (name == "title") builder.SetTitle(text);
    if (name == "creator") builder.SetMetadata("author", text);
    if (name == "subject" || name == "keywords" || name == "description" || name == "language" || name == "created" ||
        name == "modified") {
      builder.SetMetadata(std::string(name), text);
    }
  }
}

}  // namespace strata::knowledge
