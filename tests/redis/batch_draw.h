// Random batches of all operations, on a few keys of each of a few policy sets.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "redis/request.h"
#include "support/random_policy.h"
#include "support/reference_ids.h"
#include "support/reference_key.h"
#include "support/subject.h"
#include "support/trace.h"

namespace sluice::testing {

/// A policy set, and a model of each of its keys.
struct Limits {
  std::shared_ptr<const redis::PolicySet> set;
  std::map<std::string, ReferenceKey> keys;
  std::map<std::string, ReferenceIds> ids;  ///< of each key
};

/// A request, with the input of its model.
struct Asked {
  redis::Request request;
  Limits* limits = nullptr;
  std::string key;
  Subject::Question question;
  std::vector<std::int64_t> model_marks;  ///< beside the request's
  std::string id;                         ///< empty: none
};

class BatchDraw {
 public:
  /// The first ids are for checks, the others for debits and credits.
  static inline const std::vector<std::string> kIds = {"a", "b", "c", "d1", "d2"};

  /// Both must outlive it.
  BatchDraw(Random& random, const TraceClock& clock) : random_(random), clock_(clock) {}

  /// Draws new policies and forgets all keys.
  void StartTrace();
  /// Neighbours often have equal arguments, so that groups form. Keys repeat within a batch.
  std::vector<Asked> Batch();
  std::vector<Limits>& limits() { return limits_; }

  /// Records the holder of a key's slots and the charge of an admitted check, to return them later.
  /// Both keep only the last one.
  void NoteHolder(const Asked& asked, HolderId holder);
  void NoteCharge(const Asked& asked, std::span<const Decision> told,
                  std::span<const Decision> modelled);
  /// The rest of the key's charge is now unknown.
  void ForgetCharge(const Asked& asked);

 private:
  // A charge that can be returned.
  struct Charge {
    std::vector<std::int64_t> units;
    std::array<std::int64_t, kMaxPolicies> marks{};
    std::vector<std::int64_t> model_marks;
    std::string id;  // of the check
  };
  using KeyOf = std::pair<const Limits*, std::string>;

  Asked DrawOne();
  Asked DrawChange(Asked asked, redis::Request::Kind kind);
  redis::Request::Kind DrawKind();
  Subject::Question DrawQuestion(const redis::PolicySet& set);
  void DrawId(Asked& asked);

  Random& random_;
  const TraceClock& clock_;
  std::vector<Limits> limits_;
  std::map<KeyOf, Charge> charges_;
  std::map<KeyOf, HolderId> holders_;
  std::uint64_t holder_count_ = 0;
};

}  // namespace sluice::testing
