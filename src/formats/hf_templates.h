// Inside formats: the chat templates of a Hugging Face folder.
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace strata {

/// By name, the unnamed one "default": chat_template.jinja and additional_chat_templates/NAME.jinja; when there is no
/// such file, tokenizer_config.json's chat_template, which is one text or a list of {name, template}. (transformers'
/// order.) Empty when the folder has none. Errors: kIo; kCorrupt with a JSON pointer.
Result<std::map<std::string, std::string>> ReadChatTemplates(const std::string& folder);

/// The file's content, "" when there is no such file. Errors: kIo.
Result<std::string> ReadFileIfAny(const std::string& path);

}  // namespace strata
