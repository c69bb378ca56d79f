target_sources(
  strata_formats
  PRIVATE chat_format.cc
          chat_template.cc
          special_text.cc
          jinja/args.cc
          jinja/casing.cc
          jinja/expression_parser.cc
          jinja/filters.cc
          jinja/format.cc
          jinja/globals.cc
          jinja/interpreter.cc
          jinja/json.cc
          jinja/lexer.cc
          jinja/methods.cc
          jinja/number_filters.cc
          jinja/operators.cc
          jinja/parser.cc
          jinja/sequence_filters.cc
          jinja/tests.cc
          jinja/text.cc
          jinja/text_filters.cc
          jinja/text_methods.cc
          jinja/value.cc)

strata_test(NAME chat_template_test SRCS chat_template_test.cc DEPS strata::formats OpenSSL::Crypto)
strata_fuzzer(NAME chat_template_fuzz SRCS chat_template_fuzz.cc DEPS strata::formats)
