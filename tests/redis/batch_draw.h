// Batches at random of all that can be asked of a few keys, under a few policy sets each with its
// own.
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

/// What was asked, with what else a model needs to answer it.
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
  /// The first of checks, the others of debits and credits.
  static inline const std::vector<std::string> kIds = {"a", "b", "c", "d1", "d2"};

  /// Both are used, and have to live, as long as this.
  BatchDraw(Random& random, const TraceClock& clock) : random_(random), clock_(clock) {}

  /// Other policies, no keys.
  void StartTrace();
  /// Neighbours often ask for the same, so that groups form; keys come again within a batch.
  std::vector<Asked> Batch();
  std::vector<Limits>& limits() { return limits_; }

  /// So that slots are released and charges given back: who holds those of a key, and what an
  /// admitted check was told, by Redis and by the model. Both are of the last one.
  void NoteHolder(const Asked& asked, HolderId holder);
  void NoteCharge(const Asked& asked, std::span<const Decision> told,
                  std::span<const Decision> modelled);
  /// What is left of the key's charge is not known any more.
  void ForgetCharge(const Asked& asked);

 private:
  // A charge that may be given back.
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
