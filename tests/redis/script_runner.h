// Runs the shipped script on a real server, at the server's own time or at a chosen one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/redis_server.h"
#include "redis/script.h"

namespace sluice::testing {

/// The script with its two marked lines replaced: the time is `now` (ns since 1970, whole us), and
/// no key expires within a day. Throws std::runtime_error unless each marked line is there once.
std::string ScriptAt(std::int64_t now);

/// The script with the error "OOM made up" for each call of redis.pcall that satisfies `condition`,
/// an expression of Lua over the command's `name` and `key`. `locals` run once before.
std::string RefusingScript(std::string_view condition, const std::string& script,
                           std::string_view locals = {});

/// Runs `script` for `requests` by EVAL.
redis::Reply RunScript(RedisServer& server, std::string_view script,
                       std::span<const redis::Request> requests);

/// The same, read as completions. Throws std::runtime_error if the answer is not one that
/// redis::ReadReply accepts.
std::vector<redis::Completion> DecideOn(RedisServer& server, std::string_view script,
                                        std::span<const redis::Request> requests);

}  // namespace sluice::testing
