target_sources(strata_formats PRIVATE gguf.cc gguf_model.cc model_file.cc)
strata_test(NAME gguf_test SRCS gguf_test.cc DEPS strata::formats)
strata_fuzzer(NAME gguf_fuzz SRCS gguf_fuzz.cc DEPS strata::formats)
