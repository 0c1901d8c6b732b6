// Says who we are, and shows errors without it.
#include "greeting.h"

#include <algorithm>
#include <array>

#include "redis/script.h"

namespace sluice::redis {

bool NeedsAuth(const Endpoint& endpoint, std::string_view password) {
  return !endpoint.user.empty() || !password.empty();
}

void AppendAuth(const Endpoint& endpoint, std::string_view password, std::string& out) {
  if (endpoint.user.empty()) {
    AppendCommand(std::array<std::string_view, 2>{"AUTH", password}, out);
  } else {
    AppendCommand(std::array<std::string_view, 3>{"AUTH", endpoint.user, password}, out);
  }
}

bool AsksForNoPassword(std::string_view error) {
  return error.find("without any password configured") != std::string_view::npos ||
         error.find("no password is set") != std::string_view::npos;
}

std::string AuthErrorText(std::string_view error) {
  const std::string_view code = error.substr(0, error.find(' '));
  const bool plain = std::ranges::all_of(code, [](char c) { return c >= 'A' && c <= 'Z'; });
  return std::string(plain ? code : "ERR") + " the server refused the user or the password";
}

}  // namespace sluice::redis
