// What the addon keeps for one JavaScript environment: a main thread or a worker.
#pragma once

#include <napi.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "limiter/verdict.h"

namespace sluice::addon {

class AnswerQueue;

/// Created when the addon is loaded into an environment, destroyed when that ends. Used only on the
/// environment's own thread.
///
/// Numbers cross to JavaScript through one shared Float64Array (`exchange`), which costs a fraction
/// of making objects here. Layout of a verdict: [code, delayMs, then per policy: admits, remaining,
/// retryAfterMs, resetAfterMs]; code = allowed + binding * 2 + source * 32. The delay is the
/// longest that any policy asks for.
class Environment {
 public:
  static constexpr std::size_t kNumbersPerPolicy = 4;
  static constexpr std::size_t kVerdictNumbers = 2 + kMaxPolicies * kNumbersPerPolicy;
  /// Room for a batch of answers; see AnswerQueue.
  static constexpr std::size_t kExchangeNumbers = 8192;

  Environment(Napi::Env env, Napi::Object exports);
  ~Environment();
  static Environment& Of(napi_env env);

  double* exchange() { return exchange_; }
  /// Reads `count` costs that JavaScript left at the start of `exchange`.
  void ReadCosts(std::size_t count, std::span<std::int64_t> costs) const;
  AnswerQueue& answers() { return *answers_; }
  std::shared_ptr<AnswerQueue> SharedAnswers() { return answers_; }

 private:
  Napi::Reference<Napi::Float64Array> exchange_array_;
  double* exchange_;
  std::shared_ptr<AnswerQueue> answers_;
};

/// How many numbers follow a verdict's code.
inline std::size_t NumbersAfterCode(const Verdict& verdict) {
  return 1 + verdict.count * Environment::kNumbersPerPolicy;
}

/// Writes a verdict's numbers after its code, and returns the code.
std::uint32_t WriteVerdict(const Verdict& verdict, double* numbers);

}  // namespace sluice::addon
