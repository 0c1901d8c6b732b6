// The fixture of the pipeline's tests, which run over both kinds of session.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "redis/client_session_driver.h"
#include "redis/server_session_driver.h"

namespace sluice::redis {

enum class SessionKind : std::uint8_t { kServer, kClient };

class PipelineTest : public ::testing::TestWithParam<SessionKind> {
 protected:
  using Kind = Request::Kind;
  using Driver = std::unique_ptr<SessionDriver>;

  /// A session that can send.
  static Driver Make(const Pipeline::Options& pipeline = {}) {
    if (GetParam() == SessionKind::kClient) {
      return std::make_unique<ClientSessionDriver>(ClientSession::Options{.pipeline = pipeline});
    }
    ServerSession::Options options;
    options.pipeline = pipeline;
    return std::make_unique<ReadySession>(options);
  }
};

inline std::string NameOf(const ::testing::TestParamInfo<SessionKind>& info) {
  return info.param == SessionKind::kServer ? "ServerSession" : "ClientSession";
}

/// Runs a fixture's tests over both sessions.
#define OVER_BOTH_SESSIONS(fixture)       \
  INSTANTIATE_TEST_SUITE_P(Over, fixture, \
                           ::testing::Values(SessionKind::kServer, SessionKind::kClient), NameOf)

}  // namespace sluice::redis
