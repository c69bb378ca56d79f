target_sources(strata_formats PRIVATE gguf.cc gguf_model.cc model_file.cc)
