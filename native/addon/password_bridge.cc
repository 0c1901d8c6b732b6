// One more thread-safe function per environment, called once per batch of password requests.
#include "password_bridge.h"

#include <array>
#include <utility>

namespace sluice::addon {
namespace {

constexpr const char* kEnded =
    "the thread that gave the password function has ended, or closed its limiters";

}  // namespace

class PasswordBridge::Source final : public redis::PasswordSource {
 public:
  Source(std::shared_ptr<PasswordBridge> bridge, std::uint32_t id)
      : bridge_(std::move(bridge)), id_(id) {}

  void Ask(std::shared_ptr<redis::PasswordRequest> request) override { bridge_->Ask(id_, request); }

 private:
  const std::shared_ptr<PasswordBridge> bridge_;
  const std::uint32_t id_;
};

void PasswordBridge::Enter(napi_env env) {
  if (wake_ == nullptr) {
    napi_threadsafe_function wake = nullptr;
    const napi_status status = napi_create_threadsafe_function(
        env, nullptr, nullptr, Napi::String::New(env, "sluice password"), 0, 1, nullptr, nullptr,
        this, &PasswordBridge::OnWake, &wake);
    if (status != napi_ok) throw Napi::Error::New(env);
    napi_unref_threadsafe_function(env, wake);
    // Before the function's own hook, as in AnswerBridge::Enter.
    napi_add_env_cleanup_hook(env, &PasswordBridge::OnEnd, this);
    env_ = env;
    const std::scoped_lock lock(mutex_);
    wake_ = wake;
  }
  ++limiters_;
}

void PasswordBridge::Leave() {
  if (--limiters_ == 0) Close();
}

void PasswordBridge::End() {
  Close();
  receiver_.Reset();
}

void PasswordBridge::OnEnd(void* bridge) { static_cast<PasswordBridge*>(bridge)->Close(); }

void PasswordBridge::SetReceiver(Napi::Function receiver) {
  receiver_ = Napi::Persistent(receiver);
}

std::shared_ptr<redis::PasswordSource> PasswordBridge::MakeSource(std::uint32_t id) {
  return std::make_shared<Source>(shared_from_this(), id);
}

void PasswordBridge::Ask(std::uint32_t source,
                         const std::shared_ptr<redis::PasswordRequest>& request) {
  bool closed = false;
  {
    const std::scoped_lock lock(mutex_);
    closed = wake_ == nullptr;
    if (!closed) {
      std::erase_if(unanswered_, [](const auto& entry) { return entry.second.expired(); });
      const std::uint64_t ticket = ++tickets_;
      unanswered_.emplace(ticket, request);
      waiting_.push_back({source, ticket});
      napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
    }
  }
  if (closed) request->Refuse(kEnded);
}

std::shared_ptr<redis::PasswordRequest> PasswordBridge::Take(std::uint64_t ticket) {
  const std::scoped_lock lock(mutex_);
  const auto node = unanswered_.extract(ticket);
  return node.empty() ? nullptr : node.mapped().lock();
}

void PasswordBridge::Give(std::uint64_t ticket, std::string password) {
  if (const auto request = Take(ticket)) request->Give(std::move(password));
}

void PasswordBridge::Refuse(std::uint64_t ticket, std::string why) {
  if (const auto request = Take(ticket)) request->Refuse(std::move(why));
}

void PasswordBridge::Close() {
  if (wake_ == nullptr) return;
  napi_threadsafe_function wake = nullptr;
  decltype(unanswered_) unanswered;
  {
    const std::scoped_lock lock(mutex_);
    wake = std::exchange(wake_, nullptr);
    unanswered.swap(unanswered_);
    waiting_.clear();
  }
  napi_remove_env_cleanup_hook(env_, &PasswordBridge::OnEnd, this);
  napi_release_threadsafe_function(wake, napi_tsfn_abort);
  for (const auto& [ticket, request] : unanswered) {
    if (const auto asked = request.lock()) asked->Refuse(kEnded);
  }
}

void PasswordBridge::OnWake(napi_env env, napi_value /*callback*/, void* context, void* /*data*/) {
  if (env == nullptr) return;  // the environment is ending
  static_cast<PasswordBridge*>(context)->HandOver(env);
}

// Plain Node-API, and ignores every status, as in AnswerBridge::HandOver.
void PasswordBridge::HandOver(napi_env env) {
  std::vector<Wanted> wanted;
  {
    const std::scoped_lock lock(mutex_);
    wanted.swap(waiting_);
  }
  for (const Wanted& one : wanted) {
    const Napi::HandleScope scope(env);
    std::array<napi_value, 2> args{};
    napi_create_uint32(env, one.source, args.data());
    napi_create_double(env, static_cast<double>(one.ticket), &args[1]);
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    napi_call_function(env, undefined, receiver_.Value(), args.size(), args.data(), nullptr);
  }
}

}  // namespace sluice::addon
