// What a key's ids were charged for, as DESIGN.md tells it: the plain model of checks that come
// again.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "support/reference_key.h"

namespace sluice::testing {

/// Beside the model of one key under policies that stay the same.
class ReferenceIds {
 public:
  struct Known {
    Subject::Question question;  ///< as it was charged
    Nanos at{0};
    std::vector<bool> charged;        ///< per policy
    std::vector<Decision> decisions;  ///< as told
  };
  struct Outcome {
    bool reused = false;    ///< for something else; nothing was done
    bool repeated = false;  ///< charged before
    bool allowed = false;
  };

  Outcome Check(ReferenceKey& model, const std::vector<Policy>& policies,
                const Subject::Question& question, const std::string& id, Nanos now,
                std::span<Decision> decisions);
  /// A debit or credit: whether it has yet to be done.
  bool IsNew(const std::string& id, Nanos now);
  /// Null if the id is not known (any more).
  const Known* Find(const std::string& id, Nanos now) const;
  void Forget(const std::string& id) { known_.erase(id); }

 private:
  std::map<std::string, Known> known_;
};

}  // namespace sluice::testing
