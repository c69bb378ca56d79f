// The queue of jobs.
#include <chrono>

#include <fmt/format.h>

#include "base/clock.h"
#include "knowledge/store/sql_store.h"

namespace strata::knowledge::sql {
namespace {

constexpr std::string_view kColumns =
    "j.id, j.uri, j.kind, j.arguments, j.state, j.stage, j.progress, j.error, j.result, j.attempts, j.not_before, "
    "j.created, j.updated";

std::int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t Number(JobState state) { return static_cast<std::int64_t>(state); }
bool HasEnded(JobState state) { return state >= JobState::kDone; }

Job ToJob(const Row& row) {
  Job job;
  job.id = row.Int(0);
  job.uri = row.Text(1);
  job.kind = row.Text(2);
  job.arguments = nlohmann::json::parse(row.Text(3), nullptr, false);
  job.state = static_cast<JobState>(row.Int(4));
  job.stage = row.Text(5);
  job.progress = row.Real(6);
  job.error = row.Text(7);
  job.result = nlohmann::json::parse(row.Text(8), nullptr, false);
  job.attempts = static_cast<int>(row.Int(9));
  job.not_before = row.Int(10);
  job.created = row.Int(11);
  job.updated = row.Int(12);
  return job;
}

Result<std::vector<Job>> Select(Connection& connection, std::string_view rest, std::initializer_list<Value> values) {
  std::vector<Job> jobs;
  STRATA_CHECK(connection.Run(fmt::format("SELECT {} FROM jobs j {}", kColumns, rest), values, [&](const Row& row) {
    jobs.push_back(ToJob(row));
    return true;
  }));
  return jobs;
}

/// The oldest job that is due and has no older one of its URI before it.
Result<std::vector<Job>> Due(Connection& connection) {
  return Select(connection,
                "WHERE j.state = 0 AND j.not_before <= $1 AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.uri = j.uri "
                "AND o.id < j.id AND o.state <= 1) ORDER BY j.id LIMIT 1",
                {UnixMilliseconds()});
}

/// The upload goes with its job's end, and so do jobs that ended long ago.
Status CleanUp(Connection& connection, std::int64_t ended) {
  STRATA_CHECK(connection.Run("DELETE FROM uploads WHERE job = $1", {ended}));
  STRATA_CHECK(
      connection.Run("DELETE FROM jobs WHERE id <= $1 AND state >= $2", {ended - kKeptJobs, Number(JobState::kDone)}));
  return {};
}

Result<bool> WriteJob(Connection& connection, const Job& job) {
  const std::string result = Dump(job.result);
  STRATA_TRY(
      const std::int64_t changed,
      connection.Run("UPDATE jobs SET state = $1, stage = $2, progress = $3, error = $4, result = $5, "
                     "not_before = $6, updated = $7 WHERE id = $8 AND state = $9",
                     {Number(job.state), std::string_view(job.stage), job.progress, std::string_view(job.error),
                      std::string_view(result), job.not_before, UnixSeconds(), job.id, Number(JobState::kRunning)}));
  if (changed != 0 && HasEnded(job.state)) STRATA_CHECK(CleanUp(connection, job.id));
  return changed != 0;
}

}  // namespace

Result<bool> EndJob(Connection& connection, const Job& job) {
  Job done = job;
  done.state = JobState::kDone;
  done.progress = 1;
  done.error.clear();
  return WriteJob(connection, done);
}

Result<std::vector<std::int64_t>> SqlStore::Enqueue(std::span<const Job> jobs) {
  return Write([&](Connection& connection) -> Result<std::vector<std::int64_t>> {
    STRATA_TRY(const std::int64_t last, TakeNumbers(connection, "job", std::ssize(jobs)));
    std::int64_t next = last - std::ssize(jobs);
    std::vector<std::int64_t> ids;
    for (const Job& job : jobs) {
      ids.push_back(++next);
      const std::string arguments = Dump(job.arguments);
      STRATA_CHECK(connection.Run(
          "INSERT INTO jobs (id, uri, kind, arguments, state, stage, progress, error, result, attempts, not_before, "
          "created, updated) VALUES ($1, $2, $3, $4, 0, '', 0, '', '{}', 0, 0, $5, $5)",
          {next, std::string_view(job.uri), std::string_view(job.kind), std::string_view(arguments), UnixSeconds()}));
      if (!job.upload) continue;
      STRATA_CHECK(connection.Run("INSERT INTO uploads (job, content) VALUES ($1, $2)", {next, Bytes{*job.upload}}));
    }
    return ids;
  });
}

Result<std::optional<Job>> SqlStore::Claim() {
  // Most often there is nothing to do, and then no writer need be kept waiting.
  STRATA_TRY(const std::vector<Job> due, Read(Due));
  if (due.empty()) return std::nullopt;
  return Transact(Connection::Mode::kRelaxed, [&](Connection& connection) -> Result<std::optional<Job>> {
    STRATA_TRY(std::vector<Job> jobs, Due(connection));
    if (jobs.empty()) return std::nullopt;
    Job& job = jobs.front();
    job.state = JobState::kRunning;
    ++job.attempts;
    STRATA_CHECK(connection.Run("UPDATE jobs SET state = $1, attempts = $2, updated = $3 WHERE id = $4",
                                {Number(job.state), std::int64_t{job.attempts}, UnixSeconds(), job.id}));
    return std::move(job);
  });
}

Result<bool> SqlStore::Update(const Job& job) {
  return Transact(Connection::Mode::kRelaxed, [&](Connection& connection) { return WriteJob(connection, job); });
}

Result<std::optional<std::string>> SqlStore::Upload(std::int64_t id) {
  return Read([&](Connection& connection) -> Result<std::optional<std::string>> {
    std::optional<std::string> content;
    STRATA_CHECK(connection.Run("SELECT content FROM uploads WHERE job = $1", {id}, [&](const Row& row) {
      content = row.Blob(0);
      return true;
    }));
    return content;
  });
}

Result<std::optional<Job>> SqlStore::FindJob(std::int64_t id) {
  return Read([&](Connection& connection) -> Result<std::optional<Job>> {
    STRATA_TRY(std::vector<Job> jobs, Select(connection, "WHERE j.id = $1", {id}));
    if (jobs.empty()) return std::nullopt;
    return std::move(jobs.front());
  });
}

Result<bool> SqlStore::HasPendingJobs(std::string_view uri) {
  return Read([&](Connection& connection) -> Result<bool> {
    bool found = false;
    STRATA_CHECK(connection.Run("SELECT 1 FROM jobs WHERE uri = $1 AND state <= $2 LIMIT 1",
                                {uri, Number(JobState::kRunning)}, [&](const Row&) { return found = true; }));
    return found;
  });
}

Result<std::vector<Job>> SqlStore::Jobs(std::optional<JobState> state, std::int64_t after, std::size_t limit) {
  return Read([&](Connection& connection) {
    const auto count = static_cast<std::int64_t>(limit);
    if (!state) return Select(connection, "WHERE j.id > $1 ORDER BY j.id LIMIT $2", {after, count});
    return Select(connection, "WHERE j.id > $1 AND j.state = $2 ORDER BY j.id LIMIT $3",
                  {after, Number(*state), count});
  });
}

Result<bool> SqlStore::Cancel(std::int64_t id) {
  return Write([&](Connection& connection) -> Result<bool> {
    STRATA_TRY(const std::int64_t changed,
               connection.Run("UPDATE jobs SET state = $1, updated = $2 WHERE id = $3 AND state <= $4",
                              {Number(JobState::kCancelled), UnixSeconds(), id, Number(JobState::kRunning)}));
    if (changed != 0) STRATA_CHECK(CleanUp(connection, id));
    return changed != 0;
  });
}

Status SqlStore::ReleaseStaleJobs() {
  return Transact(Connection::Mode::kRelaxed, [&](Connection& connection) -> Status {
    STRATA_CHECK(connection.Run("UPDATE jobs SET state = $1 WHERE state = $2",
                                {Number(JobState::kQueued), Number(JobState::kRunning)}));
    return {};
  });
}

}  // namespace strata::knowledge::sql
