"""A transformers model as a GGUF file in f32, as llama.cpp's converter writes it: names by the gguf package's tables,
queries and keys permuted where it rotates neighbours, 1 added to Gemma's norms. For families.py."""
import gguf
import numpy as np

ARCHITECTURES = {"mistral": "llama", "mixtral": "llama", "gemma3_text": "gemma3", "qwen2_moe": "qwen2moe",
                 "qwen3_moe": "qwen3moe", "gpt_oss": "gpt-oss"}
PERMUTED = ("llama", "granite", "granitemoe", "smollm3")


def permute(weight, heads):
    """Rows of each head in the order of neighbouring pairs in the place of halves."""
    rows = weight.shape[0] // heads
    return weight.reshape(heads, 2, rows // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def experts(name, array, paired):
    """The stacks of one parameter, as (name, array): gate and up, or down. `paired`: as gpt-oss has them, [experts, k, n]
    with gate's columns and up's alternating."""
    block, part = f"blk.{name.split('.')[2]}.", name.rsplit(".", 1)[1]
    ending = "bias" if part.endswith("_bias") else "weight"
    if paired and ending == "weight":
        array = array.swapaxes(1, 2)
    if part.startswith("down_proj"):
        return [(f"{block}ffn_down_exps.{ending}", array)]
    half = array.shape[1] // 2
    gate, up = (array[:, ::2], array[:, 1::2]) if paired else (array[:, :half], array[:, half:])
    return [(f"{block}ffn_gate_exps.{ending}", gate), (f"{block}ffn_up_exps.{ending}", up)]


def tensors(model, architecture):
    """(name, array), canonical."""
    config = model.config
    kind = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(kind, config.num_hidden_layers)
    for name, parameter in model.named_parameters():
        array = parameter.detach().float().numpy()
        if ".experts." in name:
            for stack, values in experts(name, array, paired=architecture == "gpt-oss"):
                yield stack, np.ascontiguousarray(values)
            continue
        if name.endswith("shared_expert_gate.weight"):
            array = array[0]
        if name.endswith((".sinks", "block_sparse_moe.router.weight")):
            yield f"blk.{name.split('.')[2]}.{'attn_sinks' if '.sinks' in name else 'ffn_gate_inp'}.weight", array
            continue
        if architecture in PERMUTED and ".q_proj." in name:
            array = permute(array, config.num_attention_heads)
        if architecture in PERMUTED and ".k_proj." in name:
            array = permute(array, config.num_key_value_heads)
        if architecture.startswith("gemma") and name.endswith("norm.weight"):
            array = array + 1
        yield names.get_name(name, (".weight", ".bias")), np.ascontiguousarray(array)
    rope = config.rope_parameters
    if rope.get("rope_type") == "longrope":
        for length in ("short", "long"):
            yield f"rope_factors_{length}.weight", np.array(rope[f"{length}_factor"], dtype=np.float32)


def add_positions(writer, config, head_dim):
    rope = config.rope_parameters
    whole = rope.get("full_attention", rope)
    writer.add_rope_freq_base(whole["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * whole.get("partial_rotary_factor", 1)))
    if whole["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(whole["factor"])
    if whole["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(whole["factor"])
        writer.add_rope_scaling_orig_ctx_len(whole["original_max_position_embeddings"])
    if whole["rope_type"] == "longrope":
        scale = config.max_position_embeddings / config.original_max_position_embeddings
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
        writer.add_rope_scaling_attn_factors(
            float(np.sqrt(1 + np.log(scale) / np.log(config.original_max_position_embeddings))))


def add_family(writer, config, architecture):
    if architecture in ("gemma2", "gemma3", "phi3", "gpt-oss") or config.model_type == "mistral":
        writer.add_sliding_window(config.sliding_window or 0)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if used := getattr(config, "num_experts_per_tok", None):
        writer.add_expert_count(getattr(config, "num_local_experts", None) or config.num_experts)
        writer.add_expert_used_count(used)
        writer.add_expert_feed_forward_length(getattr(config, "moe_intermediate_size", config.intermediate_size))
    if architecture == "qwen2moe":
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    if architecture.startswith("granite"):
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)


def write(path, model):
    config = model.config
    architecture = ARCHITECTURES.get(config.model_type, config.model_type)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(path.parent.name)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("no_vocab")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if head_dim * config.num_attention_heads != config.hidden_size or getattr(config, "head_dim", None):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    add_positions(writer, config, head_dim)
    add_family(writer, config, architecture)
    for name, array in tensors(model, architecture):
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
