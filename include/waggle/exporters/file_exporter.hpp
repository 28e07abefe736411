// Appends batches to a file as OTLP/JSON lines (OpenTelemetry, OTLP File Exporter): one complete
// object a line, in the same encoding as over the network.
#ifndef WAGGLE_EXPORTERS_FILE_EXPORTER_HPP
#define WAGGLE_EXPORTERS_FILE_EXPORTER_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "waggle/exporters/descriptor_writer.hpp"
#include "waggle/otlp/encoder.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/result.hpp"

namespace waggle {
inline namespace abi1 {

// Writes to one file, made readable for its owner only. Several processes may append to the same
// file: each line is one write, unless the disk is full. A named pipe will do too: it must have a
// reader when it is opened, and a batch that it does not take by the deadline fails.
class FileExporter final : public Exporter {
 public:
  // Opens or makes the file; says why it cannot. Never waits.
  static Result<std::unique_ptr<FileExporter>> open(const std::string& path) {
    constexpr int kOwnerOnly = 0600;
    const int descriptor =
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
               kOwnerOnly);
    if (descriptor < 0) {
      return Error{detail::joined({"cannot open ", path, ": ", detail::reason_not_opened(errno)})};
    }
    return std::unique_ptr<FileExporter>(new FileExporter(path, descriptor));
  }

  FileExporter(const FileExporter&) = delete;
  FileExporter& operator=(const FileExporter&) = delete;
  ~FileExporter() override { ::close(descriptor_); }

  ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept override {
    return detail::export_by([&] { return append(batch, deadline); });
  }

 private:
  ExportResult append(const Batch& batch, Deadline deadline) {
    const std::string& object = encoder_.encode(batch);
    if (object.empty()) return {};
    line_.assign(is_cut_off_ ? "\n" : "").append(object) += '\n';
    std::string_view left = line_;
    const std::string problem = detail::write_by(descriptor_, left, deadline);
    is_cut_off_ = detail::is_cut_off(line_, left, is_cut_off_);
    if (problem.empty()) return {};
    return ExportResult::failed(detail::joined({"cannot write to ", path_, ": ", problem}));
  }

  FileExporter(std::string path, int descriptor) noexcept
      : path_(std::move(path)),
        descriptor_(descriptor),
        is_cut_off_(ends_within_line(path_, descriptor)) {}

  // Tells whether the file's last line has no end, as a full disk or a crash leaves it: the first
  // line written now would be lost with it. A file that only may be written is taken for whole.
  static bool ends_within_line(const std::string& path, int descriptor) noexcept {
    struct stat about {};
    if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) return false;
    const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader < 0) return false;
    char last = '\n';
    if (about.st_size > 0 && ::pread(reader, &last, 1, about.st_size - 1) != 1) last = '\n';
    ::close(reader);
    return last != '\n';
  }

  const std::string path_;
  const int descriptor_;
  OtlpEncoder encoder_;
  std::string line_;
  bool is_cut_off_;  // the next line begins with the end of the last one
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_FILE_EXPORTER_HPP
