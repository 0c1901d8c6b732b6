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
  return std::string(error.substr(0, std::min(kLongest, error.find(", with args"))));
}

Remedy RemedyOf(std::string_view error) {
  const std::string_view code = ErrorCode(error);
  const auto* const known = std::ranges::find(kKnown, code, &Known::code);
  return known == kKnown.end() ? Remedy::kGiveUp : known->remedy;
}

}  // namespace sluice::redis
