// Arrivals: drawn and scripted ones.
#include "model/traffic.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "model/duration.h"

namespace sluice::sim {

bool IsRate(double rate) { return rate == 0 || (rate >= kLowestRate && rate <= kHighestRate); }

PoissonTraffic::PoissonTraffic(std::uint64_t seed, double rate, std::uint32_t callers)
    : random_(seed), rate_(rate), callers_(callers) {
  Draw(Nanos{0});
}

Arrival PoissonTraffic::Take() {
  const Arrival taken = *next_;
  Draw(taken.at);
  return taken;
}

void PoissonTraffic::SetRate(double rate, Nanos now) {
  if (rate == rate_) return;
  rate_ = rate;
  Draw(now);
}

void PoissonTraffic::Draw(Nanos from) {
  if (rate_ == 0) {
    next_.reset();
    return;
  }
  const Nanos mean_gap{std::llround(1e9 / rate_)};
  const Nanos at = from + random_.Exponential(mean_gap);
  next_ = Arrival{at, random_.Below(callers_)};
}

std::optional<Volley> ParseVolley(std::string_view text) {
  Volley volley;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, volley.count);
  if (error != std::errc{} || rest == end || *rest != '@') return std::nullopt;
  if (volley.count < 1 || volley.count > kMostScripted) return std::nullopt;
  const std::string_view moments(rest + 1, static_cast<std::size_t>(end - rest - 1));
  const std::size_t dots = moments.find("..");
  const auto from = ParseDuration(moments.substr(0, dots));
  const auto to = dots == std::string_view::npos ? from : ParseDuration(moments.substr(dots + 2));
  if (!from || !to || *to < *from) return std::nullopt;
  volley.from = *from;
  volley.to = *to;
  return volley;
}

std::string WriteVolley(const Volley& volley) {
  std::string text = std::to_string(volley.count) + '@' + WriteDuration(volley.from);
  if (volley.to != volley.from) text += ".." + WriteDuration(volley.to);
  return text;
}

std::vector<Nanos> MomentsOf(const std::vector<Volley>& volleys) {
  std::vector<Nanos> moments;
  for (const Volley& volley : volleys) {
    const Nanos gap = volley.count > 1 ? (volley.to - volley.from) / (volley.count - 1) : Nanos{0};
    for (std::uint32_t i = 0; i < volley.count; ++i) moments.push_back(volley.from + i * gap);
  }
  std::ranges::sort(moments);
  return moments;
}

Traffic::Traffic(std::uint64_t seed, double rate, std::uint32_t callers,
                 const std::vector<Volley>& volleys)
    : poisson_(seed, rate, callers), script_(MomentsOf(volleys)) {}

bool Traffic::NextIsScripted() const {
  return scripted_ < script_.size() &&
         (!poisson_.next() || script_[scripted_] <= poisson_.next()->at);
}

std::optional<Arrival> Traffic::next() const {
  if (NextIsScripted()) return Arrival{script_[scripted_], 0};
  return poisson_.next();
}

Arrival Traffic::Take() {
  if (NextIsScripted()) return {script_[scripted_++], 0};
  return poisson_.Take();
}

}  // namespace sluice::sim
