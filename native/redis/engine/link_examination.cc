// What a link does that nobody asked for, and never before a check: it asks the server about
// itself, and puts up what limiters say of themselves.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "redis/link.h"
#include "redis/redirect.h"

namespace sluice::redis {

void Link::Examine(Nanos now) {
  if (!std::exchange(examination_due_, false)) return;
  examination_ = {};
  examination_.no_password = no_password_;
  for (const Question question : {Question::kTime, Question::kReplication, Question::kMemory}) {
    // A router follows the roles by itself.
    if (question == Question::kReplication && options_.routed) continue;
    AddCommand(Command::Kind::kQuestion, {}, now, question);
  }
}

void Link::OnQuestionReply(const Command& command, Reply&& reply, Nanos now) {
  if (command.question == Question::kTime) {
    examination_.asked = command.sent;
    examination_.heard = now;
  }
  examination_.Note(command.question, std::move(reply));
  if (command.question == Question::kMemory && examination_.LacksPolicy()) {
    return AddCommand(Command::Kind::kQuestion, {}, now, Question::kConfig);
  }
  examined_ = command.question == Question::kMemory || command.question == Question::kConfig;
}

bool Link::MayPutUp() const {
  return state_ == State::kReady && !loading_ && leaving_.empty() && breaker_.closed();
}

void Link::PutUpNotices(Nanos now) {
  if (MayPutUp() && notices_.Take(now)) AddCommand(Command::Kind::kNotice, {}, now);
}

// A cluster's nodes are all given all: the one that has the name's slot takes it.
void Link::OnNoticeReply(const Reply& reply) {
  const bool elsewhere = reply.kind == Reply::Kind::kError && ReadRedirect(reply.text);
  const Reply::Kind kind = reply.kind;
  const bool done = notices_.current().policy.empty() ? kind == Reply::Kind::kStatus
                                                      : kind != Reply::Kind::kError;
  notices_.OnReply(reply, !done && !elsewhere);
}

// Whether a reply is under way that nobody asked for.
bool Link::IsExamining() const {
  return std::ranges::any_of(under_way_, [](const Command& command) { return command.aside(); });
}

// Whether a reply is under way that has to come. The server may take its time with what nobody
// asked for, unless the connection waits to end.
bool Link::OwesReply() const {
  return std::ranges::any_of(
      under_way_, [this](const Command& command) { return !command.aside() || !leaving_.empty(); });
}

std::vector<Warning> Link::warnings() const {
  std::vector<Warning> all = doctor_.warnings();
  std::ranges::copy(notices_.warnings(), std::back_inserter(all));
  return all;
}

std::vector<Warning> Link::TakeWarnings(Nanos wall) {
  std::vector<Warning> news = notices_.TakeNews();
  if (!std::exchange(examined_, false)) return news;
  std::ranges::move(doctor_.See(std::exchange(examination_, {}), wall), std::back_inserter(news));
  return news;
}

}  // namespace sluice::redis
