#include "grammar/json_schema/schema_network.h"

#include <utility>

namespace strata::grammar {
namespace {

/// White space as people and their programs write it: a space or two, or a line's end and an indentation. In bounds, as
/// a model that has lost its way writes nothing but white space for ever.
RegexId Space(RegexStore& store) {
  const RegexId blank = store.Set(CharSet({{'\t', '\t'}, {' ', ' '}}));
  const RegexId line_end = store.Concat(store.Optional(store.Char('\r')), store.Char('\n'));
  const RegexId lines = store.Concat({store.Repeat(line_end, 1, 2), store.Repeat(blank, 0, 64)});
  return store.Concat({store.Repeat(blank, 0, 2), store.Optional(lines)});
}

/// A structural character, with white space before or after it.
LexState Mark(Network& network, bool before, char32_t mark, bool after, bool whitespace) {
  RegexStore& store = network.regexes();
  const RegexId space = whitespace ? Space(store) : RegexStore::kEmpty;
  return network.lexer().Start(
      store.Concat({before ? space : RegexStore::kEmpty, store.Char(mark), after ? space : RegexStore::kEmpty}),
      Spelling::kText);
}

}  // namespace

SchemaNetwork::SchemaNetwork(Network& network, std::unique_ptr<SchemaDocument> document,
                             const JsonSchemaOptions& options)
    : document_(std::move(document)), options_(options), expander_(*document_, network.regexes()) {
  const bool space = options.whitespace;
  marks_ = {.open_array = Mark(network, false, '[', true, space),
            .close_array = Mark(network, true, ']', false, space),
            .close_empty_array = Mark(network, false, ']', false, space),
            .open_object = Mark(network, false, '{', true, space),
            .close_object = Mark(network, true, '}', false, space),
            .close_empty_object = Mark(network, false, '}', false, space),
            .comma = Mark(network, true, ',', true, space),
            .colon = Mark(network, true, ':', true, space)};
}

Result<std::unique_ptr<SchemaNetwork>> SchemaNetwork::Build(Network& network, const Json& schema,
                                                            const JsonSchemaOptions& options) {
  STRATA_TRY(std::unique_ptr<SchemaDocument> document, SchemaDocument::Load(schema));
  const SchemaId root = document->root();
  std::unique_ptr<SchemaNetwork> made(new SchemaNetwork(network, std::move(document), options));
  STRATA_TRY(made->root_, made->expander_.obligations().Make({{root, true}}));
  STRATA_TRY(made->inhabitants_, Inhabitants::Explore(made->expander_, made->root_, options.key_order));
  if (!made->inhabitants_.Has(made->root_)) {
    return Fail(ErrorCode::kInvalidArgument, "the schema accepts no value");
  }
  return made;
}

NodeId SchemaNetwork::At(Network& network, Place place) {
  const auto [it, added] = payloads_.try_emplace(place, static_cast<std::uint32_t>(places_.size()));
  if (added) places_.push_back(std::move(place));
  return network.Lazy(this, it->second);
}

NodeId SchemaNetwork::Expand(Network& network, std::uint32_t payload) {
  const Place place = places_[payload];  // a copy: what it expands to adds places
  return std::visit([&](const auto& at) { return Expand(network, at); }, place);
}

ArrayWalker& SchemaNetwork::array_walker(PlanId plan) {
  auto& walker = array_walkers_[plan];
  if (walker == nullptr) {
    walker = std::make_unique<ArrayWalker>(expander_.obligations(), expander_.array(plan),
                                           [this](ObligationId id) { return inhabitants_.Has(id); });
  }
  return *walker;
}

ObjectWalker& SchemaNetwork::object_walker(PlanId plan) {
  auto& walker = object_walkers_[plan];
  if (walker == nullptr) {
    walker = std::make_unique<ObjectWalker>(expander_.obligations(), expander_.object(plan), options_.key_order,
                                            [this](ObligationId id) { return inhabitants_.Has(id); });
  }
  return *walker;
}

NodeId SchemaNetwork::ScalarsThen(Network& network, const Values& values, NodeId next) {
  Lexer& lexer = network.lexer();
  std::vector<NodeId> scalars;
  if (values.texts != RegexStore::kNothing) {
    scalars.push_back(network.Lexeme(lexer.Start(values.texts, Spelling::kText), next));
  }
  if (values.strings != RegexStore::kNothing) {
    scalars.push_back(network.Lexeme(lexer.Start(values.strings, Spelling::kJsonString), next));
  }
  return network.Choice(scalars);
}

NodeId SchemaNetwork::ValueThen(Network& network, ObligationId value, NodeId next) {
  if (!inhabitants_.Has(value)) return kFailNode;
  const Values& values = *expander_.Find(value);
  if (values.arrays.empty() && values.objects.empty()) return ScalarsThen(network, values, next);
  return network.Call(At(network, ValuePlace{value}), next);
}

NodeId SchemaNetwork::Expand(Network& network, const ValuePlace& place) {
  const Values& values = *expander_.Find(place.value);
  std::vector<NodeId> alternatives = {ScalarsThen(network, values, kAcceptNode)};
  for (const PlanId plan : values.arrays) {
    ArrayWalker& walker = array_walker(plan);
    if (!walker.CanFinish({})) continue;
    const NodeId end = walker.MayEnd({}) ? network.Lexeme(marks_.close_empty_array, kAcceptNode) : kFailNode;
    alternatives.push_back(
        network.Lexeme(marks_.open_array, network.Choice({end, Items(network, plan, ArrayProgress())})));
  }
  for (const PlanId plan : values.objects) {
    ObjectWalker& walker = object_walker(plan);
    const ObjectProgress start = walker.Start();
    if (!walker.CanStart()) continue;
    const NodeId end = walker.MayEnd(start) ? network.Lexeme(marks_.close_empty_object, kAcceptNode) : kFailNode;
    alternatives.push_back(network.Lexeme(marks_.open_object, network.Choice({end, Members(network, plan, start)})));
  }
  return network.Choice(alternatives);
}

NodeId SchemaNetwork::Items(Network& network, PlanId plan, const ArrayProgress& progress) {
  std::vector<NodeId> alternatives;
  for (const ArrayWalker::Item& item : array_walker(plan).Items(progress)) {
    alternatives.push_back(ValueThen(network, item.value, At(network, ArrayPlace{plan, item.next})));
  }
  return network.Choice(alternatives);
}

NodeId SchemaNetwork::Expand(Network& network, const ArrayPlace& place) {
  const NodeId end =
      array_walker(place.plan).MayEnd(place.progress) ? network.Lexeme(marks_.close_array, kAcceptNode) : kFailNode;
  return network.Choice({end, network.Lexeme(marks_.comma, Items(network, place.plan, place.progress))});
}

NodeId SchemaNetwork::Members(Network& network, PlanId plan, const ObjectProgress& progress) {
  const ObjectWalker& walker = object_walker(plan);
  const ObjectPlan& object = expander_.object(plan);
  const auto value_of = [&](const ObjectWalker::Member& member) {
    return ValueThen(network, member.value, At(network, ObjectPlace{plan, member.next}));
  };
  std::vector<NodeId> alternatives;
  const std::vector<ObjectWalker::Member> properties = walker.Properties(progress);
  std::vector<std::string> words;
  std::vector<NodeId> after_words;
  for (std::size_t i = 0; i < properties.size();) {
    const std::uint32_t name = properties[i].name;
    std::vector<NodeId> values;
    for (; i < properties.size() && properties[i].name == name; ++i) values.push_back(value_of(properties[i]));
    words.push_back(object.properties[name].name);
    after_words.push_back(network.Lexeme(marks_.colon, network.Choice(values)));
  }
  if (!words.empty()) {
    const RegexId any_word = network.regexes().OneOf(words);
    alternatives.push_back(network.WordLexeme(network.lexer().Start(any_word, Spelling::kJsonString), after_words));
  }
  for (const ObjectWalker::Member& member : walker.Others(progress)) {
    const LexState names = network.lexer().Start(object.others[member.name].names, Spelling::kJsonString);
    alternatives.push_back(network.Lexeme(names, network.Lexeme(marks_.colon, value_of(member))));
  }
  return network.Choice(alternatives);
}

NodeId SchemaNetwork::Expand(Network& network, const ObjectPlace& place) {
  const NodeId end =
      object_walker(place.plan).MayEnd(place.progress) ? network.Lexeme(marks_.close_object, kAcceptNode) : kFailNode;
  return network.Choice({end, network.Lexeme(marks_.comma, Members(network, place.plan, place.progress))});
}

}  // namespace strata::grammar
