#include "redis/health_check.h"

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

/// The elements of an array of texts; empty for any other reply.
std::vector<std::string> TextsOf(const Reply& reply) {
  std::vector<std::string> texts;
  if (!reply.IsArray(0)) return texts;
  for (const Reply& item : reply.items) {
    if (item.kind != Reply::Kind::kText) return {};
    texts.push_back(item.text);
  }
  return texts;
}

bool Evicts(std::string_view policy) {
  const bool named_so = policy.starts_with("allkeys-") || policy.starts_with("volatile-");
  // It is shown to people.
  const bool plain = policy.size() <= 32 && std::ranges::all_of(policy, [](char c) {
                       return (c >= 'a' && c <= 'z') || c == '-';
                     });
  return named_so && plain;
}

std::optional<Warning> LookAtMemory(const ServerInfo& info) {
  std::string_view policy = FieldOf(info.memory, "maxmemory_policy");
  std::string_view size = FieldOf(info.memory, "maxmemory");
  if (policy.empty()) policy = SettingOf(info.config, "maxmemory-policy");
  if (size.empty()) size = SettingOf(info.config, "maxmemory");
  // Without a bound nothing is ever evicted.
  if (!Evicts(policy) || NumberOf(size).value_or(0) == 0) return std::nullopt;
  return Warning{WarningCode::kEvictingPolicy,
                 "maxmemory-policy is " + std::string(policy) +
                     ": when its memory is full, the server evicts limits in use; use noeviction"};
}

std::optional<Warning> LookAtRole(const ServerInfo& info) {
  const std::string_view role = FieldOf(info.replication, "role");
  if (role != "slave" && role != "replica") return std::nullopt;
  return Warning{
      WarningCode::kReplica,
      "the server is a replica: it refuses writes, or its master overwrites them; use the "
      "master's address"};
}

std::optional<Warning> LookAtClock(const ServerInfo& info, Nanos wall) {
  if (info.time.size() != 2) return std::nullopt;
  const auto seconds = NumberOf(info.time[0]);
  const auto micros = NumberOf(info.time[1]);
  constexpr std::int64_t kLastYear = 253'402'300'799;  // 9999; as nanoseconds beyond Nanos
  if (!seconds || !micros || *seconds > kLastYear || *micros >= 1'000'000) return std::nullopt;
  const Nanos trip = info.heard - info.asked;
  const auto here = std::chrono::duration<double>(wall + info.asked + trip / 2).count();
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

void AppendInfoCommand(InfoCommand command, std::string& out) {
  switch (command) {
    case InfoCommand::kTime:
      return AppendCommand(std::array<std::string_view, 1>{"TIME"}, out);
    case InfoCommand::kReplication:
      return AppendCommand(std::array<std::string_view, 2>{"INFO", "replication"}, out);
    case InfoCommand::kMemory:
      return AppendCommand(std::array<std::string_view, 2>{"INFO", "memory"}, out);
    case InfoCommand::kConfig:
      return AppendCommand(std::array<std::string_view, 3>{"CONFIG", "GET", "maxmemory*"}, out);
  }
}

void ServerInfo::Note(InfoCommand command, Reply&& reply) {
  const bool text = reply.kind == Reply::Kind::kText;
  if (command == InfoCommand::kTime) time = TextsOf(reply);
  if (command == InfoCommand::kConfig) config = TextsOf(reply);
  if (command == InfoCommand::kReplication && text) replication = std::move(reply.text);
  if (command == InfoCommand::kMemory && text) memory = std::move(reply.text);
}

bool ServerInfo::LacksPolicy() const { return FieldOf(memory, "maxmemory_policy").empty(); }

Warning NoPasswordWarning() {
  return {WarningCode::kNoPassword,
          "the server needs no password, but one was given: anyone who reaches it can read and "
          "change its data; set a password on the server, or give none"};
}

std::vector<Warning> FindWarnings(const ServerInfo& info, Nanos wall) {
  std::vector<Warning> found;
  if (info.no_password) found.push_back(NoPasswordWarning());
  for (auto& warning : {LookAtMemory(info), LookAtRole(info), LookAtClock(info, wall)}) {
    if (warning) found.push_back(*warning);
  }
  return found;
}

void HealthCheck::Begin(bool no_password) {
  info_ = {};
  info_.no_password = no_password;
  complete_ = false;
  due_ = {InfoCommand::kTime};
  if (replication_) due_.push_back(InfoCommand::kReplication);
  due_.push_back(InfoCommand::kMemory);
}

void HealthCheck::OnReply(InfoCommand command, Reply&& reply, Nanos sent, Nanos now) {
  if (command == InfoCommand::kTime) {
    info_.asked = sent;
    info_.heard = now;
  }
  info_.Note(command, std::move(reply));
  if (command == InfoCommand::kMemory && info_.LacksPolicy()) {
    due_.push_back(InfoCommand::kConfig);
    return;
  }
  complete_ = command == InfoCommand::kMemory || command == InfoCommand::kConfig;
}

std::vector<Warning> HealthCheck::TakeNews(Nanos wall) {
  if (!std::exchange(complete_, false)) return {};
  return Update(std::exchange(info_, {}), wall);
}

std::vector<Warning> HealthCheck::Update(const ServerInfo& info, Nanos wall) {
  const std::vector<Warning> before = std::exchange(warnings_, FindWarnings(info, wall));
  std::vector<Warning> news;
  std::ranges::copy_if(warnings_, std::back_inserter(news), [&before](const Warning& warning) {
    return std::ranges::find(before, warning.code, &Warning::code) == before.end();
  });
  return news;
}

}  // namespace sluice::redis
