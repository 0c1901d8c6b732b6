#include "redis/virtual_redis.h"

#include <stdexcept>

#include "redis/reply.h"
#include "redis/script.h"

namespace sluice::testing {
namespace {

// These names have no braces, so no state has one of them. virtual:ends holds the expiry times of
// keys, in ms.
constexpr std::string_view kPrelude = R"lua(local real, redis = redis, nil
do
  local clock = real.call('MGET', 'virtual:seconds', 'virtual:micros')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  -- What has run out by now, but is still there: the time was only looked at.
  local function over(key)
    local at = real.call('ZSCORE', 'virtual:ends', key)
    return at and at + 0 < now
  end
  local absent = { LLEN = 0, LINDEX = false, ZCOUNT = 0 }
  local function good(answer)
    return answer and not (type(answer) == 'table' and answer.err)
  end
  local function ends(key, ttl)
    if ttl + 0 < 1 then error('a time to live of ' .. ttl .. ' ms') end
    real.call('ZADD', 'virtual:ends', string.format('%.0f', now + ttl), key)
  end
  local function pcall_(name, key, ...)
    if name == 'SET' then
      local value, px, ttl, nx = ...
      if px ~= 'PX' then error('SET without a time to live') end
      local answer
      if nx then
        answer = real.pcall('SET', key, value, nx)
      else
        answer = real.pcall('SET', key, value)
      end
      if good(answer) then ends(key, ttl) end
      return answer
    end
    if name == 'PEXPIRE' then
      if real.call('EXISTS', key) == 0 then return 0 end
      ends(key, ...)
      return 1
    end
    if name == 'MGET' then
      local values = real.pcall(name, key, ...)
      local keys = { key, ... }
      for i = 1, #keys do values[i] = not over(keys[i]) and values[i] end
      return values
    end
    if absent[name] ~= nil and over(key) then return absent[name] end
    local answer = real.pcall(name, key, ...)
    if name == 'DEL' or name == 'LTRIM' or name == 'ZREM' or name == 'ZREMRANGEBYSCORE' then
      if real.call('EXISTS', key) == 0 then real.call('ZREM', 'virtual:ends', key) end
    end
    return answer
  end
  redis = {
    pcall = pcall_,
    call = function(name) if name == 'TIME' then return clock end error('call of ' .. name) end,
  }
end
)lua";

// ARGV: seconds, micros, whether keys expire.
constexpr std::string_view kSet = R"lua(
redis.call('MSET', 'virtual:seconds', ARGV[1], 'virtual:micros', ARGV[2])
if ARGV[3] == '0' then return 0 end
local now = string.format('%.0f', ARGV[1] * 1000 + math.floor(ARGV[2] / 1000))
local gone = redis.call('ZRANGEBYSCORE', 'virtual:ends', '-inf', '(' .. now)
for i = 1, #gone do
  if redis.call('DEL', gone[i]) == 0 then error(gone[i] .. ' is not there') end
end
redis.call('ZREMRANGEBYSCORE', 'virtual:ends', '-inf', '(' .. now)
return #gone
)lua";

// The number of keys that are not in virtual:ends.
constexpr std::string_view kUntimed = R"lua(
local count = 0
for _, key in ipairs(redis.call('KEYS', '*')) do
  if string.find(key, '{', 1, true) and not redis.call('ZSCORE', 'virtual:ends', key) then
    count = count + 1
  end
end
return count
)lua";

}  // namespace

VirtualRedis::VirtualRedis(RedisServer& server)
    : server_(server),
      sha_(server.Text(
          {"SCRIPT", "LOAD", std::string(kPrelude) + std::string(redis::ScriptText())})),
      set_sha_(server.Text({"SCRIPT", "LOAD", std::string(kSet)})),
      untimed_sha_(server.Text({"SCRIPT", "LOAD", std::string(kUntimed)})) {
  if (sha_.size() != 40) throw std::runtime_error("the script: " + sha_);
  server_.Run({"FLUSHALL"});  // other tests use another clock
  SetTime(Nanos{0});
}

std::string VirtualRedis::NameOf(const redis::Request& request, std::size_t policy) {
  std::string name;
  redis::AppendStateName(request, policy, name);
  return name;
}

void VirtualRedis::Set(Nanos now, bool expires) {
  if (now == now_ && (expired_ || !expires)) return;
  const std::int64_t micros = now.count() / 1'000;
  const redis::Reply reply =
      server_.Run({"EVALSHA", set_sha_, "0", std::to_string(micros / 1'000'000),
                   std::to_string(micros % 1'000'000), expires ? "1" : "0"});
  if (reply.kind != redis::Reply::Kind::kInteger) throw std::runtime_error(reply.text);
  now_ = now;
  expired_ = expires;
}

std::vector<redis::Completion> VirtualRedis::Run(std::span<const redis::Request> requests) {
  redis::ScriptCall call;
  call.Describe(requests);
  std::vector<std::string> command = {"EVALSHA", sha_, std::to_string(call.keys())};
  for (std::size_t i = 0; i < call.keys(); ++i) command.emplace_back(call.key(i));
  for (std::size_t i = 0; i < call.arguments(); ++i) command.emplace_back(call.argument(i));
  const redis::Reply reply = server_.Run(command);
  std::vector<redis::Completion> completions(requests.size());
  if (!redis::ReadReply(reply, requests, completions)) {
    std::string text = "not an answer of the script: " + reply.text;
    for (const std::int64_t number : reply.integers) text += " " + std::to_string(number);
    text += "\n  asked:";
    for (std::size_t i = 3; i < command.size(); ++i) text += " " + command[i];
    throw std::runtime_error(text);
  }
  return completions;
}

void VirtualRedis::Reset(const redis::Request& request) {
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    const std::string name = NameOf(request, i);
    for (const char* suffix : {"", ":l", ":z"}) {
      server_.Run({"UNLINK", name + suffix});
      server_.Run({"ZREM", "virtual:ends", name + suffix});
    }
  }
}

bool VirtualRedis::Holds(const std::string& name) {
  return server_.Run({"EXISTS", name, name + ":z"}).integers.at(0) > 0;
}

bool VirtualRedis::HoldsText(const std::string& name) {
  return server_.Run({"EXISTS", name}).integers.at(0) > 0;
}

void VirtualRedis::Put(const std::vector<std::string>& command, const std::string& name) {
  server_.Run(command);
  if (server_.Run({"EXISTS", name}).integers.at(0) > 0) {
    const std::int64_t ends = now_.count() / 1'000'000 + 86'400'000;
    server_.Run({"ZADD", "virtual:ends", std::to_string(ends), name});
  } else {
    server_.Run({"ZREM", "virtual:ends", name});
  }
}

std::int64_t VirtualRedis::Untimed() {
  return server_.Run({"EVALSHA", untimed_sha_, "0"}).integers.at(0);
}

}  // namespace sluice::testing
