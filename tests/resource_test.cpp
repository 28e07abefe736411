// What process the spans come from: what is found out, what the environment and the code say, and
// who wins.
#include <doctest/doctest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/environment_variable.hpp"

using namespace waggle;
using namespace waggle_test;

namespace {

const std::string kId(64, 'a');

// Keeps the resource of the last batch.
class ResourceExporter final : public Exporter {
 public:
  explicit ResourceExporter(Resource& resource) : resource_(resource) {}
  ExportResult export_batch(const Batch& batch, Deadline) noexcept override {
    resource_ = batch.resource;
    return {};
  }

 private:
  Resource& resource_;
};

void keep_message(std::string_view message, void* user) {
  static_cast<std::vector<std::string>*>(user)->emplace_back(message);
}

// Traces one span and returns the resource that it came with, and what was complained about.
Resource traced(Config config, std::vector<std::string>* messages = nullptr) {
  Resource resource;
  std::vector<std::string> ignored;
  config.exporters.push_back(std::make_unique<ResourceExporter>(resource));
  config.on_message = &keep_message;
  config.on_message_user = messages != nullptr ? messages : &ignored;
  Tracing tracing = start(std::move(config));
  REQUIRE(tracing.ok());
  { Span span{"one"}; }
  CHECK(tracing.shutdown());
  return resource;
}

std::set<std::string> keys(const Resource& resource) {
  std::set<std::string> names;
  for (const ResourceAttribute& attribute : resource.attributes()) names.insert(attribute.key);
  return names;
}

std::string executable() {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
  REQUIRE(size > 0);
  return {path, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("T72, T73: a service without a name is called after its executable") {
  const EnvironmentVariable name("OTEL_SERVICE_NAME", "");
  const Resource resource = traced({});
  const std::string path = executable();
  CHECK(resource.text("service.name") ==
        "unknown_service:" + path.substr(path.find_last_of('/') + 1));
  CHECK(resource.text("telemetry.sdk.name") == "waggle");
  CHECK(resource.text("telemetry.sdk.language") == "cpp");
  CHECK(resource.text("telemetry.sdk.version") == WAGGLE_VERSION);
}

TEST_CASE("T77: process, host and system are described, by the conventions' version") {
  const Resource resource = traced({});
  utsname system{};
  REQUIRE(::uname(&system) == 0);
  CHECK(resource.text("host.name") == std::string(system.nodename));
  CHECK(resource.text("os.type") == "linux");
  CHECK(resource.text("process.executable.path") == executable());
  CHECK(keys(resource).count("process.pid") == 1);
  CHECK(resource.schema_url() == kResourceSchemaUrl);
  for (const ResourceAttribute& attribute : resource.attributes()) {
    CAPTURE(attribute.key);
    CHECK((attribute.is_number || !attribute.text.empty()));
    if (attribute.key == "process.pid") CHECK(attribute.number == ::getpid());
  }
}

TEST_CASE("T78: each start has an instance id of its own, a random UUID") {
  const std::string first(traced({}).text("service.instance.id"));
  const std::string second(traced({}).text("service.instance.id"));
  CHECK(first != second);
  for (const std::string& id : {first, second}) {
    REQUIRE(id.size() == 36);
    CHECK(id[14] == '4');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    for (std::size_t i = 0; i < id.size(); ++i) {
      const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
      CHECK((id[i] == '-') == is_dash);
    }
  }
}

TEST_CASE("detection can be turned off, but for what every resource has") {
  Config config;
  config.detect_resource = false;
  config.service_name = "quiet";
  CHECK(keys(traced(std::move(config))) ==
        std::set<std::string>{"service.name", "service.instance.id", "telemetry.sdk.name",
                              "telemetry.sdk.language", "telemetry.sdk.version"});
}

TEST_CASE("T75: the code wins over the environment, and that over what is found") {
  const EnvironmentVariable attributes(
      "OTEL_RESOURCE_ATTRIBUTES",
      "service.name=listed,host.name=elsewhere,deployment.environment.name=staging,team=a");
  SUBCASE("the environment alone") {
    const EnvironmentVariable name("OTEL_SERVICE_NAME", "");
    const Resource resource = traced({});
    CHECK(resource.text("service.name") == "listed");
    CHECK(resource.text("host.name") == "elsewhere");
    CHECK(resource.text("deployment.environment.name") == "staging");
  }
  SUBCASE("OTEL_SERVICE_NAME wins over the list") {
    const EnvironmentVariable name("OTEL_SERVICE_NAME", "named");
    CHECK(traced({}).text("service.name") == "named");
  }
  SUBCASE("the code wins") {
    const EnvironmentVariable name("OTEL_SERVICE_NAME", "named");
    Config config;
    config.service_name = "coded";
    config.resource_attributes = {{"team", "b"}, {"service.name", "attribute"}};
    config.resource_schema_url = "https://example.com/schemas/2";
    const Resource resource = traced(std::move(config));
    CHECK(resource.text("service.name") == "coded");
    CHECK(resource.text("team") == "b");
    CHECK(resource.text("host.name") == "elsewhere");
    CHECK(resource.schema_url() == "https://example.com/schemas/2");
  }
}

TEST_CASE("T76: OTEL_RESOURCE_ATTRIBUTES is percent-decoded, and blanks around do not count") {
  Resource resource;
  CHECK(detail::parse_resource_attributes(
            " a = 1 ,, b=x%2Cy%3Dz , caf%C3%A9=%25 ,plus=1+1, empty= ", resource) == 0);
  CHECK(resource.text("a") == "1");
  CHECK(resource.text("b") == "x,y=z");
  CHECK(resource.text("caf\xc3\xa9") == "%");
  CHECK(resource.text("plus") == "1+1");
  CHECK(keys(resource).count("empty") == 1);
}

TEST_CASE("T76: one wrong entry of OTEL_RESOURCE_ATTRIBUTES discards all, and its place is told") {
  for (const char* wrong :
       {"good=1,bad", "good=1,=2", "good=1,a=b=c", "good=1,a=%2", "good=1,%zz=1"}) {
    CAPTURE(wrong);
    const EnvironmentVariable attributes("OTEL_RESOURCE_ATTRIBUTES", wrong);
    std::vector<std::string> messages;
    const Resource resource = traced({}, &messages);
    CHECK(keys(resource).count("good") == 0);
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].find("OTEL_RESOURCE_ATTRIBUTES: entry 2") != std::string::npos);
  }
}

TEST_CASE("T74: merging takes the newer value, also an empty one, and a schema URL that is given") {
  Resource old;
  old.set("kept", "1");
  old.set("replaced", "1");
  old.set_schema_url("https://example.com/1");
  Resource newer;
  newer.set("replaced", "");
  newer.set("number", std::int64_t{7});
  old.merge(newer);
  CHECK(keys(old) == std::set<std::string>{"kept", "replaced", "number"});
  CHECK(old.text("replaced").empty());
  CHECK(old.schema_url() == "https://example.com/1");
  newer.set_schema_url("https://example.com/2");
  old.merge(newer);
  CHECK(old.schema_url() == "https://example.com/2");
}

TEST_CASE("a container's id is found in the cgroups of every runtime") {
  using detail::container_id_in_cgroup;
  for (const std::string& path :
       {"/docker/" + kId, "/system.slice/docker-" + kId + ".scope",
        "/kubepods/besteffort/pod1f2e/" + kId,
        "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + kId + ".scope",
        "/kubepods.slice/crio-" + kId + ".scope",
        "/system.slice/containerd.service/k8s.io:cri-containerd:" + kId,
        "/machine.slice/libpod-" + kId + ".scope"}) {
    CAPTURE(path);
    CHECK(container_id_in_cgroup("2:cpu:/\n1:name=systemd:" + path + "\n") == kId);
  }
  const std::string task = "34dc0b5e626f2c5c4c5170e34b10e765-1234567890";
  CHECK(container_id_in_cgroup("4:memory:/ecs/34dc0b5e626f2c5c4c5170e34b10e765/" + task) == task);
}

TEST_CASE("a process outside a container has no container's id") {
  using detail::container_id_in_cgroup;
  for (const std::string& text :
       {std::string(), std::string("\n\n"), std::string("0::/\n"), std::string("nonsense"),
        std::string("1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n"),
        "1:cpu:/docker/" + kId.substr(1), "1:cpu:/docker/" + kId + "0",
        "1:cpu:/docker/" + std::string(64, 'G')}) {
    CAPTURE(text);
    CHECK(container_id_in_cgroup(text).empty());
  }
}

TEST_CASE("where cgroups hide the path, the container's id is found among the mounts") {
  using detail::container_id_in_mounts;
  const std::string before = "22 27 0:21 / /proc rw,relatime - proc proc rw\n";
  CHECK(container_id_in_mounts(before + "1 2 8:1 /var/lib/docker/containers/" + kId +
                               "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n") == kId);
  CHECK(container_id_in_mounts("1 2 8:1 /containers/overlay-containers/" + kId +
                               "/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw") == kId);
  CHECK(container_id_in_mounts("1 2 8:1 /io.containerd.grpc.v1.cri/sandboxes/" + kId +
                               "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n")
            .empty());
  CHECK(container_id_in_mounts("1 2 8:1 /containers/" + kId + "/hosts /etc/hosts rw - x y z")
            .empty());
  CHECK(container_id_in_mounts("").empty());
}

TEST_CASE("what a system calls itself is read without its quotes") {
  using detail::os_release_value;
  const std::string text =
      "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='x'\nVERSION_ID=12\n\nID=\"";
  CHECK(os_release_value(text, "PRETTY_NAME") == "Debian GNU/Linux 12 (bookworm)");
  CHECK(os_release_value(text, "NAME") == "x");
  CHECK(os_release_value(text, "VERSION_ID") == "12");
  CHECK(os_release_value(text, "ID") == "\"");
  CHECK(os_release_value(text, "VERSION").empty());
}

TEST_CASE("a machine's id and processor have the names that the conventions know") {
  CHECK(detail::machine_id("0123456789abcdef0123456789abcdef\n").size() == 32);
  for (const char* text : {"", "uninitialized\n", "0123456789ABCDEF0123456789ABCDEF\n", "0123\n"}) {
    CHECK(detail::machine_id(text).empty());
  }
  CHECK(detail::architecture_of("x86_64") == "amd64");
  CHECK(detail::architecture_of("aarch64") == "arm64");
  CHECK(detail::architecture_of("armv7l") == "arm32");
  CHECK(detail::architecture_of("i686") == "x86");
  CHECK(detail::architecture_of("ppc64le") == "ppc64");
  CHECK(detail::architecture_of("riscv64") == "riscv64");
}

TEST_CASE("the resource's schema URL stands beside the resource") {
  Resource resource;
  resource.set("service.name", "x");
  resource.set_schema_url(kResourceSchemaUrl);
  FinishedSpan span;
  span.trace_id = {1, 2};
  span.span_id = {3};
  OtlpEncoder encoder;
  const auto body = nlohmann::json::parse(encoder.encode({resource, {&span, 1}}));
  CHECK(body["resourceSpans"][0]["schemaUrl"] == std::string(kResourceSchemaUrl));
}
