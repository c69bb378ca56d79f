// A server with its model: what `strata serve` runs and `strata bench --http` measures.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "serve/server.h"

namespace strata::cli {

class RunningServer {
 public:
  /// A server on a free port of 127.0.0.1 with the model loaded.
  static Result<std::unique_ptr<RunningServer>> Start(const std::string& model_path, const LoadOptions& load);
  ~RunningServer();

  std::uint16_t port() const { return server_->port(); }
  const std::string& model_name() const { return model_name_; }

 private:
  RunningServer() = default;
  std::unique_ptr<serve::Server> server_;
  std::string model_name_;
};

/// Loads the model and hands it to the server, or tells the server why it cannot.
Status LoadInto(serve::Server& server, const std::string& model_path, const LoadOptions& load);

}  // namespace strata::cli
