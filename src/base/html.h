// Text inside HTML.
#pragma once

#include <string>
#include <string_view>

namespace strata {

/// For text and for attributes in quotes of either kind, as Python's markupsafe spells it: &amp; &lt; &gt; &#34; &#39;.
std::string EscapeHtml(std::string_view text);

}  // namespace strata
