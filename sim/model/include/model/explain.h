// The explanation of a decision: the rule, its numbers, and the answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/history.h"

namespace sluice::sim {

struct Explanation {
  /// One line of arithmetic: "needed", "n x I", "= 1 x 100 ms", "100 ms".
  struct Line {
    std::string name;
    std::string symbol;
    std::string numbers;  ///< the symbol's value; may be empty
    std::string value;
  };

  /// The rule as a picture, in shares of the limit: the part in use, the request's cost, and the
  /// limit.
  struct Fit {
    std::string taken_name;  ///< "taken, not refilled yet: b"
    double taken = 0;
    double need = 0;
  };

  std::string verdict;  ///< "Admitted", "Denied"
  std::string reason;   ///< the reason, in one or two sentences
  Fit fit;
  std::string rule;  ///< "admit if n x I <= C x I - b"
  std::string hint;  ///< the meaning of its symbols, in a sentence
  std::vector<Line> lines;
  std::string test;          ///< the rule with the numbers in it: "100 ms <= 40.1 ms?  No: denied."
  std::vector<Line> answer;  ///< the answer to the caller
};

Explanation Explain(const Request& request);

/// "How a token bucket decides": a heading, then one sentence per fact.
struct Introduction {
  std::string title;
  std::vector<std::string> sentences;
};

}  // namespace sluice::sim
