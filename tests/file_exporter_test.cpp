#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include <waggle/exporters/file_exporter.hpp>

#include "support/certificates.hpp"
#include "support/sample_trace.hpp"

using nlohmann::json;
using waggle::ExportResult;
using waggle::FileExporter;
using waggle_test::SampleTrace;
using waggle_test::TemporaryDirectory;

namespace {

std::unique_ptr<FileExporter> opened(const std::string& path) {
  auto exporter = FileExporter::open(path);
  REQUIRE(exporter.ok());
  return std::move(exporter.value());
}

ExportResult export_span(FileExporter& exporter, const std::string& name) {
  SampleTrace trace;
  trace.span(name, 1).attribute("text", "two\nlines");
  return exporter.export_batch(trace.batch(), waggle::Deadline::in(waggle::Milliseconds(1000)));
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// Returns the name of the first span in a line, empty if the line is no complete object.
std::string span_name(const std::string& line) {
  const json object = json::parse(line, nullptr, false);
  if (object.is_discarded()) return {};
  return object["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"];
}

// Lets no file of this process grow beyond a size.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{size, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  sighandler_t handler_;
  rlimit before_{};
};

}  // namespace

TEST_CASE("each batch is one line, a complete object of its own") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("traces.jsonl");
  const auto exporter = opened(path);
  CHECK(export_span(*exporter, "first").delivered);
  CHECK(export_span(*exporter, "second").delivered);

  const std::vector<std::string> lines = lines_of(path);
  REQUIRE(lines.size() == 2);
  CHECK(span_name(lines[0]) == "first");
  CHECK(span_name(lines[1]) == "second");
  const json spans = json::parse(lines[0])["resourceSpans"][0];
  CHECK(spans["resource"]["attributes"][0]["value"]["stringValue"] == "shop");
  const json span = spans["scopeSpans"][0]["spans"][0];
  CHECK(span["traceId"] == "0123456789abcdeffedcba9876543210");
  CHECK(span["attributes"][0]["value"]["stringValue"] == "two\nlines");
}

TEST_CASE("a file that is there is appended to, by one exporter after or beside the other") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("traces.jsonl");
  CHECK(export_span(*opened(path), "first").delivered);
  const auto one = opened(path);
  const auto other = opened(path);
  CHECK(export_span(*other, "second").delivered);
  CHECK(export_span(*one, "third").delivered);
  CHECK(export_span(*other, "fourth").delivered);
  std::string names;
  for (const std::string& line : lines_of(path)) names += span_name(line) + " ";
  CHECK(names == "first second third fourth ");
}

TEST_CASE("a new file is for its owner's eyes only, and not inherited by programs started later") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("traces.jsonl");
  const mode_t mask_before = ::umask(0);
  const auto exporter = opened(path);
  ::umask(mask_before);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);

  bool was_found = false;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    struct stat other {};
    if (::fstat(descriptor, &other) != 0 || other.st_ino != status.st_ino ||
        other.st_dev != status.st_dev) {
      continue;
    }
    was_found = true;
    CHECK((::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(was_found);
}

TEST_CASE("an exporter closes its file") {
  const TemporaryDirectory directory;
  const int free_before = ::dup(STDERR_FILENO);
  ::close(free_before);
  opened(directory.file("traces.jsonl")).reset();
  const int free_after = ::dup(STDERR_FILENO);
  ::close(free_after);
  CHECK(free_after == free_before);
}

TEST_CASE("a file that cannot be opened is named, with the reason") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("absent/traces.jsonl");
  const auto absent = FileExporter::open(path);
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error() == "cannot open " + path + ": No such file or directory");

  const auto folder = FileExporter::open(directory.file(""));
  REQUIRE_FALSE(folder.ok());
  CHECK(folder.error().find("Is a directory") != std::string::npos);
}

TEST_CASE("a full disk fails the batch, with the path and the reason") {
  const auto exporter = opened("/dev/full");
  const ExportResult result = export_span(*exporter, "lost");
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == "cannot write to /dev/full: No space left on device");
}

TEST_CASE("a line that was cut off by a full disk does not spoil the next one") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("traces.jsonl");
  const auto exporter = opened(path);
  CHECK(export_span(*exporter, "first").delivered);
  const std::size_t line_size = lines_of(path).at(0).size() + 1;
  {
    const FileSizeLimit limit(static_cast<rlim_t>(line_size + 40));
    const ExportResult result = export_span(*exporter, "lost");
    CHECK_FALSE(result.delivered);
    CHECK(result.reason == "cannot write to " + path + ": File too large");
    CHECK_FALSE(export_span(*exporter, "lost too").delivered);
  }
  CHECK(export_span(*exporter, "second").delivered);
  CHECK(export_span(*exporter, "third").delivered);

  const std::vector<std::string> lines = lines_of(path);
  REQUIRE(lines.size() == 4);
  CHECK(span_name(lines[0]) == "first");
  CHECK(lines[1].size() == 40);
  CHECK(span_name(lines[2]) == "second");
  CHECK(span_name(lines[3]) == "third");
}

TEST_CASE("a reader that is gone fails the batch and does not end the program") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  const auto exporter = opened(path);
  ::close(reader);
  const ExportResult result = export_span(*exporter, "lost");
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == "cannot write to " + path + ": Broken pipe");
}

TEST_CASE("a pipe without a reader cannot be opened, and is not waited for") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  ::alarm(60);
  const auto exporter = FileExporter::open(path);
  ::alarm(0);
  REQUIRE_FALSE(exporter.ok());
  CHECK(exporter.error() == "cannot open " + path + ": a pipe that nobody reads, or a socket");
}

TEST_CASE("a pipe that takes no more fails the batch by its deadline, and spoils no later line") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  const auto exporter = opened(path);
  SampleTrace large;
  for (unsigned i = 1; i <= 3000; ++i) large.span("large", i);
  ::alarm(60);
  const ExportResult result =
      exporter->export_batch(large.batch(), waggle::Deadline::in(waggle::Milliseconds(50)));
  ::alarm(0);
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == "cannot write to " + path + ": it takes no more output");

  std::string text;
  const auto read_all = [&] {
    char piece[4096];
    for (ssize_t size; (size = ::read(reader, piece, sizeof(piece))) > 0;) {
      text.append(piece, static_cast<std::size_t>(size));
    }
  };
  read_all();
  CHECK(text.find('\n') == text.npos);
  CHECK(export_span(*exporter, "next").delivered);
  read_all();
  ::close(reader);
  CHECK(span_name(text.substr(text.find('\n') + 1)) == "next");
}

TEST_CASE("a line that an earlier program left without an end does not spoil the first one") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("traces.jsonl");
  std::ofstream(path) << "{\"resourceSp";
  CHECK(export_span(*opened(path), "first").delivered);
  CHECK(export_span(*opened(path), "second").delivered);
  const std::vector<std::string> lines = lines_of(path);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "{\"resourceSp");
  CHECK(span_name(lines[1]) == "first");
  CHECK(span_name(lines[2]) == "second");
}

TEST_CASE("a batch without spans writes nothing") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("traces.jsonl");
  const auto exporter = opened(path);
  SampleTrace none;
  CHECK(exporter->export_batch(none.batch(), waggle::Deadline::in(waggle::Milliseconds(1000)))
            .delivered);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_size == 0);
}
