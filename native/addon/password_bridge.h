// Carries password requests from I/O threads to the JavaScript functions that answer them.
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

/// One per environment. Any thread may call its sources, even after the environment has ended:
/// there is then no password. All else belongs to the environment's thread.
///
/// A request does not keep the process alive: the checks that wait for the connection do. As in
/// AnswerBridge, the thread-safe function exists only while a limiter may need it.
class PasswordBridge : public std::enable_shared_from_this<PasswordBridge> {
 public:
  /// Call it for each limiter with a source that is made, and for each that is closed.
  void Enter(napi_env env);
  void Leave();

  /// Sets the function that receives requests: (source, ticket). It must not throw.
  void SetReceiver(Napi::Function receiver);
  /// `id` identifies the source for the receiver.
  std::shared_ptr<redis::PasswordSource> MakeSource(std::uint32_t id);
  /// Answers the request of a ticket, once.
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

  void Ask(std::uint32_t source, const std::shared_ptr<redis::PasswordRequest>& request);
  std::shared_ptr<redis::PasswordRequest> Take(std::uint64_t ticket);
  static void OnWake(napi_env env, napi_value callback, void* context, void* data);
  static void OnEnd(void* bridge);
  void Close();
  void HandOver(napi_env env);

  Napi::FunctionReference receiver_;
  napi_env env_ = nullptr;
  std::size_t limiters_ = 0;

  std::mutex mutex_;
  std::uint64_t tickets_ = 0;
  std::vector<Wanted> waiting_;  // for the receiver
  // A requester that gives up releases its request.
  std::map<std::uint64_t, std::weak_ptr<redis::PasswordRequest>> unanswered_;
  napi_threadsafe_function wake_ = nullptr;  // null while nobody needs it
};

}  // namespace sluice::addon
