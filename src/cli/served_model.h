// A model loaded for a server.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "serve/server.h"

namespace strata::cli {

/// Loads the model and hands it to the server, or tells the server why it cannot.
Status LoadInto(serve::Server& server, const std::string& model_path, const LoadOptions& load);

}  // namespace strata::cli
