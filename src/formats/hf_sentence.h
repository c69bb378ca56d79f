// Inside formats: what sentence-transformers keeps beside a Hugging Face checkpoint: how token rows become a text's
// vector, whether it is normalised, prompts, the longest text, a cross-encoder's activation.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/hf_json.h"
#include "formats/model_config.h"

namespace strata {

/// Reads modules.json and what it names, sentence_bert_config.json and config_sentence_transformers.json, where they
/// are. A folder whose modules pool is an embedding model, whatever its class says. Without modules.json an encoder's
/// vectors are means, as sentence-transformers has it. Errors, with file and JSON pointer: kCorrupt; kUnsupported for a
/// module or a way of pooling that is not implemented.
Status ReadSentenceTransformers(const std::string& folder, ModelConfig& config);

/// Of config.json, for classifiers: how many labels, and what is done to a single score, as cross-encoders of
/// sentence-transformers do: the sigmoid unless something else is asked for.
Status ReadLabels(const JsonFields& fields, ModelConfig& config);

}  // namespace strata
