// The machines behind the wire formats, and the tables that make one of them a family's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serve/tools/wire_format.h"

namespace strata::serve::tools {

/// JSON objects {"name": ..., "arguments": {...}}, alone or in an array, with or without tags around them. An opening
/// that is "{" or "[" itself is no marker: then only a tool's name makes it a call.
struct TaggedJson {
  CallLayout layout;
  std::vector<std::string> openings;
  std::string call_begin = {};         ///< before each object
  std::string call_end = {};           ///< after each object
  std::vector<std::string> ends = {};  ///< what may follow calls and belongs to them
  std::string arguments_key = "arguments";
};
std::unique_ptr<WireFormat> MakeTaggedJson(TaggedJson table);

/// A name, a marker, JSON.
struct NamedJson {
  CallLayout layout;
  std::string call_begin;
  std::string kind = {};           ///< between call_begin and the name: "function<｜tool▁sep｜>"
  std::string id_begin = {};       ///< between the name and an id, if a model writes one
  std::string arguments_begin;     ///< after the name
  std::string arguments_end = {};  ///< after the JSON, before call_end
  std::string call_end = {};
  bool kimi_names = false;  ///< the name is an id, "functions.NAME:INDEX"
};
std::unique_ptr<WireFormat> MakeNamedJson(NamedJson table);

/// Parameters as tags around bare text. Strings are written as they are, other values as JSON: the schema tells which.
struct TaggedParameters {
  CallLayout layout;
  std::vector<std::string> sections = {};  ///< what section_begin may be, without white space
  std::vector<std::string> section_ends = {};
  std::string call_begin;
  std::string name_end;  ///< "\n": a line, or what follows
  std::string key_begin;
  std::string key_end;
  std::string value_begin = {};
  std::string value_end;
  std::string call_end;
  bool lines = false;  ///< a value stands on lines of its own
  bool typed = false;  ///< after the key: string="true|false"
};
std::unique_ptr<WireFormat> MakeTaggedParameters(TaggedParameters table);

/// f(a='x', b=[1, None]): calls with literals of Python as arguments.
struct Pythonic {
  CallLayout layout;
  std::vector<std::string> openings;  ///< "[" itself is no marker
  std::vector<std::string> ends = {};
};
std::unique_ptr<WireFormat> MakePythonic(Pythonic table);

/// Gemma's call:f{a:<escape>x<escape>,b:[1]}, whose strings stand between `quote`s.
struct GemmaCall {
  CallLayout layout;
  std::string call_begin;
  std::string call_end;
  std::string quote;
};
std::unique_ptr<WireFormat> MakeGemmaCall(GemmaCall table);

/// gpt-oss: messages on channels.
std::unique_ptr<WireFormat> MakeHarmony();

}  // namespace strata::serve::tools
