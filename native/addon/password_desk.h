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
/// A question does not keep the process alive: the checks that wait for the connection do. As in
/// AnswerQueue, there is a thread-safe function only while a limiter may ask.
class PasswordDesk : public std::enable_shared_from_this<PasswordDesk> {
 public:
  /// To be called for each limiter with a source that is made, and for each that is closed.
  void Enter(napi_env env);
  void Leave();

  /// Sets the function that is told of questions: (source, ticket). It must not throw.
  void SetReceiver(Napi::Function receiver);
  /// `id` tells the receiver who is asked.
  std::shared_ptr<redis::PasswordSource> MakeSource(std::uint32_t id);
  /// Answers the question of a ticket, once.
  void Give(std::uint64_t ticket, std::string password);
  void Refuse(std::uint64_t ticket, std::string why);
  /// The environment ends.
  void End();

 private:
  class Source;

  struct Wanted {
    std::uint32_t source;
    std::uint64_t ticket;
  };

  void Ask(std::uint32_t source, const std::shared_ptr<redis::PasswordQuestion>& question);
  std::shared_ptr<redis::PasswordQuestion> Take(std::uint64_t ticket);
  static void OnWake(napi_env env, napi_value callback, void* context, void* data);
  static void OnEnd(void* desk);
  void Close();
  void HandOver(napi_env env);

  Napi::FunctionReference receiver_;
  napi_env env_ = nullptr;
  std::size_t limiters_ = 0;

  std::mutex mutex_;
  std::uint64_t tickets_ = 0;
  std::vector<Wanted> waiting_;  // for the receiver
  // Whoever gave up has let go of its question.
  std::map<std::uint64_t, std::weak_ptr<redis::PasswordQuestion>> unanswered_;
  napi_threadsafe_function wake_ = nullptr;  // null while nobody may ask
};

}  // namespace sluice::addon
