#include "cli/kb_questions.h"

#include <cstdio>

#include <fmt/format.h>

#include "base/mapped_file.h"
#include "cli/kb_models.h"
#include "cli/progress.h"
#include "knowledge/evaluate/questions.h"

namespace strata::cli {

Status GenerateGoldenSet(const knowledge::KnowledgeBase& base, const QuestionsOptions& options,
                         const LoadOptions& load) {
  STRATA_TRY(const AskedModels models, LoadAskedModels(options.model, "", load));
  const knowledge::Searcher searcher(knowledge::SourcesOf(base), models.ForSearch());
  Result<knowledge::GeneratedQuestions> made;
  {
    ProgressBar bar;
    made = knowledge::GenerateQuestions(searcher, {.count = options.count,
                                                   .seed = options.seed,
                                                   .k = options.k,
                                                   .on_tried = [&](std::size_t tried, std::size_t kept) {
                                                     bar.Update(
                                                         static_cast<double>(kept) / static_cast<double>(options.count),
                                                         fmt::format("{} of {} chunks gave a question", kept, tried));
                                                     return true;
                                                   }});
  }
  if (!made) return std::unexpected(made.error());
  fmt::print(stderr,
             "{} questions of {} chunks; left out: {} without an end, {} copied, {} whose answer the chunk has not, {} "
             "repeated, {} that do not find their chunk\n",
             made->questions.size(), made->tried, made->malformed, made->copied, made->unfounded, made->repeated,
             made->not_found);
  if (made->questions.empty())
    return Fail(ErrorCode::kNotFound, "{} writes no question that tests a search", options.model);
  const std::string text = knowledge::FormatGoldenSet(made->questions);
  if (!options.output.empty()) return WriteFileAtomically(options.output, text);
  fmt::print("{}", text);
  return {};
}

}  // namespace strata::cli
