// The machines behind the wire formats, and the tables that make one of them a family's.
#pragma once

#include <cstdint>
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
  std::string name_key = "name";
  std::string arguments_key = "arguments";
  std::string id_key = {};  ///< each object begins with a number in this member
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
  bool marked = true;       ///< no text but a call has call_begin; otherwise a call is of a known tool
};
std::unique_ptr<WireFormat> MakeNamedJson(NamedJson table);

/// Parameters as tags around bare text. Strings are written as they are, other values as JSON: the schema tells which.
struct TaggedParameters {
  CallLayout layout;
  std::vector<std::string> sections = {};  ///< what section_begin may be, without white space
  std::vector<std::string> section_ends = {};
  std::string call_begin;
  std::string name_end;       ///< "\n": a line, or what follows
  std::string head_end = {};  ///< behind the name and the call's number
  std::string key_begin;
  std::string key_end;
  std::string value_begin = {};
  std::string value_end;
  std::string call_end;
  std::string json_begin = {}, json_end = {};  ///< around all arguments as JSON, in the place of parameters
  bool lines = false;                          ///< a value stands on lines of its own
  bool tight = false;                          ///< nothing stands between one tag and the next
  enum class Typed : std::uint8_t {
    kNo,
    kString,  ///< after the key: string="true|false">
    kName,    ///< after the key: type="number"<|sep|>; quotes and ampersands of keys are written as entities
  } typed = Typed::kNo;
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

/// Functionary 3.2: messages to recipients.
std::unique_ptr<WireFormat> MakeRecipients();

/// gpt-oss: messages on channels.
std::unique_ptr<WireFormat> MakeHarmony();

}  // namespace strata::serve::tools
