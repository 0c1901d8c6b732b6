// The list of algorithms: the description and the picture of each.
#pragma once

#include <array>
#include <string_view>
#include <variant>

#include "core/algorithm.h"
#include "model/algorithm_info.h"

namespace sluice::sim {

struct Scene;

extern const AlgorithmInfo kTokenBucketInfo;
extern const AlgorithmInfo kGcraInfo;
extern const AlgorithmInfo kLeakyBucketInfo;
extern const AlgorithmInfo kFixedWindowInfo;
extern const AlgorithmInfo kSlidingWindowInfo;
extern const AlgorithmInfo kSlidingLogInfo;
extern const AlgorithmInfo kConcurrencyInfo;

inline constexpr std::array kAlgorithms{&kTokenBucketInfo, &kGcraInfo,          &kLeakyBucketInfo,
                                        &kFixedWindowInfo, &kSlidingWindowInfo, &kSlidingLogInfo,
                                        &kConcurrencyInfo};
static_assert(kAlgorithms.size() == std::variant_size_v<Algorithm>);

/// The algorithm of this name; null if there is none.
const AlgorithmInfo* AlgorithmNamed(std::string_view name);

// The pictures of a state. See ui/picture.h.
void DrawPicture(const TokenBucket& bucket, const Scene& scene);
void DrawPicture(const Gcra& gcra, const Scene& scene);
void DrawPicture(const LeakyBucket& bucket, const Scene& scene);
void DrawPicture(const FixedWindow& window, const Scene& scene);
void DrawPicture(const SlidingWindow& window, const Scene& scene);
void DrawPicture(const SlidingLog& log, const Scene& scene);
void DrawPicture(const Concurrency& concurrency, const Scene& scene);

}  // namespace sluice::sim
