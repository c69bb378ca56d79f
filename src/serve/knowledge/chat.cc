#include "serve/knowledge/chat.h"

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/unicode.h"
#include "serve/field_table.h"
#include "serve/knowledge/json.h"
#include "serve/knowledge/principal.h"
#include "serve/response_json.h"
#include "serve/sse.h"

namespace strata::serve::knowledge {
namespace {

namespace asio = boost::asio;
using strata::knowledge::Abstention;
using strata::knowledge::Citation;
using strata::knowledge::Source;
using strata::knowledge::Statement;
using strata::knowledge::Writer;

/// Characters of the whole text [begin, end) that a statement is, with each place where it stands: OpenAI's form, and
/// what it has no member for.
Json AnnotationsJson(const Statement& statement, std::size_t begin, std::size_t end) {
  Json list = Json::array();
  for (const Citation& citation : statement.citations) {
    list.push_back({{"type", "url_citation"},
                    {"url_citation",
                     {{"start_index", begin}, {"end_index", end}, {"title", citation.title}, {"url", citation.uri}}},
                    {"knowledge", CitationJson(citation)}});
  }
  return list;
}

class ChatTeller final : public Teller {
 public:
  ChatTeller(ResponseHeader header, bool include_usage) : header_(std::move(header)), include_usage_(include_usage) {}

  void Sources(const std::vector<Source>& /*sources*/, std::string& out) override { Begin(out); }

  void Says(const Statement& statement, std::string_view text, std::string& out) override {
    Begin(out);
    const std::size_t end = characters_ + CountCodePoints(text);
    // White space before it belongs to no statement.
    const std::size_t begin = end - std::min(end, CountCodePoints(text.substr(text.size() - Size(statement, text))));
    Json said = AnnotationsJson(statement, begin, end);
    characters_ = end;
    Json delta = {{"content", text}};
    if (!said.empty()) delta["annotations"] = said;
    for (Json& one : said) annotations_.push_back(std::move(one));
    out += SseEvent(Dump(Chunk(std::move(delta), nullptr)));
  }

  void End(const Answered& answered, std::string& out) override {
    Begin(out);
    // Of an abstention nothing was said before.
    if (Abstained(answered)) out += SseEvent(Dump(Chunk({{"content", answered.answer.text}}, nullptr)));
    Json last = Chunk(Json::object(), FinishReason(answered));
    last["knowledge"] = KnowledgeJson(answered);
    out += SseEvent(Dump(last));
    if (include_usage_) out += SseEvent(ChatUsageChunk(header_, answered.usage));
    out += kSseDone;
  }

  void Fail(const ApiError& error, std::string& out) override {
    out += SseEvent(ErrorJson(error));
    out += kSseDone;
  }

  std::string Whole(const Answered& answered) override {
    Json json = HeaderJson(header_, "chat.completion");
    json["choices"] = Json::array({{{"index", 0},
                                    {"message",
                                     {{"role", "assistant"},
                                      {"content", answered.answer.text},
                                      {"refusal", nullptr},
                                      {"annotations", annotations_}}},
                                    {"logprobs", nullptr},
                                    {"finish_reason", FinishReason(answered)}}});
    json["usage"] = UsageJson(answered.usage);
    json["knowledge"] = KnowledgeJson(answered);
    return Dump(json);
  }

 private:
  static bool Abstained(const Answered& answered) { return answered.answer.abstained != Abstention::kNone; }
  static std::string FinishReason(const Answered& answered) { return answered.answer.stopped ? "length" : "stop"; }
  static std::size_t Size(const Statement& statement, std::string_view text) {
    return std::min(statement.span.size(), text.size());
  }
  static Json KnowledgeJson(const Answered& answered) {
    Json json = AnswerJson(answered.answer);
    json.erase("text");
    return json;
  }

  void Begin(std::string& out) {
    if (!std::exchange(begun_, true)) out += SseEvent(ChatRoleChunk(header_, 0, {.present = include_usage_}));
  }

