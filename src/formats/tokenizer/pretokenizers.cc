#include <utility>

#include "base/unicode.h"
#include "formats/tokenizer/byte_level.h"
#include "formats/tokenizer/char_class.h"
#include "formats/tokenizer/pretokenizer.h"

namespace strata::tokenizer {
namespace {

/// A pattern that is runs of, or single, characters with a property.
class CharacterPattern final : public Pattern {
 public:
  CharacterPattern(bool (*is_member)(char32_t), bool runs) : is_member_(is_member), runs_(runs) {}
  Match Find(std::string_view text, std::size_t from, std::size_t /*last_end*/) const override {
    for (std::size_t at = from; at < text.size();) {
      const Character character = CharacterAt(text, at);
      if (!is_member_(character.code_point)) {
        at += character.length;
        continue;
      }
      std::size_t end = at + character.length;
      while (runs_ && end < text.size()) {
        const Character next = CharacterAt(text, end);
        if (!is_member_(next.code_point)) break;
        end += next.length;
      }
      return {at, end};
    }
    return {};
  }

 private:
  bool (*is_member_)(char32_t);
  bool runs_;
};

bool IsPunctuationMark(char32_t c) { return (CharClasses()[c] & (kAsciiPunct | kPunctuation)) != 0; }

/// Hands out parts of a piece, and drops empty ones.
void Emit(const Piece& piece, std::size_t begin, std::size_t end, PieceSink& out) {
  if (end > begin) out.Take({piece.text.substr(begin, end - begin), piece.begins_text && begin == 0});
}

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<PreTokenizerPtr> steps) : steps_(std::move(steps)) {}
  void Split(const Piece& piece, PieceSink& out) const override { Link(*this, 0, out).Take(piece); }

 private:
  class Link final : public PieceSink {
   public:
    Link(const Sequence& sequence, std::size_t step, PieceSink& out) : sequence_(sequence), step_(step), out_(out) {}
    void Take(const Piece& piece) override {
      if (step_ == sequence_.steps_.size()) return out_.Take(piece);
      Link next(sequence_, step_ + 1, out_);
      sequence_.steps_[step_]->Split(piece, step_ + 1 == sequence_.steps_.size() ? out_ : next);
    }

   private:
    const Sequence& sequence_;
    std::size_t step_;
    PieceSink& out_;
  };
  std::vector<PreTokenizerPtr> steps_;
};

class PatternSplit final : public PreTokenizer {
 public:
  PatternSplit(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void Split(const Piece& piece, PieceSink& out) const override {
    if (behavior_ == SplitBehavior::kRemoved || behavior_ == SplitBehavior::kIsolated) {
      ForEachPart(piece.text, [&](std::size_t begin, std::size_t end, bool delimiter) {
        if (!delimiter || behavior_ == SplitBehavior::kIsolated) Emit(piece, begin, end, out);
      });
      return;
    }
    struct Part {
      std::size_t begin, end;
      bool delimiter;
    };
    std::vector<Part> parts;
    ForEachPart(piece.text, [&](std::size_t begin, std::size_t end, bool delimiter) {
      const bool merges = !parts.empty() && [&] {
        switch (behavior_) {
          case SplitBehavior::kContiguous:
            return parts.back().delimiter == delimiter;
          case SplitBehavior::kMergedWithPrevious:
            return delimiter && !parts.back().delimiter;
          default:
            return parts.back().delimiter && !delimiter;  // with the next
        }
      }();
      if (merges) {
        parts.back().end = end;
        parts.back().delimiter = delimiter;  // what came last decides about the next
      } else {
        parts.push_back({begin, end, delimiter});
      }
    });
    for (const Part& part : parts) Emit(piece, part.begin, part.end, out);
  }

 private:
  template <class Function>
  void ForEachPart(std::string_view text, Function part) const {
    std::size_t at = 0, last_end = text.npos;
    while (const Match match = pattern_->Find(text, at, last_end)) {
      if (match.begin > at) part(at, match.begin, invert_);
      part(match.begin, match.end, !invert_);
      at = last_end = match.end;
    }
    if (at < text.size()) part(at, text.size(), invert_);
  }

  std::unique_ptr<Pattern> pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class AddPrefixSpace final : public PreTokenizer {
  void Split(const Piece& piece, PieceSink& out) const override {
    if (piece.text.starts_with(' ')) return out.Take(piece);
    const std::string text = " " + std::string(piece.text);
    out.Take({text, piece.begins_text});
  }
};

class ByteLevelCharacters final : public PreTokenizer {
  void Split(const Piece& piece, PieceSink& out) const override {
    const std::string text = ByteLevelFromBytes(piece.text);
    out.Take({text, piece.begins_text});
  }
};

class Metaspace final : public PreTokenizer {
 public:
  Metaspace(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)),
        scheme_(scheme),
        words_(split ? MakeSplit(MakeLiteral(replacement_), SplitBehavior::kMergedWithNext) : nullptr) {}

  void Split(const Piece& piece, PieceSink& out) const override {
    std::string text;
    text.reserve(piece.text.size() + piece.text.size() / 2 + replacement_.size());
    const bool prepends = scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && piece.begins_text);
    if (prepends && !piece.text.starts_with(' ') && !piece.text.starts_with(replacement_)) text = replacement_;
    for (const char c : piece.text) {
      if (c == ' ') {
        text += replacement_;
      } else {
        text += c;
      }
    }
    const Piece rewritten{text, piece.begins_text};
    if (words_ == nullptr) return out.Take(rewritten);
    words_->Split(rewritten, out);
  }

 private:
  std::string replacement_;
  PrependScheme scheme_;
  PreTokenizerPtr words_;
};

}  // namespace

PreTokenizerPtr MakePreTokenizerSequence(std::vector<PreTokenizerPtr> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}
PreTokenizerPtr MakeSplit(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert) {
  return std::make_unique<PatternSplit>(std::move(pattern), behavior, invert);
}
PreTokenizerPtr MakeAddPrefixSpace() { return std::make_unique<AddPrefixSpace>(); }
PreTokenizerPtr MakeByteLevelCharacters() { return std::make_unique<ByteLevelCharacters>(); }
PreTokenizerPtr MakeDigits(bool individual) {
  return MakeSplit(std::make_unique<CharacterPattern>(&IsNumber, !individual), SplitBehavior::kIsolated);
}
PreTokenizerPtr MakePunctuation(SplitBehavior behavior) {
  return MakeSplit(std::make_unique<CharacterPattern>(&IsPunctuationMark, false), behavior);
}
PreTokenizerPtr MakeWhitespaceSplit() {
  return MakeSplit(std::make_unique<CharacterPattern>(&IsWhiteSpace, true), SplitBehavior::kRemoved);
}
PreTokenizerPtr MakeBertPreTokenizer() {
  std::vector<PreTokenizerPtr> steps;
  steps.push_back(MakeWhitespaceSplit());
  steps.push_back(MakePunctuation(SplitBehavior::kIsolated));
  return MakePreTokenizerSequence(std::move(steps));
}
PreTokenizerPtr MakeMetaspace(std::string replacement, PrependScheme scheme, bool split) {
  return std::make_unique<Metaspace>(std::move(replacement), scheme, split);
}

}  // namespace strata::tokenizer
