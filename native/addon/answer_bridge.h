// Carries answers from the I/O thread to the JavaScript thread that asked.
#pragma once

#include <napi.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limiter/redis_limiter.h"
#include "redis/stats.h"

namespace sluice::addon {

class Environment;

/// In place of a verdict's code, beside kIdReused.
inline constexpr std::int32_t kUndecided = -1;
inline constexpr std::int32_t kDone = -2;
inline constexpr std::int32_t kQueued = -4;

/// Returns the code of an answer: that of its verdict, whose numbers it writes, or one of these.
std::int32_t WriteAnswer(const Answer& answer, double* numbers);

/// Deliver, OnBreaker and OnWarning may be called on any thread, even after the environment has
/// ended; their data is then dropped. All else belongs to the environment's thread.
///
/// The thread-safe function, which tools show as an open handle, exists only while a limiter uses
/// the queue. It keeps the process alive only while operations are in flight.
class AnswerBridge final : public AnswerSink, public redis::Watcher {
 public:
  /// Call it for each limiter that is made, and for each that is closed.
  void Enter(napi_env env);
  void Leave();

  /// Sets the function that takes answers: (count, details | undefined). Each answer is in the
  /// exchange as [ticket, fault, verdict...] in turn; the verdict's code is -1 if there is none.
  /// `details` has a text for each answer with a fault, if there is one.
  void SetReceiver(Napi::Function receiver);
  /// Set the functions that receive breaker changes, (address, state), and warnings about servers,
  /// (address, warning, detail).
  void SetBreakerReceiver(Napi::Function receiver);
  void SetWarningReceiver(Napi::Function receiver);
  /// Counts `count` more operations in flight.
  void Expect(std::uint64_t count);
  /// The environment ends. Later owners of the queue have an empty one.
  void End();

  void Deliver(std::span<const Answer> answers) override;
  void OnBreaker(std::string_view address, redis::BreakerState state) override;
  void OnWarning(std::string_view address, const redis::Warning& warning) override;

 private:
  static void OnWake(napi_env env, napi_value callback, void* context, void* data);
  static void OnEnd(void* queue);

  /// Answers in transit, already as the numbers for JavaScript.
  struct Batch {
    std::vector<double> numbers;
    std::vector<std::size_t> ends;     // of each answer in `numbers`
    std::vector<std::string> details;  // of the answers with a fault, in order
  };

  /// A call of a receiver with texts.
  struct News {
    const Napi::FunctionReference* receiver;
    std::array<std::string, 3> texts;
  };

  void Close();
  void HandOver(napi_env env);
  void HandOverNews(napi_env env, std::span<const News> news);
  void Tell(News&& news);

  Napi::FunctionReference receiver_;
  Napi::FunctionReference breaker_receiver_;
  Napi::FunctionReference warning_receiver_;
  napi_env env_ = nullptr;
  std::size_t limiters_ = 0;
  std::uint64_t expected_ = 0;
  Batch taken_;

  std::mutex mutex_;
  Batch waiting_;
  std::vector<News> news_;
  napi_threadsafe_function wake_ = nullptr;  // null while there is nobody to wake
};

}  // namespace sluice::addon
