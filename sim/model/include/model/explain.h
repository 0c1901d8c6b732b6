// Why a request was answered as it was: the rule, the numbers put into it, and the answer.
#pragma once

#include <string>
#include <vector>

#include "core/token_bucket.h"
#include "model/history.h"

namespace sluice::sim {

struct Explanation {
  /// One line of arithmetic: "needed", "n x I", "= 1 x 100 ms", "100 ms".
  struct Line {
    std::string name;
    std::string symbol;
    std::string numbers;  ///< what is put into the symbol; may be empty
    std::string value;
  };

  std::string verdict;  ///< "Admitted", "Denied"
  std::string reason;   ///< why, in tokens; one or two sentences
  std::vector<Line> lines;
  std::string test;          ///< the rule with the numbers in it: "100 ms <= 40.1 ms?  No: denied."
  std::vector<Line> answer;  ///< what the caller is told
};

Explanation Explain(const Request& request);

/// "Token bucket: capacity 20, refill 10 every 1 s".
std::string DescribeBucket(const TokenBucket& bucket);
/// "At most 20 at once, then 10 a second"
std::string DescribeLimit(const TokenBucket& bucket);
/// Tokens a second.
double RefillPerSecond(const TokenBucket& bucket);

}  // namespace sluice::sim
