// `strata completion bash|zsh`: made from the declared options, so it cannot fall behind them.
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"

namespace strata::cli {
namespace {

/// "run" -> "--raw --stats ...", for every subcommand (nested ones as "model pull").
void Collect(const CLI::App& app, const std::string& path, std::vector<std::pair<std::string, std::string>>& words) {
  std::string own;
  for (const CLI::App* child : app.get_subcommands(nullptr)) {
    if (child->get_name().empty()) continue;
    own += child->get_name() + " ";
    Collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), words);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) own += "--" + name + " ";
  }
  words.emplace_back(path, own);
}

std::string BashCompletion(const CLI::App& app) {
  std::vector<std::pair<std::string, std::string>> words;
  Collect(app, "", words);
  std::string cases;
  for (const auto& [path, list] : words) cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, list);
  return fmt::format(R"(_strata() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} path="" word words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in -*) break ;; esac
    case " run chat model tokenize graph doctor bench grammar tools check recall eval completion quantize ls pull show mcp list call kb create add watch jobs remove set-access compact questions documents delete search ask " in *" $word "*) path="${{path:+$path }}$word" ;; esac
  done
  case $path in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur"))
}}
complete -o filenames -F _strata strata
)",
                     cases);
}

}  // namespace

void AddCompletion(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("completion", "Print shell completion: source <(strata completion bash)");
  auto shell = std::make_shared<std::string>("bash");
  command->add_option("shell", *shell, "bash, or zsh (through bashcompinit)")->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([shell, &app, &action] {
    action = [shell, &app]() -> Status {
      if (*shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
      fmt::print("{}", BashCompletion(app));
      return {};
    };
  });
}

}  // namespace strata::cli
