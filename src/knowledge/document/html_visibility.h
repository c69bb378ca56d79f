// What of a page a person does not see or did not come for.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include <gumbo.h>

namespace strata::knowledge {

/// The value of an attribute; empty where there is none.
std::string_view Attribute(const GumboElement& element, const char* name);

/// What style sheets and attributes say of elements, as far as it can be told without a layout.
class HtmlVisibility {
 public:
  /// Reads the rules of a <style>: those that hide a class, an id or nothing else are kept, all in @ blocks are not.
  void AddStyleSheet(std::string_view css);
  /// There is a style sheet elsewhere: colours alone then say nothing.
  void AddUnknownSheet() { knows_all_ = false; }

  /// By the element's own attributes; its children share it.
  bool Hides(const GumboElement& element) const;

 private:
  std::set<std::string, std::less<>> hidden_classes_, hidden_ids_;
  bool knows_all_ = true;
};

/// Navigation, footers, cookie notices, share buttons: by element, role or class.
bool IsBoilerplate(const GumboElement& element);

/// Elements whose content is no text of the page.
bool IsNoText(GumboTag tag);

}  // namespace strata::knowledge
