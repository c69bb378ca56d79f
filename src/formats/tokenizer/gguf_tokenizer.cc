// Tokenizers from GGUF metadata. A GGUF file has the vocabulary; what surrounds it follows from the model's kind.
#include <algorithm>
#include <map>
#include <utility>

#include "base/unicode.h"
#include "formats/tokenizer.h"
#include "formats/tokenizer/bpe.h"
#include "formats/tokenizer/char_class.h"
#include "formats/tokenizer/gguf_pretokenizers.h"
#include "formats/tokenizer/pipeline.h"
#include "formats/tokenizer/unigram.h"
#include "formats/tokenizer/wordpiece.h"

namespace strata {
namespace {

using namespace tokenizer;  // NOLINT(google-build-using-namespace): this file puts its parts together

/// tokenizer.ggml.token_type.
enum TokenType : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

constexpr std::string_view kSpaceMark = "▁";
/// Longest entry that may come of merges of scored entries: all its cuts in two are looked up.
constexpr std::size_t kLongestMerged = 1024;
/// BERT's max_input_chars_per_word.
constexpr std::size_t kWordPieceCharacters = 100;

class Builder {
 public:
  explicit Builder(const GgufVocabulary& vocabulary) : in_(vocabulary) {}

  Result<std::unique_ptr<Tokenizer>> Build() {
    STRATA_CHECK(Check());
    STRATA_CHECK(BuildParts());
    return MakePipelineTokenizer(std::move(out_));
  }

 private:
  std::size_t size() const { return in_.tokens.size(); }
  std::int32_t TypeOf(std::size_t id) const { return in_.token_types.empty() ? kNormal : in_.token_types[id]; }

