#include "serve/knowledge/searching.h"

#include <utility>

#include "knowledge/models/engine_models.h"

namespace strata::serve::knowledge {

using namespace strata::knowledge;

Result<AskedModels> ModelsFor(const LoadedModels& models, std::int32_t tenant,
                              std::function<void(const strata::knowledge::WrittenTokens&)> on_written) {
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
    STRATA_TRY(asked.writer,
               MakeWriter({.tokenizer = served.tokenizer,
                           .chat_template = served.chat_template,
                           .engine = served.engine,
                           .tenant = tenant,
                           .grammar_of =
                               [&grammars = *models.generator->grammars](const std::string& schema) {
                                 return grammars.Get({grammar::JsonFormat{nlohmann::ordered_json::parse(schema), {}}});
                               },
                           .on_written = std::move(on_written)}));
  }
  return asked;
}

Result<AskedModels> CountedModels(const LoadedModels& models, std::int32_t tenant, Usage& usage) {
  return ModelsFor(models, tenant, [&usage](const WrittenTokens& tokens) {
    usage += {.prompt_tokens = tokens.prompt, .completion_tokens = tokens.written, .cached_tokens = tokens.cached};
  });
}

Service::Kind KindOf(const Query& search) {
  const SearchRequest& request = search.ask.search;
  const bool writes = !request.conversation.empty() || request.variants > 0 || request.hyde;
  return writes ? Service::Kind::kWriting : Service::Kind::kShort;
}

Result<SearchResult> SearchBase(BaseSet& bases, const LoadedModels& models, const Query& query) {
  STRATA_TRY(const std::shared_ptr<KnowledgeBase> base, bases.Open(query.base));
  STRATA_TRY(const AskedModels asked, ModelsFor(models, query.tenant));
  return Searcher(SourcesOf(*base), asked.ForSearch()).Search(query.ask.search);
}

}  // namespace strata::serve::knowledge
