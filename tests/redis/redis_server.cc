// Starts, stops and queries a redis-server.
#include "redis/redis_server.h"

#include <arpa/inet.h>
#include <hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace sluice::testing {
namespace {

using redis::Reply;

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

/// As CMake's SKIP_RETURN_CODE in tests/CMakeLists.txt.
constexpr int kSkipped = 77;

/// redis-server, or valkey-server if SLUICE_SERVER is `valkey`: an unpacked one, or else from PATH.
/// Without one, this program ends as skipped.
std::string ServerProgram() {
  const char* const server = std::getenv("SLUICE_SERVER");
  if (server == nullptr || std::string_view(server) == "redis") return SLUICE_REDIS_SERVER;
  if (std::string_view(server) != "valkey")
    throw std::runtime_error("SLUICE_SERVER: redis, valkey");
  const char* const path = std::getenv("PATH");
  std::istringstream folders(SLUICE_SOURCE_DIR "/.deps/usr/bin:" +
                             std::string(path == nullptr ? "" : path));
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = folder + "/valkey-server";
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  std::fputs("skipped: valkey-server is not here; see scripts/setup.sh test\n", stderr);
  std::_Exit(kSkipped);
}

Reply Convert(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_STRING:
      reply.kind = Reply::Kind::kText;
      break;
    case REDIS_REPLY_STATUS:
      reply.kind = Reply::Kind::kStatus;
      break;
    case REDIS_REPLY_ERROR:
      reply.kind = Reply::Kind::kError;
      break;
    case REDIS_REPLY_INTEGER:
      reply.kind = Reply::Kind::kInteger;
      reply.integers.push_back(from.integer);
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = Reply::Kind::kArray;
      for (std::size_t i = 0; i < from.elements; ++i) {
        const redisReply& element = *from.element[i];
        if (element.type == REDIS_REPLY_INTEGER) {
          reply.integers.push_back(element.integer);
        } else if (element.str != nullptr) {
          reply.text.append(element.str, element.len);
        }
      }
      break;
    default:
      break;
  }
  if (from.type != REDIS_REPLY_ARRAY && from.str != nullptr) reply.text.assign(from.str, from.len);
  return reply;
}

bool CanBind(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return bound;
}

}  // namespace

void RedisServer::FreeContext::operator()(redisContext* context) const { redisFree(context); }

// Below the system's ephemeral ports (from 32768 on Linux), in a separate block for each concurrent
// process. As tests/support/ports.mjs.
std::uint16_t RedisServer::FreePort() {
  constexpr int kFirst = 10'000;
  constexpr int kBlock = 100;
  constexpr int kBlocks = 200;
  static int next = 0;
  for (int tries = 0; tries < kBlock; ++tries) {
    const int port = kFirst + getpid() % kBlocks * kBlock + next++ % kBlock;
    if (CanBind(static_cast<std::uint16_t>(port))) return static_cast<std::uint16_t>(port);
  }
  throw std::runtime_error("no free port");
}

RedisServer::RedisServer(const std::vector<std::string>& options, std::uint16_t port)
    : port_(port) {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-redis-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = name;
  // Another program may take the port first; the server then ends at once.
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (port == 0) port_ = FreePort();
    Start(options);
    if (Connect(options)) return;
    Kill();
  }
  std::filesystem::remove_all(directory_);
  throw std::runtime_error("redis-server does not start");
}

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void RedisServer::Start(const std::vector<std::string>& options) {
  const std::string socket = directory_ + "/socket";
  std::vector<std::string> arguments = {
      ServerProgram(), "--port",    std::to_string(port_), "--bind",      "127.0.0.1",
      "--save",        "",          "--appendonly",        "no",          "--dir",
      directory_,      "--logfile", "/dev/null",           "--daemonize", "no",
      "--unixsocket",  socket};
  arguments.insert(arguments.end(), options.begin(), options.end());
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("redis-server cannot be run");
  if (pid_ == 0) {
    // A test that crashes leaves no server behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(pointers.front(), pointers.data());
    _exit(127);
  }
}

bool RedisServer::Connect(const std::vector<std::string>& options) {
  // No other server listens on this socket. It listens there once it listens on its ports.
  const bool own = std::ranges::find(options, "--unixsocket") == options.end();
  const std::string socket = directory_ + "/socket";
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < give_up) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    context_.reset(own ? redisConnectUnixWithTimeout(socket.c_str(), timeval{5, 0})
                       : redisConnectWithTimeout("127.0.0.1", port_, timeval{5, 0}));
    if (context_ && context_->err == 0) {
      const Reply reply = Run({"PING"});  // an error (NOAUTH) is also a reply
      if (reply.kind != Reply::Kind::kError || !reply.text.starts_with("LOADING")) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

redis::Endpoint RedisServer::endpoint() const {
  redis::Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port_;
  return endpoint;
}

void RedisServer::Freeze() { kill(pid_, SIGSTOP); }
void RedisServer::Thaw() { kill(pid_, SIGCONT); }

void RedisServer::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Reply RedisServer::Run(std::span<const std::string> command) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string& piece : command) {
    texts.push_back(piece.data());
    lengths.push_back(piece.size());
  }
  const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(redisCommandArgv(
      context_.get(), static_cast<int>(command.size()), texts.data(), lengths.data())));
  if (!reply) throw std::runtime_error(std::string("redis-server: ") + context_->errstr);
  return Convert(*reply);
}

Reply RedisServer::Run(std::initializer_list<std::string> command) {
  return Run(std::span(command.begin(), command.size()));
}

std::string RedisServer::Text(std::initializer_list<std::string> command) {
  return Run(command).text;
}

}  // namespace sluice::testing
