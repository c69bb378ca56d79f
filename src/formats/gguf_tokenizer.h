// The tokenizer of a GGUF file.
#pragma once

#include <memory>

#include "formats/gguf.h"
#include "formats/tokenizer.h"

namespace strata {

/// The file's tokenizer.ggml.* metadata; its texts are views of the file. Errors: kCorrupt.
Result<GgufVocabulary> ReadGgufVocabulary(const GgufFile& file);

/// From the file's tokenizer.ggml.* metadata; a file with a vocabulary and no model will do. Errors: kCorrupt,
/// kUnsupported.
Result<std::unique_ptr<Tokenizer>> LoadGgufTokenizer(const GgufFile& file);

}  // namespace strata
