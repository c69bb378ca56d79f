// Bases, documents and jobs over HTTP, as plain functions that may take long: for threads that are not I/O's.
#pragma once

#include "serve/endpoints.h"
#include "serve/http.h"
#include "serve/knowledge/base_set.h"
#include "serve/knowledge/principal.h"

namespace strata::serve::knowledge {

/// The routes of bases, documents and jobs. Changes are for principals that see everything; others read what they may
/// see, and of the rest hear that it is not there.
Answer AnswerDocuments(BaseSet& bases, const Principal& principal, const RouteMatch& match, const HttpRequest& http);

}  // namespace strata::serve::knowledge
