#include "cli/kb_models.h"

#include <utility>
#include <vector>

#include "cli/model_pull.h"
#include "grammar/grammar.h"
#include "grammar/vocabulary.h"
#include "knowledge/models/engine_models.h"

namespace strata::cli {
namespace {

using GrammarOf = std::function<Result<std::shared_ptr<grammar::Grammar>>(const std::string&)>;

/// The vocabulary is arranged when it is first needed, and a grammar is made once for each schema.
GrammarOf MakeGrammarOf(const Session& session, const Engine& engine) {
  std::vector<TokenId> ends = engine.runner().config().eos_token_ids;
  if (ends.empty() && session.tokenizer->eos()) ends.push_back(*session.tokenizer->eos());
  struct Made {
    std::shared_ptr<const grammar::Vocabulary> vocabulary;
    std::string schema;
    std::shared_ptr<grammar::Grammar> grammar;
  };
  return [tokenizer = session.tokenizer, ends = std::move(ends),
          made = std::make_shared<Made>()](const std::string& schema) -> Result<std::shared_ptr<grammar::Grammar>> {
    if (made->grammar != nullptr && made->schema == schema && !made->grammar->worn()) return made->grammar;
    if (made->vocabulary == nullptr) made->vocabulary = std::make_shared<const grammar::Vocabulary>(*tokenizer, ends);
    STRATA_TRY(made->grammar, grammar::Grammar::Compile(
                                  made->vocabulary, {grammar::JsonFormat{nlohmann::ordered_json::parse(schema), {}}}));
    made->schema = schema;
    return made->grammar;
  };
}

}  // namespace

Result<std::unique_ptr<knowledge::Writer>> LoadWriter(const std::string& model, const LoadOptions& load) {
  STRATA_TRY(const std::string path, FindOrPullModel(model));
  STRATA_TRY(const Session session, OpenSession(path));
  STRATA_TRY(std::shared_ptr<Engine> engine, StartEngine(session, load));
  std::shared_ptr<const ChatTemplate> chat_template;
  if (session.chat_template) chat_template = std::make_shared<const ChatTemplate>(*session.chat_template);
  GrammarOf grammar_of = MakeGrammarOf(session, *engine);
  return knowledge::MakeWriter({.tokenizer = session.tokenizer,
                                .chat_template = std::move(chat_template),
                                .engine = std::move(engine),
                                .grammar_of = std::move(grammar_of)});
}

Result<std::unique_ptr<knowledge::Reranker>> LoadReranker(const std::string& model, const LoadOptions& load) {
  STRATA_TRY(const std::string path, FindOrPullModel(model));
  STRATA_TRY(const Session session, OpenSession(path));
  LoadOptions options = load;
  options.max_context = 0;  // the option is the chat model's
  STRATA_TRY(std::shared_ptr<PoolingEngine> engine, StartPoolingEngine(session, options));
  return knowledge::MakeReranker(
      {.name = model, .file = session.file, .tokenizer = session.tokenizer, .engine = std::move(engine)});
}

Result<AskedModels> LoadAskedModels(const std::string& writer, const std::string& reranker, const LoadOptions& load) {
  AskedModels models;
  if (!writer.empty()) {
    STRATA_TRY(models.writer, LoadWriter(writer, load));
  }
  if (!reranker.empty()) {
    STRATA_TRY(models.reranker, LoadReranker(reranker, load));
  }
  return models;
}

}  // namespace strata::cli
