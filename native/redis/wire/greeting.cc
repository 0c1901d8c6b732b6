// Authentication, with errors that do not reveal the password.
#include "redis/greeting.h"

#include <array>

#include "redis/error_reply.h"
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
  const std::string_view code = ErrorCode(error);
  const bool plain = !code.empty() && code.size() <= 32;
  return std::string(plain ? code : "ERR") + " the server refused the user or the password";
}

}  // namespace sluice::redis
