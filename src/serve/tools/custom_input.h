// The text that a custom tool takes. Models call such a tool like any other, with arguments of one text.
#pragma once

#include <string_view>

#include "serve/tools/push_input.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {

/// What a custom tool's text is called among the arguments.
inline constexpr std::string_view kCustomInput = "input";

/// Takes the JSON of a custom call's arguments as it comes, and gives the text in it as it comes.
class CustomInput {
 public:
  explicit CustomInput(Sink text);
  CustomInput(const CustomInput&) = delete;
  CustomInput& operator=(const CustomInput&) = delete;

  void Feed(std::string_view json) { input_.Feed(json); }

 private:
  static Parse<> Read(Input& input, Sink text);

  Input input_;
  Parse<> parse_;
};

}  // namespace strata::serve::tools
