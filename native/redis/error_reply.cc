// The errors that say something of the server and not of the request.
#include "redis/error_reply.h"

#include <algorithm>
#include <array>

namespace sluice::redis {
namespace {

struct Known {
  std::string_view code;
  Remedy remedy;
};

// What a text that does not say all is given, where it is found first.
struct Hint {
  std::string_view found;
  std::string_view more;
};

constexpr std::string_view kKeys =
    " (its key patterns have to let the user read and write what begins with the limiter's prefix)";

constexpr std::array kHints = {
    // Redis before 7.2, of a command inside the script.
    Hint{"can't run this command", " (ACL LOG on the server names it)"},
    Hint{"one of the keys", kKeys},
    Hint{"permissions to access a key", kKeys},
};

constexpr std::array kKnown = {
    Known{"READONLY", Remedy::kReconnect},    // a replica: a master that was demoted
    Known{"MASTERDOWN", Remedy::kReconnect},  // a replica that has lost its master
    Known{"NOAUTH", Remedy::kReconnect},      // the greeting says who we are
    Known{"LOADING", Remedy::kWait},          // reads its data from disk
    Known{"BUSY", Remedy::kWait},             // someone's script runs for too long
    Known{"UNKILLABLE", Remedy::kWait},       // the same
    Known{"CLUSTERDOWN", Remedy::kWait},      // its cluster lacks a majority, or slots
    Known{"WRONGPASS", Remedy::kReconnect},   // only AUTH is told so
    // All else is given up. OOM, MISCONF, NOREPLICAS: it answers, and what writes nothing succeeds;
    // NOPERM: this user's own; ERR, WRONGTYPE: of the request.
};

// Where Redis begins to tell which script it was, and on which line.
std::size_t EndOfError(std::string_view error) {
  const std::size_t line = error.find(", on @user_script");
  return line == std::string_view::npos ? line : error.rfind(" script: ", line);
}

}  // namespace

std::string_view ErrorCode(std::string_view error) {
  if (error.starts_with('-')) error.remove_prefix(1);  // a script's error, on Redis 6
  const std::string_view code = error.substr(0, error.find_first_of(" \r\n"));
  const bool plain =
      !code.empty() && std::ranges::all_of(code, [](char c) { return c >= 'A' && c <= 'Z'; });
  return plain ? code : std::string_view();
}

std::string ErrorText(std::string_view error) {
  constexpr std::size_t kLongest = 256;
  if (error.starts_with('-')) error.remove_prefix(1);  // a script's error, on Redis 6
  error = error.substr(0, std::min({kLongest, error.find(", with args"), EndOfError(error)}));
  const auto* const hint = std::ranges::find_if(
      kHints, [error](const Hint& one) { return error.find(one.found) != std::string_view::npos; });
  return std::string(error).append(hint == kHints.end() ? "" : hint->more);
}

Remedy RemedyOf(std::string_view error) {
  const std::string_view code = ErrorCode(error);
  const auto* const known = std::ranges::find(kKnown, code, &Known::code);
  return known == kKnown.end() ? Remedy::kGiveUp : known->remedy;
}

}  // namespace sluice::redis
