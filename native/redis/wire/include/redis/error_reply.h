// The reaction to a server's error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::redis {

enum class Remedy : std::uint8_t {
  /// The request fails with it: a retry would not help, or is not ours to make.
  kGiveUp,
  /// The server executes nothing for a while: retry then. Nothing was executed.
  kWait,
  /// The server is no longer the right one, or has forgotten our login: connect again, by the name,
  /// which may lead elsewhere now. Nothing was executed.
  kReconnect,
  /// A redirection, read by redis/redirect.h: ask another node of the cluster, or soon the same one
  /// again. Nothing was executed. RemedyOf never returns it: only a router can follow it.
  kRedirect,
};

/// `error` is a reply's text, "CODE explanation", of a command or from inside the script.
Remedy RemedyOf(std::string_view error);

/// "OOM", "READONLY"; empty if it does not begin with a code.
std::string_view ErrorCode(std::string_view error);

/// Whether the server refuses `command` (in lower case) to this user in general: it is renamed or
/// disabled, or the user has no right to it.
bool RefusesCommand(std::string_view error, std::string_view command);

/// The error of a server that accepts the script in no form. `first`: its answer to SCRIPT LOAD or
/// EVALSHA, if that was an error; `error`: the answer to EVAL; `rights`: sufficient rights.
std::string NoScriptsText(std::string_view first, std::string_view error, std::string_view rights);

/// An error for people: Printable, with at most 256 bytes of the server's text, and a hint if a
/// missing right is not named. Kept short: a server repeats the arguments of an unknown command,
/// and each check of a batch gets a copy.
std::string ErrorText(std::string_view error);

}  // namespace sluice::redis
