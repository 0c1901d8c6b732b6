// What to do about a server's error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::redis {

enum class Remedy : std::uint8_t {
  /// The request fails with it: asking again would not help, or is no business of ours.
  kGiveUp,
  /// The server will not execute anything for a while; ask again then. Nothing was executed.
  kWait,
  /// This server is not the one to ask, or does not know us any more: a new connection, by the name
  /// that may lead elsewhere now. Nothing was executed.
  kReconnect,
  /// As redis/redirect.h reads it: another node of the cluster is to be asked, or soon this one
  /// again. Nothing was executed. Never of RemedyOf: only a router can do it.
  kRedirect,
};

/// `error` is a reply's text, "CODE explanation", of a command or from inside the script.
Remedy RemedyOf(std::string_view error);

/// "OOM", "READONLY"; empty if it does not begin with a code.
std::string_view ErrorCode(std::string_view error);

/// Whether the server does not execute `command` (in lower case) for this user at all: it is
/// renamed, disabled, or the user has no right to it.
bool RefusesCommand(std::string_view error, std::string_view command);

/// The error of a server that takes the script in no way. `first`: its answer to SCRIPT LOAD or
/// EVALSHA, if that was an error; `error`: to EVAL; `rights`: what would do.
std::string NoScriptsText(std::string_view first, std::string_view error, std::string_view rights);

/// An error as people may see it: Printable, at most 256 bytes of what the server said, with a hint
/// where a permission is missing and the server does not say which. A server that does not know a
/// command repeats its arguments; each check of a batch gets a copy, so it is not long.
std::string ErrorText(std::string_view error);

}  // namespace sluice::redis
