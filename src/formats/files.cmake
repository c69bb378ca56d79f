target_sources(strata_formats PRIVATE model_file.cc)
