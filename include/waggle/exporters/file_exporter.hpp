// Appends batches to a file as OTLP/JSON lines (OpenTelemetry, OTLP File Exporter): one complete
// object a line, in the same encoding as over the network.
#ifndef WAGGLE_EXPORTERS_FILE_EXPORTER_HPP
#define WAGGLE_EXPORTERS_FILE_EXPORTER_HPP

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "waggle/http/sigpipe_guard.hpp"
#include "waggle/otlp/encoder.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/result.hpp"

namespace waggle {
inline namespace abi1 {

// Writes to one file, made readable for its owner only. Several processes may append to the same
// file: each line is one write.
class FileExporter final : public Exporter {
 public:
  // Opens or makes the file; says why it cannot.
  static Result<std::unique_ptr<FileExporter>> open(const std::string& path) {
    constexpr int kOwnerOnly = 0600;
    const int descriptor =
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kOwnerOnly);
    if (descriptor < 0) return Error{"cannot open " + path + ": " + std::strerror(errno)};
    return std::unique_ptr<FileExporter>(new FileExporter(path, descriptor));
  }

  FileExporter(const FileExporter&) = delete;
  FileExporter& operator=(const FileExporter&) = delete;
  ~FileExporter() override { ::close(descriptor_); }

  ExportResult export_batch(const Batch& batch, Deadline) noexcept override {
    const std::string& object = encoder_.encode(batch);
    if (object.empty()) return {};
    line_.assign(is_cut_off_ ? "\n" : "").append(object) += '\n';
    return write(line_);
  }

 private:
  FileExporter(std::string path, int descriptor) noexcept
      : path_(std::move(path)), descriptor_(descriptor) {}

  // A line that could be written in part only is ended before the next one begins.
  ExportResult write(std::string_view rest) {
    const detail::SigpipeGuard guard;
    while (!rest.empty()) {
      const ssize_t size = ::write(descriptor_, rest.data(), rest.size());
      if (size > 0) {
        rest.remove_prefix(static_cast<std::size_t>(size));
        is_cut_off_ = !rest.empty();
      } else if (errno != EINTR) {
        return ExportResult::failed("cannot write to " + path_ + ": " + std::strerror(errno));
      }
    }
    return {};
  }

  const std::string path_;
  const int descriptor_;
  OtlpEncoder encoder_;
  std::string line_;
  bool is_cut_off_ = false;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_FILE_EXPORTER_HPP
