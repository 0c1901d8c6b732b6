// The result of one check under all policies of a limiter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/policy.h"

namespace sluice {

/// The decider. JavaScript uses the same numbers.
enum class Source : std::uint8_t {
  kStore = 0,  ///< the store
  kLocal = 1,  ///< this process, in place of a store that failed
  kAllow = 2,  ///< no store: the store failed, and the rule is to allow
  kDeny = 3,   ///< no store: the store failed, and the rule is to deny
  kCache = 4,  ///< this process, by a denial of the store's of a moment ago
};

struct Verdict {
  bool allowed = false;
  Source source = Source::kStore;
  /// Index of the binding decision; see BindingPolicy.
  std::uint8_t binding = 0;
  std::uint8_t count = 0;
  /// The check was charged before under its id. `holder` is then the existing slots' holder, not
  /// the one in the call.
  bool repeated = false;
  /// For a repeat: the slots had been lost, so it asked for them again.
  bool slots_again = false;
  HolderId holder;
  /// In the declared order of the policies; `count` of them are set, none under kAllow and kDeny.
  std::array<Decision, kMaxPolicies> decisions;

  /// Sets the binding decision. Precondition: count > 0.
  void Bind() { binding = static_cast<std::uint8_t>(BindingPolicy(Decisions())); }

  std::span<Decision> Decisions() { return {decisions.data(), count}; }
  std::span<const Decision> Decisions() const { return {decisions.data(), count}; }
};

}  // namespace sluice
