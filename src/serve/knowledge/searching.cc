#include "serve/knowledge/searching.h"

#include <utility>

#include "knowledge/models/engine_models.h"
#include "serve/knowledge/json.h"
#include "serve/response_json.h"

namespace strata::serve::knowledge {

using namespace strata::knowledge;

Result<AskedModels> ModelsFor(const LoadedModels& models, std::int32_t tenant,
                              std::function<void(std::int64_t prompt, std::int64_t written)> on_written) {
  AskedModels asked;
  const auto ranker = models.FindPooling("", PoolingUse::kScore);
  if (ranker && (*ranker)->task() == ModelTask::kClassify) {
    const ServedPoolingModel& served = *(*ranker)->served;
    STRATA_TRY(
        asked.reranker,
        MakeReranker(
            {.name = (*ranker)->name(), .file = served.file, .tokenizer = served.tokenizer, .engine = served.engine}));
  }
  if (models.generator && models.generator->served->chat_template) {
    const ServedModel& served = *models.generator->served;
    STRATA_TRY(asked.writer, MakeWriter({.tokenizer = served.tokenizer,
                                         .chat_template = served.chat_template,
                                         .engine = served.engine,
                                         .tenant = tenant,
                                         .on_written = std::move(on_written)}));
  }
  return asked;
}

Answer AnswerSearch(BaseSet& bases, const LoadedModels& models, const Asker& asker, const std::string& name,
                    std::string_view body) {
  const auto query = ReadSearchBody(body, asker, name);
  if (!query) return std::unexpected(query.error());
  const auto base = bases.Open(name);
  if (!base) return std::unexpected(ToApiError(base.error()));
  const auto asked = ModelsFor(models, asker.tenant);
  if (!asked) return std::unexpected(ToApiError(asked.error()));
  const Searcher searcher(SourcesOf(**base), asked->ForSearch());
  const auto found = searcher.Search(query->ask.search);
  if (!found) return std::unexpected(ToApiError(found.error()));
  return HttpResponse{.body = Dump(SearchJson(name, *found)), .headers = {}};
}

}  // namespace strata::serve::knowledge
