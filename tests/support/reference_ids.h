// The charges under a key's ids, by DESIGN.md: the plain model of repeated checks.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "support/reference_key.h"

namespace sluice::testing {

/// Extends the model of one key under policies that do not change.
class ReferenceIds {
 public:
  struct Known {
    Subject::Question question;  ///< the charged one
    Nanos at{0};
    std::vector<bool> charged;        ///< per policy
    std::vector<Decision> decisions;  ///< as returned
  };
  struct Outcome {
    bool reused = false;    ///< charged for something else; nothing was done
    bool replayed = false;  ///< charged before
    bool allowed = false;
  };

  Outcome Check(ReferenceKey& model, const std::vector<Policy>& policies,
                const Subject::Question& question, const std::string& id, Nanos now,
                std::span<Decision> decisions);
  /// Whether a debit or credit with this id is new.
  bool IsNew(const std::string& id, Nanos now);
  /// Null if the id is unknown or has expired.
  const Known* Find(const std::string& id, Nanos now) const;
  void Forget(const std::string& id) { known_.erase(id); }

 private:
  std::map<std::string, Known> known_;
};

}  // namespace sluice::testing
