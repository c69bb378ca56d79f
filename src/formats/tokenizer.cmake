target_sources(
  strata_formats
  PRIVATE gguf_tokenizer.cc tokenizer/added_tokens.cc tokenizer/bpe.cc tokenizer/byte_level.cc tokenizer/byte_tokens.cc tokenizer/byte_trie.cc
          tokenizer/char_class.cc tokenizer/charsmap.cc tokenizer/decoders.cc tokenizer/gguf_pretokenizers.cc
          tokenizer/gguf_to_json.cc tokenizer/gguf_tokenizer.cc tokenizer/json_decoder.cc tokenizer/json_model.cc tokenizer/json_normalizer.cc
          tokenizer/json_postprocessor.cc tokenizer/json_pretokenizer.cc tokenizer/json_reader.cc tokenizer/json_tokenizer.cc
          tokenizer/normalizers.cc tokenizer/pipeline.cc tokenizer/pretokenizers.cc tokenizer/regex.cc tokenizer/scanner.cc
          tokenizer/unicode_form.cc tokenizer/unigram.cc tokenizer/vocabulary.cc tokenizer/word_cache.cc tokenizer/wordpiece.cc)

strata_test(NAME tokenizer_vocab_test SRCS tokenizer_vocab_test.cc DEPS strata::formats)
strata_test(NAME tokenizer_golden_test SRCS tokenizer_golden_test.cc DEPS strata::formats)
strata_test(NAME tokenizer_component_test SRCS tokenizer_component_test.cc DEPS strata::formats)
strata_test(NAME tokenizer_scanner_test SRCS tokenizer_scanner_test.cc DEPS strata::formats)
strata_test(NAME tokenizer_json_test SRCS tokenizer_json_test.cc DEPS strata::formats)
strata_benchmark(NAME tokenizer_bench SRCS tokenizer_bench.cc DEPS strata::formats)
strata_fuzzer(NAME tokenizer_fuzz SRCS tokenizer_fuzz.cc DEPS strata::formats)
