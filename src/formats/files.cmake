target_sources(
  strata_formats
  PRIVATE expert_stacks.cc fused_tensors.cc gguf.cc gguf_experts.cc gguf_family_bert.cc gguf_family_deepseek2.cc gguf_family_dense.cc
          gguf_family_gemma.cc gguf_family_llama.cc gguf_family_moe.cc gguf_model.cc gguf_pooling.cc gguf_split.cc gguf_writer.cc hf_config.cc
          hf_experts.cc hf_export.cc hf_family_bert.cc hf_family_deepseek.cc hf_family_gemma.cc hf_family_glm4.cc hf_family_gpt_oss.cc
          hf_family_granite.cc hf_family_llama.cc hf_family_llama4.cc hf_family_mixtral.cc hf_family_modernbert.cc hf_family_olmo2.cc
          hf_family_olmoe.cc hf_family_phi3.cc hf_family_qwen.cc hf_family_qwen_moe.cc hf_family_smollm3.cc hf_json.cc
          hf_module_targets.cc hf_names.cc hf_quant.cc hf_quant_config.cc hf_quant_floats.cc hf_quant_integers.cc hf_quant_parts.cc
          hf_quant_rows.cc hf_rope.cc hf_sentence.cc hf_templates.cc
          hf_weights.cc hf_windows.cc huggingface_model.cc model_file.cc safetensors.cc safetensors_writer.cc)
strata_test(NAME dense_families_test SRCS dense_families_test.cc DEPS strata::formats)
strata_test(NAME fused_tensors_test SRCS fused_tensors_test.cc DEPS strata::formats)
strata_test(NAME expert_families_test SRCS expert_families_test.cc DEPS strata::formats)
strata_test(NAME expert_stacks_test SRCS expert_stacks_test.cc DEPS strata::formats)
strata_test(NAME gguf_test SRCS gguf_test.cc DEPS strata::formats)
strata_test(NAME hf_sentence_test SRCS hf_sentence_test.cc DEPS strata::formats)
strata_test(NAME huggingface_model_test SRCS huggingface_model_test.cc DEPS strata::formats)
strata_test(NAME hf_quant_test SRCS hf_quant_test.cc DEPS strata::formats)
strata_test(NAME safetensors_test SRCS safetensors_test.cc DEPS strata::formats)
strata_fuzzer(NAME gguf_fuzz SRCS gguf_fuzz.cc DEPS strata::formats)
strata_fuzzer(NAME safetensors_fuzz SRCS safetensors_fuzz.cc DEPS strata::formats)
strata_fuzzer(NAME hf_quant_fuzz SRCS hf_quant_fuzz.cc DEPS strata::formats)
strata_fuzzer(NAME hf_shards_fuzz SRCS hf_shards_fuzz.cc DEPS strata::formats)
strata_fuzzer(NAME hf_config_fuzz SRCS hf_config_fuzz.cc DEPS strata::formats)
