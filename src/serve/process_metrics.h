// The process_* figures that Prometheus clients agree on, from /proc.
#pragma once

#include <vector>

#include <prometheus/metric_family.h>

namespace strata::serve {

/// Figures that the system does not tell are left out.
std::vector<prometheus::MetricFamily> ProcessMetrics();

}  // namespace strata::serve
