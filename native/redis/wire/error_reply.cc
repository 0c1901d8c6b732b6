// Errors about the server rather than the request.
#include "redis/error_reply.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

#include "printable.h"

namespace sluice::redis {
namespace {

struct Known {
  std::string_view code;
  Remedy remedy;
};

// An addition to a text that is incomplete; the first match counts.
struct Hint {
  std::string_view found;
  std::string_view more;
};

constexpr std::string_view kKeys =
    " (the user needs key patterns for reading and writing keys with the limiter's prefix)";

constexpr std::array kHints = {
    // Redis before 7.2, of a command inside the script.
    Hint{"can't run this command", " (ACL LOG on the server names it)"},
    Hint{"one of the keys", kKeys},
    Hint{"permissions to access a key", kKeys},
};

constexpr std::array kKnown = {
    Known{"READONLY", Remedy::kReconnect},    // a replica: a master that was demoted
    Known{"MASTERDOWN", Remedy::kReconnect},  // a replica that has lost its master
    Known{"NOAUTH", Remedy::kReconnect},      // the greeting authenticates
    Known{"LOADING", Remedy::kWait},          // reads its data from disk
    Known{"BUSY", Remedy::kWait},             // a script runs for too long
    Known{"UNKILLABLE", Remedy::kWait},       // the same
    Known{"CLUSTERDOWN", Remedy::kWait},      // its cluster lacks a majority, or slots
    Known{"WRONGPASS", Remedy::kReconnect},   // only as the answer to AUTH
    // All others are given up. OOM, MISCONF, NOREPLICAS: the server answers, and reads succeed;
    // NOPERM: only this user; ERR, WRONGTYPE: only this request.
};

// The position where Redis appends the script's name and line.
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
  error = error.substr(0, std::min(error.find(", with args"), EndOfError(error)));
  const auto* const hint = std::ranges::find_if(
      kHints, [error](const Hint& one) { return error.find(one.found) != std::string_view::npos; });
  return Printable(error, kLongest).append(hint == kHints.end() ? "" : hint->more);
}

bool RefusesCommand(std::string_view error, std::string_view command) {
  if (error.starts_with('-')) error.remove_prefix(1);
  const std::string_view code = ErrorCode(error);
  if (code != "ERR" && code != "NOPERM") return false;
  // An error inside a script names commands too.
  if (error.find("user_script") != std::string_view::npos) return false;
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  // Only its beginning: the rest may repeat arguments.
  error = error.substr(0, error.find(", with args"));
  auto at = error.begin();
  while (true) {
    const auto found = std::search(at, error.end(), command.begin(), command.end(), same);
    if (found == error.end()) return false;
    const auto end = found + static_cast<std::ptrdiff_t>(command.size());
    const bool apart = found == error.begin() || !is_letter(*(found - 1));
    if (apart && (end == error.end() || !is_letter(*end))) return true;
    at = found + 1;
  }
}

std::string NoScriptsText(std::string_view first, std::string_view error, std::string_view rights) {
  std::string text = ErrorText(error);
  if (!first.empty()) text.insert(0, std::string(first) + "; and for EVAL: ");
  if (ErrorCode(error) == "NOPERM") {
    return text.append(" (the user needs ").append(rights).append(")");
  }
  return text +
         " (the server executes no scripts; a sentinel is given by 'sentinels', with 'master')";
}

Remedy RemedyOf(std::string_view error) {
  const std::string_view code = ErrorCode(error);
  const auto* const known = std::ranges::find(kKnown, code, &Known::code);
  return known == kKnown.end() ? Remedy::kGiveUp : known->remedy;
}

}  // namespace sluice::redis
