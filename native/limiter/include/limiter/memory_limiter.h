// Policies over a memory store: what the addon and the simulator call when state is in this
// process.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "store/memory_store.h"

namespace sluice {

/// Who decided. The numbers are part of the seam to JavaScript.
enum class Source : std::uint8_t { kStore = 0, kLocal = 1, kAllow = 2, kDeny = 3 };

/// The answer of all policies to one check.
struct Verdict {
  bool allowed = false;
  Source source = Source::kStore;
  /// Which of `decisions` binds; see BindingPolicy.
  std::uint8_t binding = 0;
  std::uint8_t count = 0;
  /// In the order the policies were declared; `count` of them are set.
  std::array<Decision, kMaxPolicies> decisions;
};

/// Immutable but for its store; thread safe.
class MemoryLimiter {
 public:
  /// Preconditions: 1 to kMaxPolicies policies with distinct names.
  MemoryLimiter(std::vector<Policy> policies, std::shared_ptr<MemoryStore> store,
                std::string_view prefix);

  /// Decides and charges. `costs` has one entry per policy.
  void Check(std::string_view key, std::span<const std::int64_t> costs, Nanos now,
             Verdict& verdict) const;
  /// What Check would answer; changes nothing.
  void Peek(std::string_view key, std::span<const std::int64_t> costs, Nanos now,
            Verdict& verdict) const;
  /// Forgets the key.
  void Reset(std::string_view key) const;

  const std::vector<Policy>& policies() const { return policies_; }
  MemoryStore& store() const { return *store_; }

 private:
  std::vector<Policy> policies_;
  std::vector<KeyHash> scopes_;
  std::shared_ptr<MemoryStore> store_;
};

}  // namespace sluice
