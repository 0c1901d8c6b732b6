#include "redis/script_runner.h"

#include <stdexcept>

namespace sluice::testing {
namespace {

void ReplaceLine(std::string& text, std::string_view mark, const std::string& line) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos || text.find(mark, at + 1) != std::string::npos) {
    throw std::runtime_error("the script does not hold " + std::string(mark) + " exactly once");
  }
  const std::size_t start = text.rfind('\n', at) + 1;
  text.replace(start, text.find('\n', at) - start, line);
}

}  // namespace

std::string ScriptAt(std::int64_t now) {
  std::string text(redis::ScriptText());
  ReplaceLine(text, " -- @time",
              "local time = {" + std::to_string(now / 1'000'000'000) + ", " +
                  std::to_string(now / 1'000 % 1'000'000) + "}");
  ReplaceLine(text, " -- @min-ttl", "local min_ttl = 86400000");
  return text;
}

std::string RefusingScript(std::string_view condition, const std::string& script,
                           std::string_view locals) {
  return std::string(locals) +
         "local real = redis\n"
         "local redis = {call = real.call, pcall = function(name, key, ...)\n"
         "  if " +
         std::string(condition) +
         " then return {err = 'OOM made up'} end\n"
         "  return real.pcall(name, key, ...)\n"
         "end}\n" +
         script;
}

redis::Reply RunScript(RedisServer& server, std::string_view script,
                       std::span<const redis::Request> requests) {
  redis::ScriptCall call;
  call.Describe(requests);
  std::vector<std::string> command = {"EVAL", std::string(script), std::to_string(call.keys())};
  for (std::size_t i = 0; i < call.keys(); ++i) command.emplace_back(call.key(i));
  for (std::size_t i = 0; i < call.arguments(); ++i) command.emplace_back(call.argument(i));
  return server.Run(command);
}

std::vector<redis::Completion> DecideOn(RedisServer& server, std::string_view script,
                                        std::span<const redis::Request> requests) {
  const redis::Reply reply = RunScript(server, script, requests);
  std::vector<redis::Completion> completions(requests.size());
  if (!redis::ReadReply(reply, requests, completions)) {
    throw std::runtime_error("not an answer of the script: " + reply.text);
  }
  return completions;
}

}  // namespace sluice::testing
