// Calls that are JSON objects.
#pragma once

#include <optional>
#include <string>

#include "serve/tools/wire_format.h"

namespace strata::serve::tools {

/// Whether a value that begins so can be the arguments of a call: an object, a string that holds one, or null.
bool BeginsArguments(int c);

/// Reads the value that begins here as the arguments of the call that has begun.
Parse<> ReadArguments(Session& session);

/// Reads {"name": ..., "arguments": ...} behind its bracket. Whether it was a whole call.
Parse<bool> ReadCallObject(Session& session, bool marked);

/// Reads the objects of an array, behind its bracket. Whether it was one of calls.
Parse<bool> ReadCallArray(Session& session, bool marked);

}  // namespace strata::serve::tools