  Status Check() const {
    if (size() == 0) return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.tokens is empty");
    if (!in_.token_types.empty() && in_.token_types.size() != size()) {
      return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.token_type has {} entries, tokenizer.ggml.tokens {}",
                  in_.token_types.size(), size());
    }
    if (!in_.scores.empty() && in_.scores.size() != size()) {
      return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.scores has {} entries, tokenizer.ggml.tokens {}",
                  in_.scores.size(), size());
    }
    const std::pair<const char*, std::optional<TokenId>> ids[] = {
        {"bos", in_.bos}, {"eos", in_.eos}, {"unknown", in_.unk}, {"seperator", in_.sep}, {"cls", in_.cls}};
    for (const auto& [name, id] : ids) {
      if (id && (*id < 0 || static_cast<std::size_t>(*id) >= size())) {
        return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.{}_token_id: {} is not in the vocabulary of {}", name, *id,
                    size());
      }
    }
    return {};
  }

  Status BuildParts() {
    out_.bos = in_.bos;
    out_.eos = in_.eos;
    if (in_.model == "gpt2") return BuildByteLevelBpe();
    if (in_.model == "llama") return BuildScoredBpe();
    if (in_.model == "gemma4") return BuildSpacedBpe();
    if (in_.model == "t5") return BuildUnigram();
    if (in_.model == "bert") return BuildWordPiece();
    return Fail(ErrorCode::kUnsupported,
                "tokenizer.ggml.model: {} is not supported (supported: gpt2, llama, gemma4, t5, bert)", in_.model);
  }

  /// The vocabulary, and the tokens that are looked for in the text. `spell(id)` is an entry's text.
  template <class Spell>
  void FillVocabulary(Spell spell) {
    std::vector<std::string> texts(size());
    out_.special.resize(size());
    reachable_.resize(size());
    for (std::size_t id = 0; id < size(); ++id) {
      const std::int32_t type = TypeOf(id);
      texts[id] = spell(id);
      const bool valid = IsValidUtf8(texts[id]);
      if (!valid) texts[id] = ReplaceInvalidUtf8(texts[id]);
      out_.special[id] = type == kControl || type == kUnknown;
      reachable_[id] = valid && !texts[id].empty() && (type == kNormal || type == kUserDefined || type == kUnused);
      if (out_.special[id] || type == kUserDefined) {
        out_.added.push_back({.text = texts[id], .id = static_cast<TokenId>(id), .special = out_.special[id]});
      }
    }
    out_.vocabulary = std::make_unique<Vocabulary>(std::move(texts));
  }
  void FillVocabulary() {
    FillVocabulary([&](std::size_t id) { return std::string(in_.tokens[id]); });
  }

  std::optional<TokenId> Unknown() const {
    if (in_.unk) return in_.unk;
    const auto type = std::ranges::find(in_.token_types, static_cast<std::int32_t>(kUnknown));
    if (type == in_.token_types.end()) return std::nullopt;
    return static_cast<TokenId>(type - in_.token_types.begin());
  }

  void Surround(bool add_bos, bool add_eos) {
    if (in_.add_bos.value_or(add_bos) && out_.bos) out_.prefix.push_back(*out_.bos);
    if (in_.add_eos.value_or(add_eos) && out_.eos) out_.suffix.push_back(*out_.eos);
  }

  Result<std::vector<BpeMerge>> ReadMerges() const {
    std::vector<BpeMerge> merges;
    merges.reserve(in_.merges.size());
    for (std::size_t i = 0; i < in_.merges.size(); ++i) {
      const std::string_view merge = in_.merges[i];
      const std::size_t space = merge.find(' ', 1);
      if (space == merge.npos || space + 1 == merge.size()) {
        return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.merges[{}]: \"{}\" is no pair of entries", i, merge);
      }
      const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
      const auto left_id = out_.vocabulary->Find(left), right_id = out_.vocabulary->Find(right);
      const auto result = out_.vocabulary->Find(std::string(left) + std::string(right));
      // Converted vocabularies have merges of entries that were taken out; those never apply.
      if (left_id && right_id && result) merges.push_back({*left_id, *right_id, *result, static_cast<std::int32_t>(i)});
    }
    return merges;
  }

  Status BuildByteLevelBpe() {
    FillVocabulary();
    for (std::size_t id = 0; id < size(); ++id) {
      if (TypeOf(id) == kUserDefined) reachable_[id] = false;
    }
    STRATA_TRY(GgufWords words, WordsOfGguf(in_.pre));
    out_.normalizer = std::move(words.normalizer);
    out_.pre_tokenizer = std::move(words.pre_tokenizer);
    STRATA_TRY(const std::vector<BpeMerge> merges, ReadMerges());
    out_.model = MakeBpe(*out_.vocabulary, reachable_, merges,
                         {.byte_level = true, .ignore_merges = words.ignore_merges, .unknown = std::nullopt});
    out_.decoder.push_back(MakeByteLevelDecoder());
    Surround(words.add_bos, false);
    if (words.add_sep && in_.sep && !in_.add_eos) out_.suffix.push_back(*in_.sep);
    return {};
  }

  /// SentencePiece BPE: of all neighbours that are an entry together, the best scored merge first.
  Status BuildScoredBpe() {
    if (in_.scores.empty()) return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.scores is missing");
    FillVocabulary();
    std::map<float, std::int32_t, std::greater<>> ranks;
    for (const float score : in_.scores) ranks.emplace(score, 0);
    std::int32_t next = 0;
    for (auto& [score, rank] : ranks) rank = next++;
    std::vector<BpeMerge> merges;
    for (TokenId id = 0; id < out_.vocabulary->size(); ++id) {
      if (!reachable_[static_cast<std::size_t>(id)]) continue;
      const std::string_view text = out_.vocabulary->text(id);
      if (text.size() > kLongestMerged) {
        return Fail(ErrorCode::kUnsupported, "tokenizer.ggml.tokens[{}]: an entry of {} bytes", id, text.size());
      }
      for (std::size_t at = CharacterAt(text, 0).length; at < text.size(); at += CharacterAt(text, at).length) {
        const auto left = out_.vocabulary->Find(text.substr(0, at)), right = out_.vocabulary->Find(text.substr(at));
        if (left && right) merges.push_back({*left, *right, id, ranks[in_.scores[static_cast<std::size_t>(id)]]});
      }
    }
    const bool prefix = in_.add_space_prefix.value_or(true);
    SpacesAsMarks(prefix);
    MakeFallbackBpe(merges);
    if (prefix) out_.decoder.push_back(MakeStripDecoder(" ", 1, 0));
    Surround(true, false);
    return {};
  }

  /// SentencePiece's way with spaces, but with a list of merges.
  Status BuildSpacedBpe() {
    FillVocabulary();
    STRATA_TRY(const std::vector<BpeMerge> merges, ReadMerges());
    SpacesAsMarks(in_.add_space_prefix.value_or(false));
    MakeFallbackBpe(merges);
    Surround(true, false);
    return {};
  }

  void SpacesAsMarks(bool prefix) {
    std::vector<NormalizerPtr> steps;
    if (prefix) steps.push_back(MakePrepend(std::string(kSpaceMark)));
    steps.push_back(MakeReplace(MakeLiteral(" "), std::string(kSpaceMark)));
    out_.normalizer = MakeNormalizerSequence(std::move(steps));
  }

  void MakeFallbackBpe(const std::vector<BpeMerge>& merges) {
    out_.model = MakeBpe(*out_.vocabulary, reachable_, merges,
                         {.byte_fallback = true, .unknown = Unknown(), .fuse_unknown = true});
    out_.decoder.push_back(MakeReplaceDecoder(std::string(kSpaceMark), " "));
    out_.decoder.push_back(MakeByteFallbackDecoder());
    out_.decoder.push_back(MakeFuseDecoder());
  }

  Status BuildUnigram() {
    if (in_.scores.empty()) return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.scores is missing");
    FillVocabulary();
    std::vector<NormalizerPtr> steps;
    if (!in_.precompiled_charsmap.empty()) {
      STRATA_TRY(NormalizerPtr charsmap, MakeCharsmap(in_.precompiled_charsmap), "tokenizer.ggml");
      steps.push_back(std::move(charsmap));
    }
    if (in_.remove_extra_whitespaces.value_or(true)) {
      STRATA_TRY(auto spaces, MakeRegex(" {2,}"));
      steps.push_back(MakeStrip(true, true));
      steps.push_back(MakeReplace(std::move(spaces), " "));
    }
    out_.normalizer = MakeNormalizerSequence(std::move(steps));
    const bool prefix = in_.add_space_prefix.value_or(true);
    out_.pre_tokenizer =
        MakeMetaspace(std::string(kSpaceMark), prefix ? PrependScheme::kAlways : PrependScheme::kNever, true);
    const bool has_bytes =
        std::ranges::find(in_.token_types, static_cast<std::int32_t>(kByte)) != in_.token_types.end();
    out_.model = MakeUnigram(*out_.vocabulary, reachable_, {in_.scores.begin(), in_.scores.end()},
                             {.unknown = Unknown(), .byte_fallback = has_bytes});
    if (has_bytes) out_.decoder.push_back(MakeByteFallbackDecoder());
    out_.decoder.push_back(MakeMetaspaceDecoder(std::string(kSpaceMark), prefix));
    Surround(false, true);
    // XLM-R's; T5 has no bos.
    if (in_.bos && in_.eos) {
      out_.pair = {.before = {{*in_.bos, 0}},
                   .between = {{*in_.eos, 0}, {in_.sep.value_or(*in_.eos), 0}},
                   .after = {{*in_.eos, 0}}};
    }
    return {};
  }

  /// GGUF writes "▁the" and "ing" for what BERT's vocabularies write "the" and "##ing"; entries are spelled as there.
  Status BuildWordPiece() {
    bool cased = false;
    FillVocabulary([&](std::size_t id) -> std::string {
      const std::string_view text = in_.tokens[id];
      if (TypeOf(id) == kControl || TypeOf(id) == kUnknown || TypeOf(id) == kUserDefined) return std::string(text);
      cased |= std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; }) && !text.ends_with(']');
      if (text.starts_with(kSpaceMark)) return std::string(text.substr(kSpaceMark.size()));
      return "##" + std::string(text);
    });
    // The files do not say whether the model lowers its input; one that does has no use for capitals.
    out_.normalizer = MakeBertNormalizer({.strip_accents = !cased, .lowercase = !cased});
    out_.pre_tokenizer = MakeBertPreTokenizer();
    out_.model = MakeWordPiece(EntriesByPrefix(*out_.vocabulary, reachable_, "##"), Unknown(), kWordPieceCharacters);
    out_.decoder.push_back(MakeWordPieceDecoder("##", true));
    const auto cls = in_.cls ? in_.cls : in_.bos, sep = in_.sep ? in_.sep : in_.eos;
    if (!out_.bos) out_.bos = cls;
    if (!out_.eos) out_.eos = sep;
    if (cls && in_.add_bos.value_or(true)) out_.prefix.push_back(*cls);
    if (sep && in_.add_eos.value_or(true)) out_.suffix.push_back(*sep);
    if (cls && sep) {
      out_.pair = {.before = {{*cls, 0}}, .between = {{*sep, 0}}, .after = {{*sep, 1}}, .second_type = 1};
    }
    return {};
  }

  const GgufVocabulary& in_;
  Pipeline out_;
  std::vector<bool> reachable_;  ///< by id: what text may become
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> MakeGgufTokenizer(const GgufVocabulary& vocabulary) {
  return Builder(vocabulary).Build();
}

}  // namespace strata