  Json Chunk(Json delta, Json finish_reason) const {
    Json chunk = HeaderJson(header_, "chat.completion.chunk");
    chunk["choices"] = Json::array({{{"index", 0},
                                     {"delta", std::move(delta)},
                                     {"logprobs", nullptr},
                                     {"finish_reason", std::move(finish_reason)}}});
    AddUsage(chunk, {.present = include_usage_});
    return chunk;
  }

  const ResponseHeader header_;
  const bool include_usage_;
  bool begun_ = false;
  std::size_t characters_ = 0;  ///< said
  Json annotations_ = Json::array();
};

/// A message's text; parts one below the other.
Result<std::string> TextOf(const Json& message, const std::string& path) {
  const auto content = message.find("content");
  if (content != message.end() && content->is_string()) return content->get<std::string>();
  std::string text;
  if (content != message.end() && content->is_array()) {
    for (const Json& part : *content) {
      if (part.value("type", "") != "text") return BadField(path + ".content", "must be text, with knowledge");
      if (!text.empty()) text += '\n';
      text += part.value("text", "");
    }
  }
  if (text.empty()) return BadField(path + ".content", "has no text");
  return text;
}

Status ReadQuestion(const Json& messages, strata::knowledge::SearchRequest& search) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    Writer::Message message{.role = messages[i].value("role", ""), .content = {}};
    if (message.role != "user" && message.role != "assistant") {
      return BadField(path + ".role", "must be user or assistant, with knowledge: its instructions are the server's");
    }
    STRATA_TRY(message.content, TextOf(messages[i], path));
    search.conversation.push_back(std::move(message));
  }
  if (search.conversation.empty() || search.conversation.back().role != "user") {
    return BadField("messages", "must end with the user's question");
  }
  search.query = std::move(search.conversation.back().content);
  search.conversation.pop_back();
  return {};
}

std::expected<Query, ApiError> MakeQuery(const ServerState& state, const GenerateRequest& request) {
  if (!state.knowledge) {
    return std::unexpected(
        ApiError{.message = "knowledge: the server has no knowledge bases (--knowledge)", .param = "knowledge"});
  }
  auto query = ReadChatKnowledge(*request.knowledge,
                                 {.principal = PrincipalOf(state.options, request.tenant), .tenant = request.tenant});
  if (!query) return query;
  query->stream = request.stream;
  if (request.max_tokens) query->ask.max_tokens = *request.max_tokens;
  query->ask.temperature = request.sampling.temperature;
  const Status read = ReadQuestion((*request.chat_input.variables)["messages"], query->ask.search);
  if (!read) return std::unexpected(ToApiError(read.error()));
  return query;
}

}  // namespace

std::unique_ptr<Teller> MakeChatTeller(ResponseHeader header, bool include_usage) {
  return std::make_unique<ChatTeller>(std::move(header), include_usage);
}

asio::awaitable<void> ServeChat(ServerState& state, const GenerateRequest& request, Exchange& exchange) {
  auto models = state.Loaded();
  if (!models) {
    co_await exchange.Refuse(models.error());
    co_return;
  }
  auto query = MakeQuery(state, request);
  if (!query) {
    co_await exchange.Refuse(query.error());
    co_return;
  }
  const LoadedModel& model = *(*models)->generator;
  ResponseHeader header{.id = request.request_id.empty() ? MakeId("chatcmpl-") : "chatcmpl-" + request.request_id,
                        .created = UnixSeconds(),
                        .model = request.model.empty() ? state.options.model_name : request.model,
                        .fingerprint = model.fingerprint,
                        .tokenizer = &model.tokenizer()};
  auto teller = MakeChatTeller(std::move(header), request.include_usage);
  co_await TellAnswer(state, std::move(*models), std::move(*query), std::move(teller), exchange);
}

}  // namespace strata::serve::knowledge
