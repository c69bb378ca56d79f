// `strata kb`: knowledge bases of the user's own documents.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include "cli/commands.h"
#include "cli/kb_add.h"
#include "cli/kb_ask.h"
#include "cli/kb_base.h"
#include "cli/kb_eval.h"
#include "cli/kb_manage.h"
#include "cli/kb_questions.h"
#include "cli/kb_work.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using knowledge::DocumentRecord;
using knowledge::Job;
using knowledge::JobState;
using knowledge::KnowledgeBase;

constexpr std::size_t kPage = 1000;

struct KbOptions {
  std::string name;
  std::vector<std::string> paths;
  std::string embedding_model = "minilm";
  std::string language = "english";
  knowledge::Access access;
  bool everybody = false, once = false, background = false;
  /// For vectors, seconds. A few documents have theirs by then, so that what follows finds them by meaning, too.
  double wait = 10;
  double interval = 60;
  std::string state;
  std::size_t most_jobs = 1000;
  std::vector<std::int64_t> cancel, retry;
  AskOptions ask;
  EvalOptions eval;
  QuestionsOptions questions;
  LoadOptions load;
};

Status Create(const KbOptions& options) {
  STRATA_TRY(const std::string location, BaseLocation(options.name));
  STRATA_TRY(const auto embedder, LoadEmbedder(options.embedding_model, options.load));
  knowledge::BaseOptions base{.embedding_model = options.embedding_model, .language = options.language};
  base.chunks.max_tokens = std::min(base.chunks.max_tokens, embedder->max_tokens());
  STRATA_CHECK(KnowledgeBase::Create(location, base, *embedder));
  fmt::print("{}\n", location);
  return {};
}

/// Waits for those of a few documents, and leaves the others to the background.
Status FinishVectors(const KbOptions& options, const KnowledgeBase& base) {
  std::optional<std::chrono::duration<double>> at_most;
  if (options.wait >= 0) at_most = std::chrono::duration<double>(options.wait);
  STRATA_TRY(const bool all, WaitForVectors(base, at_most));
  if (all) return {};
  STRATA_TRY(const std::string log, WorkInBackground(options.name, options.load));
  STRATA_CHECK(TellOfMissingVectors(base.store()));
  fmt::print(
      stderr,
      "They are made in the background now, by strata kb work {0}, which writes to {1}; strata kb jobs {0} tells "
      "how far it is\n",
      options.name, log);
  return {};
}

Status Add(const KbOptions& options) {
  STRATA_TRY(const FoundFiles found, FindFiles(options.paths));
  STRATA_TRY(const OpenedBase opened, OpenBase(options.name, options.load));
  const Status added = AddFiles(*opened.base, found, options.access);
  STRATA_CHECK(FinishVectors(options, *opened.base));
  return added;
}

Status Work(const KbOptions& options) {
  if (options.background) ::setpriority(PRIO_PROCESS, 0, 10);  // best effort
  return WorkOnBase(options.name, options.load);
}

Status Remove(const KbOptions& options) {
  STRATA_TRY(const OpenedBase opened, OpenBase(options.name, options.load));
  for (const std::string& path : options.paths) {
    STRATA_TRY(const std::vector<std::string> sources, SourcesNamed(opened.base->store(), path));
    for (const std::string& uri : sources) {
      STRATA_TRY(const std::int64_t id, opened.base->Remove(uri));
      STRATA_TRY(const Job job, opened.base->WaitFor(id));
      if (job.state != JobState::kDone) return Fail(ErrorCode::kInternal, "{}: {}", uri, job.error);
    }
  }
  return {};
}

/// The store alone, where no model is needed; who has the base open sees what is changed within a fraction of a second.
Result<std::unique_ptr<knowledge::Store>> OpenStoreOf(const KbOptions& options) {
  STRATA_TRY(const std::string location, BaseLocation(options.name));
  return knowledge::OpenStore(location);
}

Status Jobs(const KbOptions& options) {
  STRATA_TRY(const auto store, OpenStoreOf(options));
  STRATA_CHECK(CancelJobs(*store, options.cancel));
  if (!options.retry.empty()) STRATA_CHECK(RetryJobs(*store, options.retry));
  if (!options.cancel.empty() || !options.retry.empty()) return {};
  STRATA_CHECK(PrintJobs(*store, options.state, options.most_jobs));
  return TellOfMissingVectors(*store);
}

Status ChangeAccess(const KbOptions& options) {
  if (options.access == knowledge::Access() && !options.everybody) {
    return Fail(ErrorCode::kInvalidArgument, "say who may find it: --user, --group, --label, or --everybody");
  }
  if (options.access != knowledge::Access() && options.everybody) {
    return Fail(ErrorCode::kInvalidArgument, "--everybody stands alone");
  }
  STRATA_TRY(const auto store, OpenStoreOf(options));
  return SetAccess(*store, options.paths, options.access);
}

