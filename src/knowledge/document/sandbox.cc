#include "knowledge/document/sandbox.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace strata::knowledge {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "name the architecture of the seccomp filter"
#endif

// What the parsers, the allocator, C++ exceptions and sanitizers do once everything is loaded.
constexpr std::array kAllowed = {
    SYS_read,
    SYS_pread64,
    SYS_readv,
    SYS_write,
    SYS_writev,
    SYS_lseek,
    SYS_close,
    SYS_fstat,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_exit,
    SYS_exit_group,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_restart_syscall,
    SYS_getrusage,
    SYS_prlimit64,
#if defined(__x86_64__)
    SYS_time,
#endif
#if __has_feature(undefined_behavior_sanitizer)
    // How it finds out whether an object's memory can be read.
    SYS_pipe2,
#if defined(__x86_64__)
    SYS_pipe,
#endif
#endif
};

constexpr sock_filter Load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
constexpr sock_filter Give(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

Status SystemError(const char* what) { return Fail(ErrorCode::kUnsupported, "{}: {}", what, std::strerror(errno)); }

Status Limit(int resource, rlim_t soft, rlim_t hard) {
  const rlimit limit{soft, hard};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0 ? Status() : SystemError("setrlimit");
}

}  // namespace

Status LimitResources(const ParseLimits& limits) {
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  // A sanitizer reserves terabytes of addresses for its shadow.
  STRATA_CHECK(Limit(RLIMIT_AS, limits.memory_bytes, limits.memory_bytes));
#endif
  const auto seconds = static_cast<rlim_t>((limits.time + limits.recognition_time).count());
  STRATA_CHECK(Limit(RLIMIT_CPU, seconds, seconds + 1));
  STRATA_CHECK(Limit(RLIMIT_FSIZE, 0, 0));
  STRATA_CHECK(Limit(RLIMIT_NOFILE, 16, 16));
  return Limit(RLIMIT_CORE, 0, 0);
}

Status EnterSandbox() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SystemError("no_new_privs");
  std::vector<sock_filter> program = {
      Load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      Give(SECCOMP_RET_KILL_PROCESS),
      Load(offsetof(seccomp_data, nr)),
  };
  for (const long number : kAllowed) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
    program.push_back(Give(SECCOMP_RET_ALLOW));
  }
  program.push_back(Give(SECCOMP_RET_ERRNO | EPERM));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) return SystemError("seccomp");
  return {};
}

}  // namespace strata::knowledge
