#!/usr/bin/env python3
"""Golden vectors and scores of transformers: tiny random encoders and cross-encoders, each a folder as people publish
them (with sentence-transformers' modules.json where it has one), with texts as token ids, in the order of their lengths
put behind each other (golden.safetensors: input_ids [tokens], token_types [tokens], lengths [texts], hidden [tokens, h]:
the last hidden states, pooled [texts, width]: what the model gives for each text, before normalisation).

tools/golden/encoders.py                    writes tests/golden/encoders, the committed ones (seed 20261127)
tools/golden/encoders.py OUT --seed 7       others: the same variants with other weights, widths, lengths and inputs
needs: pip install transformers==5.24.0 torch==2.15.0 safetensors==0.8.0 gguf==0.19.0 numpy
"""
import argparse
import json
import pathlib
import random
import shutil

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import (AutoModel, AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification,
                          BertModel, LlamaConfig, LlamaModel, ModernBertConfig, ModernBertForSequenceClassification,
                          ModernBertModel, Qwen3Config, Qwen3Model, RobertaConfig, RobertaModel, XLMRobertaConfig, XLMRobertaForSequenceClassification,
                          XLMRobertaModel)

COMMITTED_SEED = 20261127
# name: (class, config class, what differs from the base, sentence-transformers' pooling mode or None)
VARIANTS = {
    "bert_mean": (BertModel, BertConfig, {}, "mean"),
    "bert_cls": (BertModel, BertConfig, {"hidden_act": "gelu_new", "type_vocab_size": 3}, "cls"),
    "bert_plain": (BertModel, BertConfig, {"hidden_act": "relu", "layer_norm_eps": 1e-3}, None),
    "bert_rank": (BertForSequenceClassification, BertConfig, {"num_labels": 1}, None),
    "bert_labels": (BertForSequenceClassification, BertConfig, {"num_labels": 3}, None),
    "roberta": (RobertaModel, RobertaConfig, {"type_vocab_size": 1, "pad_token_id": 1}, "lasttoken"),
    "xlm_roberta": (XLMRobertaModel, XLMRobertaConfig, {"type_vocab_size": 1, "pad_token_id": 1}, "cls"),
    "xlm_roberta_rank": (XLMRobertaForSequenceClassification, XLMRobertaConfig,
                         {"type_vocab_size": 1, "pad_token_id": 1, "num_labels": 1, "activation": "Identity"}, None),
    "bert_gguf": (BertModel, BertConfig, {"gguf": True}, "cls"),
    "bert_rank_gguf": (BertForSequenceClassification, BertConfig, {"num_labels": 1, "gguf": True}, None),
    "xlm_roberta_gguf": (XLMRobertaModel, XLMRobertaConfig, {"type_vocab_size": 1, "pad_token_id": 1, "gguf": True}, "mean"),
    "modernbert": (ModernBertModel, ModernBertConfig, {}, "mean"),
    "modernbert_rank": (ModernBertForSequenceClassification, ModernBertConfig,
                        {"num_labels": 1, "classifier_pooling": "mean", "norm_bias": True, "mlp_bias": True}, None),
    "qwen3_last": (Qwen3Model, Qwen3Config, {"num_key_value_heads": 1, "head_dim": 16}, "lasttoken"),
    "llama_mean": (LlamaModel, LlamaConfig, {"num_key_value_heads": 1}, "mean"),
}
MODERN = {"local_attention": 8, "global_attn_every_n_layers": 3, "num_hidden_layers": 4, "pad_token_id": 0,
          "cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}


def base(rng, committed, modern):
    heads = 2 if committed else rng.choice([1, 2, 3])
    head_dim = 16 if committed else rng.choice([8, 12, 16])
    fields = {"hidden_size": heads * head_dim, "num_attention_heads": heads, "num_hidden_layers": 2,
              "intermediate_size": 48 if committed else rng.randint(20, 90),
              "vocab_size": 61 if committed else rng.randint(50, 200), "max_position_embeddings": 48}
    return fields | (MODERN if modern else {})


def texts(rng, vocab, types, count=5, longest=44):
    """Lists of ids without special ones: padding would be left out of the positions by RoBERTa."""
    lengths = [longest, 1] + [rng.randint(2, longest) for _ in range(count - 2)]
    ids = [[rng.randrange(4, vocab) for _ in range(n)] for n in lengths]
    return ids, [[min(i * types // len(one), types - 1) for i in range(len(one))] for one in ids]


GGUF_POOLING = {"mean": gguf.PoolingType.MEAN, "cls": gguf.PoolingType.CLS, "rank": gguf.PoolingType.RANK}
GGUF_NAMES = {"embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
              "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
              "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
              "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
              "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
              "pooler.dense": "cls", "classifier.dense": "cls", "classifier.out_proj": "cls.output",
              "classifier": "cls.output"}


def to_gguf(folder, model, config, mode, rank):
    """The same model as llama.cpp's converter writes it, in the place of config.json and safetensors."""
    writer = gguf.GGUFWriter(folder / "model.gguf", "bert")
    offset = config.pad_token_id + 1 if config.model_type in ("roberta", "xlm-roberta") else 0
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings - offset)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(GGUF_POOLING["rank" if rank else mode])
    writer.add_tokenizer_model("bert")
    writer.add_token_list([f"[unused{i}]" for i in range(config.vocab_size)])
    for name, parameter in model.state_dict().items():
        name = name.removeprefix("bert.").removeprefix("roberta.")
        if name.startswith("pooler.") and not rank:
            continue
        values = parameter.numpy()
        module, part = name.rsplit(".", 1)
        if module.startswith("encoder.layer."):
            _, _, layer, module = module.split(".", 3)
            name = f"blk.{layer}.{GGUF_NAMES[module]}.{part}"
        elif module in GGUF_NAMES:
            name = f"{GGUF_NAMES[module]}.{part}"
        else:
            continue
        writer.add_tensor(name, np.ascontiguousarray(values[offset:] if "position_embd" in name else values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for path in folder.iterdir():
        if path.suffix != ".gguf":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def pool(hidden, mode):
    return {"mean": hidden.mean(0), "cls": hidden[0], "lasttoken": hidden[-1]}[mode]


def write(folder, variant, rng, committed):
    model_class, config_class, differs, mode = variant
    differs = dict(differs)
    activation = differs.pop("activation", None)
    as_gguf = differs.pop("gguf", False)
    labels = differs.pop("num_labels", None)
    modern = config_class is ModernBertConfig
    config = config_class(**(base(rng, committed, modern) | differs))
    if labels is not None:
        config.num_labels = labels
    model = model_class(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # nothing at its neutral value, and rows of order 1
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0, 1.2 / parameter.shape[-1] ** 0.5)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    path = folder / "config.json"
    saved = json.loads(path.read_text())
    if activation:
        saved["sentence_transformers"] = {"activation_fn": f"torch.nn.modules.linear.{activation}"}
        path.write_text(json.dumps(saved, indent=2) + "\n")
    if mode:
        modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                   {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                   {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
        (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
        (folder / "1_Pooling").mkdir()
        names = {"mean": "mean_tokens", "cls": "cls_token", "lasttoken": "lasttoken", "max": "max_tokens"}
        modes = {f"pooling_mode_{suffix}": name == mode for name, suffix in names.items()}
        (folder / "1_Pooling/config.json").write_text(
            json.dumps({"word_embedding_dimension": config.hidden_size} | modes, indent=2) + "\n")
    # As a user would get it: from the folder, in f32, with the attention that is written out.
    options = {"dtype": torch.float32, "attn_implementation": "eager"}
    loaded = (AutoModel if labels is None else AutoModelForSequenceClassification).from_pretrained(folder, **options)
    loaded.eval()
    has_types = hasattr(config, "type_vocab_size")
    ids, types = texts(rng, config.vocab_size, config.type_vocab_size if has_types else 1)
    hidden, pooled = [], []
    for one, kinds in zip(ids, types):
        inputs = {"input_ids": torch.tensor([one]), "attention_mask": torch.ones(1, len(one), dtype=torch.long)}
        if has_types:
            inputs["token_type_ids"] = torch.tensor([kinds])
        with torch.no_grad():
            out = loaded(**inputs, output_hidden_states=True)
        hidden.append(out.last_hidden_state[0] if labels is None else out.hidden_states[-1][0])
        if labels is None:
            pooled.append(pool(hidden[-1], mode or "mean"))
        else:
            pooled.append(torch.sigmoid(out.logits[0]) if labels == 1 and not activation else out.logits[0])
    flat = lambda lists: np.array([x for one in lists for x in one], np.int32)
    golden = {"input_ids": flat(ids), "token_types": flat(types), "lengths": np.array([len(one) for one in ids], np.int32),
              "pooled": torch.stack(pooled).numpy()}
    if labels is None:
        golden["hidden"] = torch.cat(hidden).numpy()
    if as_gguf:
        to_gguf(folder, loaded, loaded.config, mode, labels is not None)
    save_file(golden, folder / "golden.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "tests/golden/encoders")
    parser.add_argument("--seed", type=int, default=COMMITTED_SEED)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    for name, variant in VARIANTS.items():
        rng = random.Random(f"{options.seed} {name}")
        torch.manual_seed(rng.randrange(2**31))
        write(options.out / name, variant, rng, options.seed == COMMITTED_SEED)
        print(name)


if __name__ == "__main__":
    main()
