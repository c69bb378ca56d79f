// A model on disk, whatever its format: a GGUF file (or all parts of a split one), or a Hugging Face folder
// (config.json + *.safetensors + tokenizer.json + tokenizer_config.json + generation_config.json).
//
//   STRATA_TRY(auto model, ModelFile::Open(path));
//   const TensorView* weight = model->FindTensor("blk.0.attn_q.weight");
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/model_config.h"
#include "formats/tokenizer.h"
#include "tensor/tensor_view.h"

namespace strata {

struct ModelTensor {
  std::string name;  ///< canonical
  TensorView view;
};

/// The name of one expert's tensor: "blk.0.ffn_up_exps.weight" and 7 are "blk.0.ffn_up_exps.7.weight".
std::string ExpertName(std::string_view stack, std::int64_t expert);
/// The inverse; another tensor's name is its stack's as well.
std::string StackName(std::string_view tensor);

class ModelFile {
 public:
  /// `path`: a GGUF file, which may be any part of a split one; a folder with config.json and safetensors; or a folder
  /// with one GGUF model.
  /// Errors name the file and the offset, tensor or field: kNotFound, kIo, kCorrupt, kUnsupported.
  static Result<std::unique_ptr<ModelFile>> Open(const std::string& path);

  virtual ~ModelFile() = default;

  virtual const std::string& path() const = 0;
  virtual const ModelConfig& config() const = 0;
  virtual const GenerationDefaults& generation_defaults() const = 0;

  /// Tensors sorted by canonical name, which is GGUF's: token_embd.weight, output_norm.weight, output.weight,
  /// blk.N.{attn_norm,attn_q,attn_k,attn_v,attn_output,ffn_norm,ffn_gate,ffn_up,ffn_down}.{weight,bias}; but what files
  /// store as one is apart (fused_tensors.h), each expert by its number: blk.N.ffn_gate_exps.E.weight.
  /// Hugging Face names (model.layers.N.self_attn.q_proj.weight, ...) are translated; the data is not touched, so
  /// config().rope_layout differs. Views live as long as the ModelFile.
  virtual const std::vector<ModelTensor>& tensors() const = 0;
  /// Of a stack of experts, "blk.0.ffn_up_exps.weight": the tensor of one of them, "blk.0.ffn_up_exps.7.weight". A
  /// tensor of the stack's own name is a stack of one.
  const ModelTensor* FindExpert(std::string_view stack, std::int64_t expert) const;
  /// What the file calls the tensor, for errors.
  virtual std::string StoredName(std::string_view canonical) const { return std::string(canonical); }
  const TensorView* FindTensor(std::string_view name) const;
  /// The tensor was read and will hardly be again: its memory may be given back. Reading it later still works.
  virtual void DoneWith(const TensorView& /*tensor*/) const {}

  /// The Jinja source of the chat template; empty when the model has none. Named templates ("tool_use", ...) by name,
  /// the unnamed one is "default".
  virtual const std::map<std::string, std::string>& chat_templates() const = 0;

  /// What the tokenizer is made from (see TokenizerSource).
  virtual Result<std::unique_ptr<Tokenizer>> LoadTokenizer() const = 0;

  /// A 32-digit key of the content that caches may use: header bytes, size, and a sample of the data.
  virtual std::string ContentKey() const = 0;
  /// Of the state of the files: what was made from the tensors holds for the next who opens them if this is the same.
  /// Empty where nothing may be kept.
  virtual std::string StateKey() const { return {}; }

 protected:
  /// For ContentKey: the size and 64 samples of `bytes`. Reading all of a large file would cost what the caches save.
  static std::uint64_t SampleHash(std::span<const std::byte> bytes, std::uint64_t seed);
  /// By name, as tensors() wants them. Errors: kCorrupt naming `path` and a name that comes twice.
  static Status SortTensors(std::vector<ModelTensor>& tensors, const std::string& path);
};

}  // namespace strata