Status Watch(const KbOptions& options) {
  HoldEndSignals();
  STRATA_TRY(const OpenedBase opened, OpenBase(options.name, options.load));
  if (options.once) {
    STRATA_CHECK(FollowOnce(*opened.base, options.paths));
    return FinishVectors(options, *opened.base);
  }
  return FollowFolders(*opened.base, options.paths, options.interval);
}

Status Evaluate(const KbOptions& options) {
  STRATA_TRY(const OpenedBase opened, OpenBase(options.name, options.load));
  STRATA_CHECK(WaitForVectors(*opened.base, {}));
  return EvaluateBase(*opened.base, options.eval, options.load);
}

Status Compact(const KbOptions& options) {
  STRATA_TRY(const OpenedBase opened, OpenBase(options.name, options.load));
  return opened.base->Compact();
}

Status Documents(const KbOptions& options) {
  STRATA_TRY(const OpenedBase opened, OpenBase(options.name, options.load));
  knowledge::DocumentId after = 0;
  for (;;) {
    STRATA_TRY(const std::vector<DocumentRecord> page, opened.base->store().Documents(after, kPage));
    for (const DocumentRecord& document : page) {
      fmt::print("{:>8}  {:>6} chunks  {}  {}\n", document.id, document.chunks, document.uri, document.title);
    }
    if (page.size() < kPage) return {};
    after = page.back().id;
  }
}

Status List() {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(BasesDirectory(), error)) {
    const auto options = KnowledgeBase::OptionsOf(entry.path());
    if (options) fmt::print("{}\t{}\n", entry.path().filename().string(), options->embedding_model);
  }
  if (error) return Fail(ErrorCode::kIo, "cannot list {}: {}", BasesDirectory(), error.message());
  return {};
}

Status Delete(const KbOptions& options) {
  STRATA_TRY(const std::string location, BaseLocation(options.name));
  return KnowledgeBase::Delete(location);
}

Status Search(const KbOptions& options) { return SearchBase(options.name, options.ask, options.load); }
Status Ask(const KbOptions& options) { return AskBase(options.name, options.ask, options.load); }

Status WriteQuestions(const KbOptions& options) {
  STRATA_TRY(const OpenedBase opened, OpenBase(options.name, options.load));
  STRATA_CHECK(WaitForVectors(*opened.base, {}));
  return GenerateGoldenSet(*opened.base, options.questions, options.load);
}

CLI::App* AddCommand(CLI::App& kb, Action& action, KbOptions& options, const std::string& name, const std::string& help,
                     Status (*run)(const KbOptions&)) {
  CLI::App* const command = kb.add_subcommand(name, help);
  command->add_option("NAME", options.name, "Name of the base, or a folder or postgres:// where it lies")->required();
  command->callback([&action, &options, run] { action = [&options, run] { return run(options); }; });
  return command;
}

void AddAccessOptions(CLI::App& command, knowledge::Access& access) {
  command.add_option("--user", access.users, "Who may find them; may be repeated")->allow_extra_args(false);
  command.add_option("--group", access.groups, "Whose members may find them; may be repeated")->allow_extra_args(false);
  command.add_option("--label", access.labels, "What one must have to find them; may be repeated")
      ->allow_extra_args(false);
}

}  // namespace

