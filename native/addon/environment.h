// The state of the addon in one JavaScript environment: a main thread or a worker.
#pragma once

#include <napi.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "core/operation.h"
#include "core/policy.h"
#include "core/result.h"

namespace sluice::addon {

class AnswerBridge;
class PasswordBridge;

/// Created when the addon is loaded into an environment, destroyed when that ends. Used only on the
/// environment's own thread.
///
/// Numbers cross to JavaScript through one shared Float64Array (`exchange`), which costs a fraction
/// of making objects here.
///
/// A verdict: [code, delayMs, then per policy: admits, limit, remaining, retryAfterMs,
/// resetAfterMs, mark]; code = allowed + binding * 2 + source * 32, and of a replayed check
/// (Result::replayed) + 256 + slots_again * 512, of a denial by a block + 1024. The delay is the
/// longest that any policy asks for. `mark` is Decision::mark modulo 2^53. A replayed check adds
/// four numbers of 32 bits: the holder of its slots.
///
/// A call (from JavaScript), in whole numbers: [spanUs, which, flags, then per policy: a, b].
///   check, peek           spanUs: the longest wait, -1 for none; a: cost; b: limit, -1 for its own
///   debit, credit, abort  a: units; b: mark, where flags & 1. Behind those of an abort, for each
///                         policy: the limit of the call that gave up, -1 for the policy's own
///   credit ... renew      flags & 2: this process made the charge, in place of a store that failed
///   block                 spanUs: for how long; which: the policies, one bit each (unblock too)
///   reserve, extend       a: the estimate; b: limit. reserve: spanUs: how long it is held;
///                         flags / 4: OnExpire
///   checkpoint            a: the usage so far; spanUs: how long it is held from now on, -1: as it
///   was settle                a: the usage, of the policies in `which`
class Environment {
 public:
  static constexpr std::size_t kNumbersPerPolicy = 6;
  static constexpr std::size_t kHolderNumbers = 4;
  static constexpr std::size_t kVerdictNumbers =
      2 + kMaxPolicies * kNumbersPerPolicy + kHolderNumbers;
  /// Room for a batch of answers; see AnswerBridge.
  static constexpr std::size_t kExchangeNumbers = 8192;

  Environment(Napi::Env env, Napi::Object exports);
  ~Environment();
  static Environment& Of(napi_env env);

  double* exchange() { return exchange_; }
  /// Reads an operation under these policies: its numbers from `exchange`, holder and id as given
  /// or undefined. Its options go to `options` (fresh), which the caller attaches. Runs no
  /// JavaScript. Throws a RangeError or TypeError for a value that this kind cannot have.
  Operation ReadOperation(Operation::Kind kind, std::span<const Policy> policies, napi_value holder,
                          napi_value id, Operation::Options& options) const;
  AnswerBridge& answers() { return *answers_; }
  std::shared_ptr<AnswerBridge> SharedAnswers() { return answers_; }
  PasswordBridge& passwords() { return *passwords_; }
  std::shared_ptr<PasswordBridge> SharedPasswords() { return passwords_; }

 private:
  const napi_env env_;
  Napi::Reference<Napi::Float64Array> exchange_array_;
  double* exchange_;
  std::shared_ptr<AnswerBridge> answers_;
  std::shared_ptr<PasswordBridge> passwords_;
};

/// Instead of a verdict's code: the id was charged for something else.
inline constexpr int kIdReused = -3;

/// Instead of a verdict's code, less the HoldOutcome: the answer of an operation on a reservation
/// that decides nothing. Behind it: the policies whose estimate is spent, one bit each, then per
/// policy the units charged in all.
inline constexpr int kHold = -16;
inline std::size_t NumbersOfHold(std::size_t policies) { return 1 + policies; }
/// Writes these, and returns the code.
std::int32_t WriteHold(const Result& result, std::size_t policies, double* numbers);

/// The number of a verdict's numbers after its code.
inline std::size_t NumbersAfterCode(const Result& result) {
  return 1 + result.count * Environment::kNumbersPerPolicy +
         (result.replayed ? Environment::kHolderNumbers : 0);
}

/// Writes a verdict's numbers after its code, and returns the code.
std::uint32_t WriteVerdict(const Result& result, double* numbers);

}  // namespace sluice::addon
