#include "serve/process_metrics.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace strata::serve {
namespace {

/// Fields of /proc/self/stat that are wanted; numbers as in proc(5).
struct Stat {
  double cpu_ticks = 0, start_ticks = 0, virtual_bytes = 0, resident_pages = 0;
};

std::optional<Stat> ReadStat() {
  std::ifstream file("/proc/self/stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  const auto name_end = text.rfind(')');  // the command's name may hold spaces and brackets
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  Stat stat;
  for (int number = 3; number <= 24 && fields >> field; ++number) {
    if (number == 14 || number == 15) stat.cpu_ticks += std::stod(field);
    if (number == 22) stat.start_ticks = std::stod(field);
    if (number == 23) stat.virtual_bytes = std::stod(field);
    if (number == 24) stat.resident_pages = std::stod(field);
  }
  return stat;
}

std::optional<double> BootSeconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics() {
  std::vector<prometheus::MetricFamily> families;
  const auto add = [&](const char* name, const char* help, double value, bool counter = false) {
    prometheus::ClientMetric metric;
    (counter ? metric.counter.value : metric.gauge.value) = value;
    families.push_back(
        {name, help, counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge, {std::move(metric)}});
  };
  if (const auto stat = ReadStat()) {
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    add("process_cpu_seconds_total", "User and system CPU time, seconds", stat->cpu_ticks / ticks, true);
    add("process_virtual_memory_bytes", "Virtual memory, bytes", stat->virtual_bytes);
    add("process_resident_memory_bytes", "Resident memory, bytes",
        stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    if (const auto boot = BootSeconds()) {
      add("process_start_time_seconds", "Start of the process, seconds since 1970", *boot + stat->start_ticks / ticks);
    }
  }
  std::error_code error;
  std::int64_t open = -1;  // the directory's own descriptor
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++open;
  }
  if (!error) add("process_open_fds", "Open file descriptors", static_cast<double>(open));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    add("process_max_fds", "Largest number of open file descriptors", static_cast<double>(limit.rlim_cur));
  }
  return families;
}

}  // namespace strata::serve
