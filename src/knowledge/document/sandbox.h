// What the process that parses takes away from itself before it looks at a file.
#pragma once

#include "base/result.h"
#include "knowledge/document/parse.h"

namespace strata::knowledge {

/// Limits on memory, processor time, files and core dumps that cannot be raised again.
Status LimitResources(const ParseLimits& limits);

/// No new privileges, and a seccomp filter that lets through memory, time, reading and writing what is already open,
/// and leaving; everything else fails with EPERM: no file is opened, no socket made, no program started, no process
/// traced. Errors: kUnsupported where the kernel or a container refuses filters; the resource limits hold then too.
Status EnterSandbox();

}  // namespace strata::knowledge
