// The shipped script on a real server, at a time that a test sets.
#include "redis/virtual_redis.h"

#include <stdexcept>

#include "redis/keys.h"
#include "redis/script.h"

namespace sluice::testing {
namespace {

// No name of a state looks like these: they have no braces.
constexpr std::string_view kSeconds = "virtual:seconds";
constexpr std::string_view kMicros = "virtual:micros";

void ReplaceOnce(std::string& text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  if (at == std::string::npos || text.find(what, at + 1) != std::string::npos) {
    throw std::runtime_error("not exactly once in the script: " + std::string(what));
  }
  text.replace(at, what.size(), with);
}

std::string VirtualScript() {
  std::string text(redis::ScriptText());
  ReplaceOnce(
      text, "redis.call('TIME')",
      "redis.call('MGET', '" + std::string(kSeconds) + "', '" + std::string(kMicros) + "')");
  ReplaceOnce(text, "local min_ttl = 1 -- @min-ttl", "local min_ttl = 86400000");
  return text;
}

std::int64_t Millis(Nanos time) { return time.count() / 1'000'000; }

}  // namespace

VirtualRedis::VirtualRedis(RedisServer& server)
    : server_(server), sha_(server.Text({"SCRIPT", "LOAD", VirtualScript()})) {
  SetTime(Nanos{0});
}

std::string VirtualRedis::NameOf(const redis::PolicySet& set, const redis::EscapedKey& key,
                                 std::size_t policy) {
  std::string name(set.head());
  return name.append(key.view()).append(set.tail(policy));
}

std::vector<std::string> VirtualRedis::SetTime(Nanos now) {
  now_ = now;
  const std::int64_t micros = now.count() / 1'000;
  server_.Run({"MSET", std::string(kSeconds), std::to_string(micros / 1'000'000),
               std::string(kMicros), std::to_string(micros % 1'000'000)});
  std::vector<std::string> command = {"DEL"};
  for (auto entry = expires_.begin(); entry != expires_.end();) {
    if (Millis(now) > entry->second) {
      command.push_back(entry->first);
      entry = expires_.erase(entry);
    } else {
      ++entry;
    }
  }
  if (command.size() > 1) {
    const redis::Reply deleted = server_.Run(command);
    if (deleted.integers != std::vector{static_cast<std::int64_t>(command.size() - 1)}) {
      throw std::runtime_error("a key that was written is not there");
    }
  }
  return {command.begin() + 1, command.end()};
}

std::vector<redis::Completion> VirtualRedis::Decide(std::span<const redis::Request> requests) {
  redis::ScriptCall call;
  call.Describe(requests);
  std::vector<std::string> command = {"EVALSHA", sha_, std::to_string(call.keys())};
  for (std::size_t i = 0; i < call.keys(); ++i) command.emplace_back(call.key(i));
  for (std::size_t i = 0; i < call.arguments(); ++i) command.emplace_back(call.argument(i));
  const redis::Reply reply = server_.Run(command);
  std::vector<redis::Completion> completions(requests.size());
  if (!redis::ReadReply(reply, requests, completions)) {
    throw std::runtime_error("not an answer of the script: " + reply.text);
  }
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const redis::Request& request = requests[r];
    for (std::size_t i = 0; completions[r].charged && i < request.set->size(); ++i) {
      if (request.costs[i] == 0) continue;
      const Nanos backlog =
          completions[r].backlogs[i] +
          request.costs[i] * RuleOf(request.set->policies()[i].algorithm).interval;
      expires_[NameOf(*request.set, request.key, i)] = Millis(now_) + Millis(backlog) + 1;
    }
  }
  return completions;
}

void VirtualRedis::Reset(const redis::PolicySet& set, std::string_view key) {
  for (std::size_t i = 0; i < set.size(); ++i) {
    server_.Run({"UNLINK", NameOf(set, redis::EscapedKey(key), i)});
    expires_.erase(NameOf(set, redis::EscapedKey(key), i));
  }
}

}  // namespace sluice::testing
