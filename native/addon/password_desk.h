// Carries questions for passwords from I/O threads to the JavaScript functions that answer them.
#pragma once

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "redis/password.h"

namespace sluice::addon {

/// One per environment. The sources that it makes may be asked on any thread, also after the
/// environment has ended: nobody has a password then. All else belongs to the environment's thread.
///
/// A question does not keep the process alive: the checks that wait for the connection do.
class PasswordDesk : public std::enable_shared_from_this<PasswordDesk> {
 public:
  explicit PasswordDesk(Napi::Env env);

  /// Sets the function that is told of questions: (source, ticket). It must not throw.
  void SetReceiver(Napi::Function receiver);
  /// `id` tells the receiver who is asked.
  std::shared_ptr<redis::PasswordSource> MakeSource(std::uint32_t id);
  /// Answers the question of a ticket, once.
  void Give(std::uint64_t ticket, std::string password);
  void Refuse(std::uint64_t ticket, std::string why);
  /// The environment is about to end.
  void Close();

 private:
  class Source;

  struct Wanted {
    std::uint32_t source;
    std::uint64_t ticket;
  };

  void Ask(std::uint32_t source, const std::shared_ptr<redis::PasswordQuestion>& question);
  std::shared_ptr<redis::PasswordQuestion> Take(std::uint64_t ticket);
  static void OnWake(napi_env env, napi_value callback, void* context, void* data);
  void HandOver(napi_env env);

  Napi::FunctionReference receiver_;

  std::mutex mutex_;
  std::uint64_t tickets_ = 0;
  std::vector<Wanted> waiting_;  // for the receiver
  // Whoever gave up has let go of its question.
  std::map<std::uint64_t, std::weak_ptr<redis::PasswordQuestion>> unanswered_;
  napi_threadsafe_function wake_ = nullptr;  // null once closed
};

}  // namespace sluice::addon
