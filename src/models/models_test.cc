#include "models/models.h"

#include <gtest/gtest.h>

#include "models/tiny_encoder.h"
#include "models/tiny_model.h"

namespace strata::models {
namespace {

std::string ErrorOf(const ModelFile& model) {
  const auto graph = BuildGraph(model);
  return graph ? "" : graph.error().ToString();
}

TEST(Models, EveryTensorIsNeeded) {
  for (const bool biases : {false, true}) {
    const TinyModel whole({.biases = biases});
    EXPECT_EQ(ErrorOf(whole), "");
    for (const ModelTensor& tensor : whole.tensors()) {
      TinyModel model({.biases = biases});
      model.Remove(tensor.name);
      // Of the biases only the output projection's may be missing.
      if (tensor.name.ends_with("attn_output.bias")) {
        EXPECT_EQ(ErrorOf(model), "");
      } else {
        EXPECT_NE(
            ErrorOf(model).find(fmt::format("tensor {} {} is missing", tensor.name, tensor.view.shape.ToString())),
            std::string::npos)
            << ErrorOf(model);
      }
      model.Put(tensor.name, {3, 8});
      EXPECT_NE(ErrorOf(model).find(fmt::format("tensor {} is [3, 8], the config implies", tensor.name)),
                std::string::npos)
          << ErrorOf(model);
    }
  }
}

TEST(Models, EveryTensorOfAnEncoderIsNeeded) {
  for (const ModelTask task : {ModelTask::kEmbed, ModelTask::kClassify}) {
    const TinyEncoder whole({.task = task});
    ASSERT_EQ(ErrorOf(whole), "");
    for (const ModelTensor& tensor : whole.tensors()) {
      TinyEncoder model({.task = task});
      model.Remove(tensor.name);
      // The output projection's bias, and the classifier's parts that not all have.
      if (tensor.name.ends_with("attn_output.bias") || tensor.name.starts_with("cls")) continue;
      EXPECT_NE(ErrorOf(model).find(fmt::format("tensor {} {} is missing", tensor.name, tensor.view.shape.ToString())),
                std::string::npos)
          << ErrorOf(model);
    }
  }
  TinyEncoder unread({});
  unread.Put("cls.output.weight", {1, 64});
  EXPECT_NE(ErrorOf(unread).find("tensor cls.output.weight is stored, but a bert of this config has no use for it"),
            std::string::npos)
      << ErrorOf(unread);
}

TEST(Models, ATensorThatNothingReadsIsRefused) {
  TinyModel model({});
  model.Put("blk.1.attn_q.bias", {64});
  EXPECT_NE(ErrorOf(model).find("tensor blk.1.attn_q.bias is stored, but a llama of this config has no use for it"),
            std::string::npos)
      << ErrorOf(model);
  TinyModel harmless({});
  harmless.Put("rope_freqs.weight", {8});
  harmless.Put("blk.2.nextn.eh_proj.weight", {8, 8});  // behind the last layer
  EXPECT_EQ(ErrorOf(harmless), "");
}

TEST(Models, NamesWhatIsNotSupported) {
  TinyModel model({});
  model.mutable_config().activation = "snake";
  EXPECT_NE(ErrorOf(model).find("hidden_act snake is not supported"), std::string::npos);
  model.mutable_config().architecture = "mamba";
  EXPECT_NE(ErrorOf(model).find("architecture mamba is not supported (supported: llama"), std::string::npos);
}

}  // namespace
}  // namespace strata::models
