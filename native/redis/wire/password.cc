// The first answer to a password request.
#include "redis/password.h"

#include <utility>

namespace sluice::redis {

void PasswordRequest::Give(std::string password) {
  // An empty one would mean no password, and AUTH would be left out.
  if (password.empty()) return Refuse("the password is empty");
  Finish({.password = std::move(password), .why = {}});
}

void PasswordRequest::Refuse(std::string why) { Finish({.password = {}, .why = std::move(why)}); }

std::optional<PasswordRequest::Answer> PasswordRequest::answer() const {
  const std::lock_guard lock(mutex_);
  return answer_;
}

void PasswordRequest::Finish(Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    if (answer_) return;
    answer_ = std::move(answer);
  }
  answered_();
}

}  // namespace sluice::redis