void AddKb(CLI::App& app, Action& action) {
  static KbOptions options;
  CLI::App* const kb = app.add_subcommand("kb", "Knowledge bases: your own documents, searched and answering");
  kb->require_subcommand(1);
  CLI::App* const create = AddCommand(*kb, action, options, "create", "Make an empty base", Create);
  create->add_option("--embedding-model", options.embedding_model, "The model that makes its vectors")
      ->capture_default_str();
  create->add_option("--language", options.language, "Of its stemmer and stop words, or none")->capture_default_str();
  CLI::App* const add =
      AddCommand(*kb, action, options, "add", "Read files, and folders with all that is in them", Add);
  add->add_option("PATH", options.paths, "Files and folders")->required();
  const auto add_wait = [](CLI::App& command) {
    command
        .add_option("--wait", options.wait,
                    "Seconds for vectors, of which the rest is left to the background; -1: for all")
        ->capture_default_str();
  };
  add_wait(*add);
  AddEmbeddingOptions(*add, options.load, "int8-columns");
  AddAccessOptions(*add, options.access);
  CLI::App* const work =
      AddCommand(*kb, action, options, "work", "Work on what is queued, make the vectors that are missing, end", Work);
  work->add_flag("--background", options.background, "With low priority");
  AddEmbeddingOptions(*work, options.load, "int8-columns");
  AddCommand(*kb, action, options, "remove", "Forget documents", Remove)
      ->add_option("DOCUMENT", options.paths, "Paths, of folders too, or URIs")
      ->required();
  CLI::App* const watch = AddCommand(*kb, action, options, "watch", "Follow folders: add, read again, forget", Watch);
  watch->add_option("FOLDER", options.paths, "Folders")->required();
  watch
      ->add_option("--interval", options.interval,
                   "Seconds between looks for what the kernel does not tell (of network file systems, links)")
      ->check(CLI::Range(.1, 86400.))
      ->capture_default_str();
  watch->add_flag("--once", options.once, "Look once");
  add_wait(*watch);
  AddEmbeddingOptions(*watch, options.load, "int8-columns");
  CLI::App* const access =
      AddCommand(*kb, action, options, "set-access", "Say who may find documents; holds at once", ChangeAccess);
  access->add_option("DOCUMENT", options.paths, "Paths, of folders too, or URIs")->required();
  AddAccessOptions(*access, options.access);
  access->add_flag("--everybody", options.everybody, "Everybody who may ask the base");
  CLI::App* const jobs = AddCommand(*kb, action, options, "jobs", "List what is being read, and what failed", Jobs);
  jobs->add_option("--state", options.state, "Only these: queued, running, done, failed, cancelled");
  jobs->add_option("--limit", options.most_jobs, "Jobs at most")->capture_default_str();
  jobs->add_option("--cancel", options.cancel, "Numbers of jobs to cancel");
  jobs->add_option("--retry", options.retry, "Numbers of failed jobs to queue again");
  CLI::App* const eval =
      AddCommand(*kb, action, options, "eval", "Score searches and answers by questions with known answers", Evaluate);
  eval->add_option("GOLDEN", options.eval.golden, "JSON lines: question, relevant, answer, unanswerable")->required();
  eval->add_option("--config", options.eval.configurations,
                   "legs, fusion, alpha, candidates, ef, diversity, rerank, variants, hyde, limit, source_tokens, "
                   "neighbours, max_tokens as NAME=VALUE,...; twice: they are compared")
      ->allow_extra_args(false);
  eval->add_option("--k", options.eval.k, "Documents that count")->check(CLI::Range(1, 1000))->capture_default_str();
  eval->add_flag("--tune", options.eval.tune, "Find the weight of the vectors, and keep it in the base");
  eval->add_option("--html", options.eval.html, "Write a report with plots");
  eval->add_flag("--answers", options.eval.answers, "Ask for answers, too, and judge them");
  eval->add_option("--model", options.eval.model, "The chat model")->capture_default_str();
  eval->add_option("--rerank-model", options.eval.rerank_model, "The model that scores passages, for rerank=N");
  AddLoadOptions(*eval, options.load);
  AddEmbeddingOptions(*eval, options.load, "int8-columns");
  CLI::App* const questions =
      AddCommand(*kb, action, options, "questions", "Write a golden set of the base's own text", WriteQuestions);
  questions->add_option("--count", options.questions.count, "Questions")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  questions->add_option("--seed", options.questions.seed, "Of which chunks are asked of")->capture_default_str();
  questions->add_option("--k", options.questions.k, "Hits among which a question must find its chunk")
      ->check(CLI::Range(1, 200))
      ->capture_default_str();
  questions->add_option("--output", options.questions.output, "The file; standard output where it is not given");
  questions->add_option("--model", options.questions.model, "The chat model")->capture_default_str();
  AddLoadOptions(*questions, options.load);
  AddEmbeddingOptions(*questions, options.load, "int8-columns");
  AddCommand(*kb, action, options, "compact", "Overwrite what was removed, in all files", Compact);
  AddCommand(*kb, action, options, "documents", "List what is in a base", Documents);
  AddCommand(*kb, action, options, "delete", "Delete a base and all that is in it", Delete);
  kb->add_subcommand("list", "List the bases")->callback([&action] { action = List; });
  for (const auto& [name, help, run] : {std::tuple{"search", "Find passages by words and meaning", &Search},
                                        {"ask", "Answer a question, with the places where it stands", &Ask}}) {
    CLI::App* const command = AddCommand(*kb, action, options, name, help, run);
    command->add_option("QUESTION", options.ask.question, "What is looked for")->required();
    command->add_option("--limit", options.ask.limit, "Passages at most")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_option("--model", options.ask.model, "The chat model")->capture_default_str();
    command->add_option("--rerank-model", options.ask.rerank_model, "The model that scores the best passages anew");
    command->add_option("--rerank", options.ask.rerank, "So many of them (50)")->check(CLI::Range(1, 1000));
    command
        ->add_option(
            "--said", options.ask.said,
            "What was said before, by you and the model in turns: the question is rewritten to stand for itself")
        ->allow_extra_args(false);
    command->add_option("--variants", options.ask.variants, "Other wordings that are searched, too")
        ->check(CLI::Range(0, 8))
        ->capture_default_str();
    command->add_flag("--hyde", options.ask.hyde, "Look for what the chat model thinks an answer would say");
    AddLoadOptions(*command, options.load);
    AddEmbeddingOptions(*command, options.load, "int8-columns");
  }
}

}  // namespace strata::cli
