// Examination of servers' answers about themselves.
#include "redis/doctor.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "redis/script.h"

namespace sluice::redis {
namespace {

constexpr Nanos kTolerance = std::chrono::seconds(1);

/// Decimal digits and nothing else.
std::optional<std::int64_t> NumberOf(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

/// The value on the line "<name>:<value>" of INFO's text; empty if there is none.
std::string_view FieldOf(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    std::string_view line = info.substr(0, info.find('\n'));
    info.remove_prefix(std::min(info.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return line.substr(name.size() + 1);
    }
  }
  return {};
}

/// The value that follows a name in CONFIG GET's reply; empty if there is none.
std::string_view SettingOf(const std::vector<std::string>& config, std::string_view name) {
  for (std::size_t i = 0; i + 1 < config.size(); i += 2) {
    if (config[i] == name) return config[i + 1];
  }
  return {};
}

bool Evicts(std::string_view policy) {
  const bool named_so = policy.starts_with("allkeys-") || policy.starts_with("volatile-");
  // It is shown to people.
  const bool plain = policy.size() <= 32 && std::ranges::all_of(policy, [](char c) {
                       return (c >= 'a' && c <= 'z') || c == '-';
                     });
  return named_so && plain;
}

std::optional<Warning> LookAtMemory(const Examination& examination) {
  std::string_view policy = FieldOf(examination.memory, "maxmemory_policy");
  std::string_view size = FieldOf(examination.memory, "maxmemory");
  if (policy.empty()) policy = SettingOf(examination.config, "maxmemory-policy");
  if (size.empty()) size = SettingOf(examination.config, "maxmemory");
  // Without a bound nothing is ever evicted.
  if (!Evicts(policy) || NumberOf(size).value_or(0) == 0) return std::nullopt;
  return Warning{WarningCode::kEvictingPolicy,
                 "maxmemory-policy is " + std::string(policy) +
                     ": once its memory is full the server forgets who used up a limit; use "
                     "noeviction"};
}

std::optional<Warning> LookAtRole(const Examination& examination) {
  const std::string_view role = FieldOf(examination.replication, "role");
  if (role != "slave" && role != "replica") return std::nullopt;
  return Warning{WarningCode::kReplica,
                 "the server is a replica: it refuses what limiters write, or loses it to its "
                 "master; use the master's address"};
}

std::optional<Warning> LookAtClock(const Examination& examination, Nanos wall) {
  if (examination.time.size() != 2) return std::nullopt;
  const auto seconds = NumberOf(examination.time[0]);
  const auto micros = NumberOf(examination.time[1]);
  constexpr std::int64_t kLastYear = 253'402'300'799;  // 9999; as nanoseconds beyond Nanos
  if (!seconds || !micros || *seconds > kLastYear || *micros >= 1'000'000) return std::nullopt;
  const Nanos trip = examination.heard - examination.asked;
  const auto here = std::chrono::duration<double>(wall + examination.asked + trip / 2).count();
  const double off = static_cast<double>(*seconds) + static_cast<double>(*micros) / 1e6 - here;
  const auto allowed = std::chrono::duration<double>(kTolerance + trip / 2).count();
  if (std::abs(off) <= allowed) return std::nullopt;
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), std::abs(off),
                                          std::chars_format::fixed, 1);
  return Warning{WarningCode::kClock, "the server's clock is " + std::string(text.data(), end) +
                                          " s " + (off > 0 ? "ahead of" : "behind") +
                                          " this process's"};
}

}  // namespace

void AppendQuestion(Question question, std::string& out) {
  switch (question) {
    case Question::kTime:
      return AppendCommand(std::array<std::string_view, 1>{"TIME"}, out);
    case Question::kReplication:
      return AppendCommand(std::array<std::string_view, 2>{"INFO", "replication"}, out);
    case Question::kMemory:
      return AppendCommand(std::array<std::string_view, 2>{"INFO", "memory"}, out);
    case Question::kConfig:
      return AppendCommand(std::array<std::string_view, 3>{"CONFIG", "GET", "maxmemory*"}, out);
  }
}

void Examination::Note(Question question, Reply&& reply) {
  const bool text = reply.kind == Reply::Kind::kText;
  const bool texts = reply.kind == Reply::Kind::kTexts;
  if (question == Question::kTime && texts) time = std::move(reply.texts);
  if (question == Question::kConfig && texts) config = std::move(reply.texts);
  if (question == Question::kReplication && text) replication = std::move(reply.text);
  if (question == Question::kMemory && text) memory = std::move(reply.text);
}

bool Examination::LacksPolicy() const { return FieldOf(memory, "maxmemory_policy").empty(); }

Warning NoPasswordWarning() {
  return {WarningCode::kNoPassword,
          "it was given a password and asks for none: whoever reaches it may read and change what "
          "it holds; set one there, or leave it out here"};
}

std::vector<Warning> Diagnose(const Examination& examination, Nanos wall) {
  std::vector<Warning> found;
  if (examination.no_password) found.push_back(NoPasswordWarning());
  for (auto& warning :
       {LookAtMemory(examination), LookAtRole(examination), LookAtClock(examination, wall)}) {
    if (warning) found.push_back(*warning);
  }
  return found;
}

std::vector<Warning> Doctor::See(const Examination& examination, Nanos wall) {
  const std::vector<Warning> before = std::exchange(warnings_, Diagnose(examination, wall));
  std::vector<Warning> news;
  std::ranges::copy_if(warnings_, std::back_inserter(news), [&before](const Warning& warning) {
    return std::ranges::find(before, warning.code, &Warning::code) == before.end();
  });
  return news;
}

}  // namespace sluice::redis
