target_sources(strata_formats PRIVATE tokenizer/added_tokens.cc tokenizer/bpe.cc tokenizer/byte_level.cc tokenizer/detokenizer.cc
                                      tokenizer/gguf_tokenizer.cc tokenizer/pretokenizer.cc)

strata_test(NAME tokenizer_vocab_test SRCS tokenizer_vocab_test.cc DEPS strata::formats)
