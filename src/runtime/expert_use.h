// How evenly a model's experts are used, for people: a few hot experts are what a cache or a placement could serve
// first.
#pragma once

#include <span>
#include <string>

#include "runtime/model_runner.h"

namespace strata {

/// A line for each mixture: the rows it has had, the busiest expert's share of them against an even one, and how few
/// experts had half of all. "" when there are no mixtures.
std::string DescribeExpertUse(std::span<const ModelRunner::ExpertUse> use);

}  // namespace strata
