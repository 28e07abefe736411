// A span around a gRPC call, with abseil's and protobuf's types in it: they share a file, a program
// and OpenSSL with waggle. The server is gRPC's own health service, in this process.
#include <absl/strings/str_cat.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <waggle/sdk.hpp>

namespace {

using google::protobuf::Empty;
using google::protobuf::Int64Value;  // on the wire as the health service's answer is

constexpr int kServing = 1;

// A server has to have some service of one's own; this one is never called.
std::unique_ptr<grpc::Server> start_server(grpc::CallbackGenericService& service, int& port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&service);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  return builder.BuildAndStart();
}

grpc::Status check_health(const std::string& address, Int64Value& answer) {
  grpc::TemplatedGenericStub<Empty, Int64Value> stub{
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials())};
  grpc::ClientContext context;
  waggle::inject(waggle::current_context(), [&](std::string_view name, std::string_view value) {
    context.AddMetadata(std::string(name), std::string(value));
  });
  const Empty request;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &answer,
                 [&](grpc::Status status) { done.set_value(std::move(status)); });
  return done.get_future().get();
}

bool trace_a_call() {
  grpc::CallbackGenericService service;
  int port = 0;
  const std::unique_ptr<grpc::Server> server = start_server(service, port);
  if (server == nullptr) return false;
  waggle::Span span{"grpc.health.v1.Health/Check"};
  Int64Value answer;
  const grpc::Status status = check_health(absl::StrCat("127.0.0.1:", port), answer);
  span.set_attribute("rpc.grpc.status_code", static_cast<int>(status.error_code()));
  server->Shutdown();
  return status.ok() && answer.value() == kServing;
}

}  // namespace

int main() {
  auto store = std::make_shared<waggle::SpanStore>();
  waggle::Config config;
  config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store));
  auto tracing = waggle::start(std::move(config));
  const bool answered = trace_a_call();
  tracing.force_flush();
  std::printf("gRPC %s: %zu spans\n", grpc::Version().c_str(), store->size());
  return answered && store->size() == 1 ? 0 : 1;
}
