// The tools that ask knowledge bases: what the key may see of them, as /v1/knowledge does.
#pragma once

#include "serve/mcp/tools.h"

namespace strata::serve::mcp {

ServedTool KnowledgeSearchTool();
ServedTool KnowledgeAnswerTool();

}  // namespace strata::serve::mcp
