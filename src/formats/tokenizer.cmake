target_sources(strata_formats PRIVATE tokenizer/added_tokens.cc tokenizer/bpe.cc tokenizer/byte_level.cc tokenizer/detokenizer.cc
                                      tokenizer/gguf_tokenizer.cc tokenizer/pretokenizer.cc)
